//! `hanare down`: stops the tunnel; the kill switch stays.

use hanare_tunnel::control::{Client, ControlError};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self {} = self;
        let stopped = match Client::new(&context.runtime).down() {
            Ok(()) => true,
            Err(ControlError::NotRunning { .. }) => false,
            Err(error) => return Err(foreign::control_error(error)),
        };
        context.out.result("down", &json!({"stopped": stopped}), |_| String::new())?;
        context.out.talk(if stopped { "down-stopped" } else { "down-before" }, &[]);
        Ok(Exit::Good)
    }
}
