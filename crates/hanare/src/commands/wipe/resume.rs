//! `hanare wipe resume`: finishes a wipe that was interrupted; run at boot, before anyone can log in.

use hanare_wipe::pending::Pending;
use hanare_wipe::tree::resume;
use serde_json::json;

use super::{report, signer};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;
use crate::times;

pub(crate) fn run(context: &Context) -> Outcome {
    if !Pending::is_there(&context.state) {
        return nothing(context);
    }
    // Whatever became of the enrolment meanwhile: an interrupted wipe is finished.
    let key = signer::own_or_new(context)?;
    match resume(&context.state, key, &times::now).map_err(foreign::tree_error)? {
        Some(ended) => report::tell(context, "wipe.resume", &ended),
        None => nothing(context),
    }
}

fn nothing(context: &Context) -> Outcome {
    let document = json!({"pending": false});
    context.out.result("wipe.resume", &document, |voice| voice.say("wipe-nothing-pending"))?;
    Ok(Exit::Good)
}
