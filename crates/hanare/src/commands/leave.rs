//! `hanare leave`: leaves the room, and leaves this machine as it was before it joined.

use hanare_tunnel::control::{Client, ControlError};
use hanare_tunnel::node;
use serde_json::json;

use crate::agent::SEALED;
use crate::ask::Confirmation;
use crate::commands::wipe::sealed;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let what = context.out.voice().say_with("what-enrolment", &[("state", &context.state.display())]);
        if !self.confirmation.go_on(context, &what)? {
            context.out.result("leave", &json!({"dry_run": true}), |_| String::new())?;
            return Ok(Exit::Good);
        }
        // What waits here would be nobody's: only this node may deliver it.
        let waiting = sealed::waiting(context)?.len();
        if waiting > 0 {
            return Err(Failure::new(Exit::Refused, "sealed-waiting").with("items", waiting));
        }
        // Empty, and made again by whoever needs it.
        let _ = std::fs::remove_dir(context.state.join(SEALED));
        let told = match Client::new(&context.runtime).leave(context.node_state()) {
            Ok(told) => told,
            // A machine that never joined has nothing to give back.
            Err(ControlError::NotRunning { .. }) if !context.state.exists() => {
                node::Told { left: None, missing: 0 }
            }
            Err(ControlError::NotRunning { .. }) => {
                node::leave(&context.state).map_err(foreign::leave_error)?
            }
            Err(error) => return Err(foreign::control_error(error)),
        };
        let document = json!({
            "left": true, "headquarters_told": told.left, "records_missing": told.missing,
        });
        context.out.result("leave", &document, |_| String::new())?;
        context.out.talk("left", &[]);
        if told.missing > 0 {
            context.out.talk("left-records", &[("records", &told.missing)]);
        }
        if told.left == Some(false) {
            context.out.talk("left-untold", &[]);
        }
        Ok(Exit::Good)
    }
}
