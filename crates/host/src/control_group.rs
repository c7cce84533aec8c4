//! A control group (cgroup v2) of our own around one program, so that the firewall knows its sockets from all others.
//!
//! A socket keeps the group that it was made in, and children are born into their parent's. Nobody but root moves a process into
//! this one: it is root's, directly below the hierarchy's top.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::deed::Deed;
use crate::error::{HostError, reason};
use crate::mounts;

/// Where nft looks for groups.
const TOP: &str = "/sys/fs/cgroup";
/// How our groups' names begin.
pub(crate) const NAME: &str = "hanare-portal";

/// One group, there or planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlGroup {
    /// Its directory.
    path: PathBuf,
    /// Where its first process came from, and what is left in it goes back to.
    origin: PathBuf,
}

impl ControlGroup {
    /// Plans a group for a process; nothing is made yet.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the machine has no hierarchy of the second version.
    pub fn plan(pid: i32) -> Result<Self, HostError> {
        let top = top().ok_or_else(|| HostError::refused("unlock", reason::NO_CONTROL_GROUPS))?;
        let path = top.join(format!("{NAME}-{}", rustix::process::getpid().as_raw_nonzero()));
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
        // A group of an outer namespace begins with `..`.
        let origin = if own.starts_with("..") { top } else { top.join(own) };
        Ok(Self { path, origin })
    }

    /// Makes the group, anew if need be, and moves the process into it.
    ///
    /// # Errors
    /// [`HostError::Refused`] where groups cannot be made or the process cannot be moved.
    pub fn make(&self, pid: i32) -> Result<(), HostError> {
        self.remove()?;
        let made = fs::create_dir(&self.path).and_then(|()| enter(&self.path, pid));
        made.map_err(|error| {
            tracing::warn!(path = %self.path.display(), pid, %error, "no control group for a program");
            HostError::refused("unlock", reason::NO_CONTROL_GROUPS)
        })
    }

    /// Moves what is left in the group back, and removes it; nothing if it is not there.
    ///
    /// # Errors
    /// [`HostError::Io`] if processes keep coming.
    pub fn remove(&self) -> Result<(), HostError> {
        let failed = |error| HostError::io(Deed::Remove.of(self.path.display()), &error);
        // A process that forks meanwhile leaves another behind.
        for _ in 0..100 {
            let processes = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
            for pid in processes.lines().filter_map(|pid| pid.parse().ok()) {
                // It may be gone, and so may the place it came from.
                if enter(&self.origin, pid).is_err()
                    && let Some(top) = self.path.parent()
                {
                    let _ = enter(top, pid);
                }
            }
            match fs::remove_dir(&self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if error.raw_os_error() == Some(BUSY) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::Error::from_raw_os_error(BUSY)))
    }

    /// Its name as nft takes and lists it.
    pub(crate) fn in_nft(&self) -> Option<String> {
        let name = self.path.strip_prefix(TOP).ok()?.to_str()?;
        is_plain(name).then(|| name.to_owned())
    }
}

/// The level of our groups below the hierarchy's top.
pub(crate) const LEVEL: u32 = 1;
const BUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();

/// Whether a name, as nft lists it, is one of ours and can stand in a rule.
pub(crate) fn is_ours(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    is_plain(name) && last.starts_with(NAME)
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte))
}

fn enter(group: &Path, pid: i32) -> io::Result<()> {
    // Not made if it is missing: a directory of another file system is no group.
    let mut file = fs::OpenOptions::new().write(true).open(group.join("cgroup.procs"))?;
    file.write_all(pid.to_string().as_bytes())
}

/// The top of the hierarchy of the second version, where nft can name it.
fn top() -> Option<PathBuf> {
    let mounts = mounts::list().ok()?;
    let ours = mounts.into_iter().rev().find(|mount| mount.kind == "cgroup2" && mount.point.starts_with(TOP));
    ours.map(|mount| mount.point)
}
