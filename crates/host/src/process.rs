//! Another process, held by a handle that no later process of its number takes over.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A process that ran when it was looked for.
#[derive(Debug)]
pub struct Process {
    handle: OwnedFd,
}

impl Process {
    /// The process of this number; `None` if there is none.
    ///
    /// # Errors
    /// The system's reason for not telling.
    pub fn find(pid: u32) -> io::Result<Option<Self>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Ok(Some(Self { handle })),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end, with all of its threads; whether it came in time. One that nobody has reaped has ended.
    ///
    /// # Errors
    /// The system's reason for not waiting.
    pub fn ends_within(&self, patience: Duration) -> io::Result<bool> {
        let end = Instant::now() + patience;
        loop {
            let left = Timespec::try_from(end.saturating_duration_since(Instant::now()))
                .map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_end_of_a_process_is_seen_before_anybody_reaps_it() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = Process::find(child.id()).unwrap().expect("it runs");
        assert!(!process.ends_within(Duration::from_millis(50)).unwrap());
        child.kill().unwrap();
        assert!(process.ends_within(Duration::from_secs(10)).unwrap(), "a zombie has ended");
        let pid = child.id();
        child.wait().unwrap();
        assert!(Process::find(pid).unwrap().is_none());
        assert!(process.ends_within(Duration::ZERO).unwrap());
        assert!(Process::find(0).unwrap().is_none() && Process::find(u32::MAX).unwrap().is_none());
    }
}
