//! `hanare wipe resume`: finishes a wipe that was interrupted; run at boot, before anyone can log in.

use hanare_wipe::pending::Pending;
use hanare_wipe::tree::{Ended, resume};
use hanare_wipe::volume;
use serde_json::json;

use super::volume::places;
use super::{ending, report, signer};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::times;

pub(crate) fn run(context: &Context) -> Outcome {
    // A work volume that an earlier boot left open, or whose end was interrupted.
    let volume = volume::settle(places(context), times::now()).map_err(foreign::volume_error)?;
    let volume = volume.map(|ended| ending::record(context, ended)).transpose()?;
    match (trees(context)?, volume) {
        (Some(ended), None) | (None, Some(ended)) => report::tell(context, "wipe.resume", &ended),
        (Some(ended), Some(volume)) => {
            let trees = report::tell(context, "wipe.resume", &ended)?;
            Ok(report::worse(trees, volume.outcome.verdict))
        }
        (None, None) => {
            let document = json!({"pending": false});
            context.out.result("wipe.resume", &document, |voice| voice.say("wipe-nothing-pending"))?;
            Ok(Exit::Good)
        }
    }
}

fn trees(context: &Context) -> Result<Option<Ended>, Failure> {
    if !Pending::is_there(&context.state).map_err(foreign::pending_error)? {
        return Ok(None);
    }
    // Whatever became of the enrolment meanwhile: an interrupted wipe is finished.
    let key = signer::own_or_new(context)?;
    resume(&context.state, key, &times::now).map_err(foreign::tree_error)
}
