//! `hanare wipe resume`: finishes a wipe that was interrupted; run at boot, before anyone can log in.

use hanare_wipe::pending::Pending;
use hanare_wipe::tree::{Ended, resume};
use hanare_wipe::volume;
use serde_json::json;

use super::volume::{places, still_readable};
use super::{ending, report, signer};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        if self.dry_run { told(context) } else { resumed(context) }
    }
}

/// What would be finished.
fn told(context: &Context) -> Outcome {
    let volume = volume::is_unsettled(places(context)).map_err(foreign::volume_error)?;
    let trees = Pending::count(&context.state).map_err(foreign::pending_error)?;
    let is_pending = volume || trees.is_some();
    let trees = trees.unwrap_or(0);
    let document = json!({"dry_run": true, "pending": is_pending, "volume": volume, "trees": trees});
    context.out.result("wipe.resume", &document, |voice| {
        if !is_pending {
            return voice.say("wipe-nothing-pending");
        }
        let volume = if volume { "yes" } else { "no" };
        voice.say_with("wipe-would-resume", &[("volume", &volume), ("trees", &trees)])
    })?;
    Ok(Exit::Good)
}

fn resumed(context: &Context) -> Outcome {
    // A work volume that an earlier boot left open, or whose end was interrupted.
    let volume = volume::settle(places(context), times::now()).map_err(foreign::volume_error)?;
    let volume = volume.map(|ended| ending::record(context, ended)).transpose()?;
    // What of this one can still be read is in its own verdict.
    let is_ended = volume.is_some();
    let said = match (trees(context)?, volume) {
        (Some(ended), None) | (None, Some(ended)) => report::tell(context, "wipe.resume", &ended),
        (Some(ended), Some(volume)) => {
            let trees = report::tell(context, "wipe.resume", &ended)?;
            Ok(report::worse(trees, volume.outcome.verdict))
        }
        (None, None) => {
            still_readable(context)?;
            let document = json!({"pending": false});
            context.out.result("wipe.resume", &document, |voice| voice.say("wipe-nothing-pending"))?;
            Ok(Exit::Good)
        }
    }?;
    if is_ended { Ok(said) } else { still_readable(context).map(|()| said) }
}

fn trees(context: &Context) -> Result<Option<Ended>, Failure> {
    if !Pending::is_there(&context.state).map_err(foreign::pending_error)? {
        return Ok(None);
    }
    // Whatever became of the enrolment meanwhile: an interrupted wipe is finished.
    let key = signer::own_or_new(context)?;
    resume(&context.state, key, &times::now).map_err(foreign::tree_error)
}
