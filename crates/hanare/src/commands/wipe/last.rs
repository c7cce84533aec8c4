//! `hanare wipe last`: what systemd runs when the machine is about to stop and every unit has (see `units/hanare.shutdown`).

use hanare_wipe::volume::{self, Last};
use serde_json::json;

use super::volume::places;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::{foreign, times};

pub(crate) fn run(context: &Context) -> Outcome {
    let last = volume::end_last(places(context), times::now()).map_err(foreign::volume_error)?;
    let document = json!({
        "open": last.is_some(),
        "key_destroyed": last.map(|last| last.key_destroyed),
        "recorded": last.map(|last| last.recorded),
    });
    context.out.result("wipe.last", &document, |voice| {
        voice.say(match last {
            None => "last-nothing",
            Some(Last { key_destroyed: true, recorded: true }) => "last-ended",
            Some(Last { key_destroyed: true, recorded: false }) => "last-ended-unrecorded",
            Some(Last { key_destroyed: false, .. }) => "last-readable",
        })
    })?;
    Ok(match last {
        None | Some(Last { key_destroyed: true, recorded: true }) => Exit::Good,
        Some(Last { key_destroyed: true, recorded: false }) => Exit::Incomplete,
        Some(Last { key_destroyed: false, .. }) => Exit::No,
    })
}
