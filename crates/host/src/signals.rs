//! Signals as something to wait for, in a process without a runtime.
#![expect(unsafe_code, reason = "the standard library and rustix have no signal masks")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};

/// The signals that ask a process to end, blocked for the threads that are started from now on and readable here.
#[derive(Debug)]
pub struct EndSignals(OwnedFd);

impl EndSignals {
    /// Blocks SIGTERM, SIGINT and SIGHUP for the calling thread, and thereby for those that it starts later.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn block() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before anything reads it, all pointers are to this frame, and the
        // descriptor that signalfd returns is owned by nobody else.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
                libc::sigaddset(&raw mut set, signal);
            }
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(OwnedFd::from_raw_fd(fd))) }
        }
    }

    /// Takes one signal that came.
    #[must_use]
    pub fn take(&self) -> bool {
        rustix::io::read(&self.0, &mut [0u8; size_of::<libc::signalfd_siginfo>()]).is_ok()
    }
}

impl AsFd for EndSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_read_and_ends_nobody() {
        let signals = EndSignals::block().unwrap();
        assert!(!signals.take());
        // SAFETY: raises a signal that this thread has just blocked.
        unsafe {
            libc::pthread_kill(libc::pthread_self(), libc::SIGHUP);
        }
        assert!(signals.take());
    }
}
