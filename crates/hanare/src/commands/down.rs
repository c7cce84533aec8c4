//! `hanare down`: stops the tunnel; the kill switch stays.

use hanare_host::{HostError, undo};
use hanare_tunnel::control::Client;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self {} = self;
        let stopped =
            Client::new(&context.runtime).down(context.node_state()).map_err(foreign::control_error)?;
        give_back(context)?;
        context.out.result("down", &json!({"stopped": stopped}), |_| String::new())?;
        context.out.talk(if stopped { "down-stopped" } else { "down-before" }, &[]);
        Ok(Exit::Good)
    }
}

/// A process that was killed, or could not undo a change, leaves its log: what is in it is undone now.
fn give_back(context: &Context) -> Result<(), Failure> {
    let Some(state) = context.node_state() else { return Ok(()) };
    let log = state.join(undo::FILE);
    if !log.exists() {
        return Ok(());
    }
    match undo::replay(state) {
        // Somebody else's tunnel runs already, and undid it first.
        Ok(()) | Err(HostError::Busy { .. }) => Ok(()),
        Err(error) => {
            let why = foreign::host_error(error).tell(context.out.voice());
            Err(Failure::new(Exit::Incomplete, "machine-kept")
                .with("path", log.display())
                .with("why", format!("{} {}", why.text, why.cause)))
        }
    }
}
