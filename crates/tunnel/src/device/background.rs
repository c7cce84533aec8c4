//! Running behind the caller's back, as wg-quick expects: the command returns once the device answers.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hanare_host::Deed;

use super::{DeviceError, io as failed};
use crate::uapi;

/// A device stands within milliseconds; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts `command`, which is to call [`super::run`] with `detached`, and returns once the interface's socket answers.
///
/// # Errors
/// [`DeviceError::Background`] with what the process said before it ended.
pub fn start_in_background(command: &mut Command, interface: &str) -> Result<(), DeviceError> {
    let path = Path::new(uapi::DIRECTORY).join(format!("{interface}.sock"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed(Deed::Worker))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(failed(Deed::Worker))? {
            let mut said = String::new();
            if let Some(stdout) = child.stdout.take() {
                let _ = stdout.take(8192).read_to_string(&mut said);
            }
            if let Some(stderr) = child.stderr.take() {
                let _ = stderr.take(8192).read_to_string(&mut said);
            }
            return Err(DeviceError::Background { said: said.trim().to_owned(), status: status.code() });
        }
        // The child is alive; whoever answers under its name is the child, or the child is about to end.
        if UnixStream::connect(&path).is_ok() && is_settled(&mut child.stderr) {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            let said = format!("{} does not answer", path.display());
            return Err(DeviceError::Background { said, status: None });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the child has let go of its standard error: that is its word that it stands.
fn is_settled(stderr: &mut Option<std::process::ChildStderr>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Some(stderr) = stderr else { return true };
    let mut fds = [PollFd::new(stderr, PollFlags::empty())];
    let timeout = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    let _ = poll(&mut fds, Some(&timeout));
    fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP))
}

/// Points the standard streams nowhere, so that a caller who waits for their end is released.
pub(super) fn release_terminal() -> io::Result<()> {
    let nowhere = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    Ok(())
}
