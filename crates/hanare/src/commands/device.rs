//! `hanare device`: a bare userspace `WireGuard` interface.

use std::process::Command;

use hanare_tunnel::device::{self, DeviceError, DeviceOptions};

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;

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
            device::run(&DeviceOptions { name: interface, detached }).map_err(foreign::device_error)?;
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
        }
        Ok(Exit::Good)
    }
}
