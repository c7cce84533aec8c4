//! The kernel's freezer (cgroup v2) for all processes of one account, where systemd has put them together.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::mounts;

/// How long the kernel may take to stop every process: one that hangs on a disk stops when the disk answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// The slice of one account, `user.slice/user-UID.slice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSlice(PathBuf);

impl UserSlice {
    /// The account's, if it has one.
    #[must_use]
    pub fn of(uid: u32) -> Option<Self> {
        let top = mounts::list().ok()?.into_iter().rev().find(|mount| mount.kind == "cgroup2")?.point;
        let path = top.join(format!("user.slice/user-{uid}.slice"));
        path.join("cgroup.freeze").exists().then_some(Self(path))
    }

    /// Stops every process in it, those to come included, and waits until they stand.
    ///
    /// # Errors
    /// As the kernel says; `TimedOut` if one does not stop, while the others do.
    pub fn freeze(&self) -> io::Result<()> {
        self.write("cgroup.freeze", "1")?;
        let until = Instant::now() + PATIENCE;
        while !fs::read_to_string(self.0.join("cgroup.events"))?.lines().any(|line| line == "frozen 1") {
            if Instant::now() >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn thaw(&self) -> io::Result<()> {
        self.write("cgroup.freeze", "0")
    }

    /// Ends every process in it, frozen or not.
    ///
    /// # Errors
    /// As the kernel says; kernels before 5.14 cannot.
    pub fn kill(&self) -> io::Result<()> {
        self.write("cgroup.kill", "1")
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        // Never made: in a directory that is no group there is nothing to write to.
        io::Write::write_all(
            &mut fs::OpenOptions::new().write(true).open(self.0.join(file))?,
            text.as_bytes(),
        )
    }
}
