//! `hanare device`: a bare userspace `WireGuard` interface.

use std::process::Command;

use hanare_tunnel::device::{self, DeviceError, DeviceOptions};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::output::Readiness;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(short, long)]
    foreground: bool,
    /// What the process in the background is started with.
    #[arg(long, hide = true, conflicts_with = "foreground")]
    detached: bool,
    #[arg(value_name = "IFNAME")]
    interface: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { foreground, detached, interface } = self;
        if foreground || detached {
            let mut stands = ready(context, &interface)?;
            // In the background it is the command that started this one which says so.
            let on_ready = move || {
                if !detached {
                    stands.tell();
                }
            };
            device::run(&DeviceOptions { name: interface, detached }, on_ready)
                .map_err(foreign::device_error)?;
        } else {
            let mut command = Command::new("/proc/self/exe");
            command.args(&context.inherited).args(["device", "--detached", &interface]);
            match device::start_in_background(&mut command, &interface) {
                // It has said why, in the person's language and form.
                Err(DeviceError::Background { said, status: Some(status) }) => {
                    context.out.relay(&said);
                    return Ok(u8::try_from(status).map_or(Exit::Bug, Exit::from_code));
                }
                started => started.map_err(foreign::device_error)?,
            }
            ready(context, &interface)?.tell();
        }
        Ok(Exit::Good)
    }
}

fn ready(context: &Context, interface: &str) -> Result<Readiness, Failure> {
    Ok(context.out.once_ready("device", &json!({"interface": interface}))?)
}
