//! `hanare guard`: closes the kill switch again; for the boot and for new devices, not for people.

use hanare_host::kill_switch;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self {} = self;
        let closed = kill_switch::restore(&context.state).map_err(foreign::host_error)?;
        context.out.result("guard", &json!({"closed": closed}), |_| String::new())?;
        Ok(Exit::Good)
    }
}
