//! What people see while they work, on their desktop: told by a process of their own account, which ends soon, whatever their bus does.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a process may take that shows a text.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Shows a text to a user who has a session with a bus; nobody waits for it.
pub(super) fn show(title: String, text: String, uid: u32) {
    let Some((bus, gid)) = bus(uid) else { return };
    std::thread::spawn(move || match tell(&bus, (uid, gid), &title, &text) {
        Ok(true) => {}
        Ok(false) => tracing::info!("no desktop has shown it"),
        Err(error) => tracing::warn!(%error, "no desktop was told"),
    });
}

/// The bus of a user's session, and their group.
fn bus(uid: u32) -> Option<(PathBuf, u32)> {
    let path = PathBuf::from(format!("/run/user/{uid}/bus"));
    let seen = std::fs::symlink_metadata(&path).ok()?;
    (seen.file_type().is_socket() && seen.uid() == uid).then_some((path, seen.gid()))
}

/// Whether it was shown.
fn tell(bus: &Path, (uid, gid): (u32, u32), title: &str, text: &str) -> io::Result<bool> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["worker", "desktop"]).arg(bus).args([title, text]).env_clear().uid(uid).gid(gid);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    let mut child = command.spawn()?;
    let until = Instant::now() + LIMIT;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status.success()),
            None if Instant::now() < until => sleep(LOOK),
            None => {
                child.kill()?;
                child.wait()?;
                return Ok(false);
            }
        }
    }
}
