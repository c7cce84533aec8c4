//! Another process, held by a handle that no later process of its number takes over.

use std::cmp::Ordering;
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

/// The threads of a process that each have a table of open files of their own: most processes have one, any thread can have its
/// own (`unshare(CLONE_FILES)`), and the first of all may be dead while others live.
#[must_use]
pub fn tables(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let threads = threads.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // In the order that the kernel gives tables, so that ten thousand threads are not each compared with all others.
    let (mut found, mut unknown) = (Vec::<u32>::new(), Vec::new());
    for thread in threads {
        let mut is_known = true;
        let place = found.binary_search_by(|known| {
            compare_files(*known, thread).unwrap_or_else(|| {
                is_known = false;
                Ordering::Equal
            })
        });
        match place {
            Ok(_) if is_known => {}
            // Either is gone, or the kernel does not tell: it counts as one of its own.
            Ok(_) => unknown.push(thread),
            Err(place) => found.insert(place, thread),
        }
    }
    found.extend(unknown);
    found
}

/// How the kernel orders two threads' tables of open files; `None` if it does not tell.
#[expect(unsafe_code, reason = "kcmp has no wrapper")]
fn compare_files(one: u32, other: u32) -> Option<Ordering> {
    /// `KCMP_FILES` of `linux/kcmp.h`.
    const FILES: libc::c_int = 2;
    // SAFETY: kcmp compares what the kernel has; it takes numbers only.
    match unsafe { libc::syscall(libc::SYS_kcmp, one, other, FILES, 0_usize, 0_usize) } {
        0 => Some(Ordering::Equal),
        1 => Some(Ordering::Less),
        2 => Some(Ordering::Greater),
        _ => None,
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "a thread takes its own table of open files")]
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

    #[test]
    fn a_thread_with_open_files_of_its_own_is_told() {
        use std::sync::mpsc::channel;

        use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};

        let own = std::process::id();
        let ((tell, told), (end, ended)) = (channel(), channel::<()>());
        let thread = std::thread::spawn(move || {
            // SAFETY: this thread uses no descriptor of the others.
            unsafe { unshare_unsafe(UnshareFlags::FILES) }.unwrap();
            tell.send(u32::try_from(gettid().as_raw_nonzero().get()).unwrap()).unwrap();
            let _ = ended.recv();
        });
        let apart = told.recv().unwrap();
        let found = tables(own);
        drop(end);
        thread.join().unwrap();
        // Threads of other tests have the same one as the first of all, unless they are about to end.
        assert!(found.contains(&own) && found.contains(&apart), "{found:?}");
        let shared = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let thread = u32::try_from(gettid().as_raw_nonzero().get()).unwrap();
                    compare_files(own, thread)
                })
                .join()
                .unwrap()
        });
        assert_eq!(shared, Some(Ordering::Equal));
    }
}
