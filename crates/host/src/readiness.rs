//! Owned descriptors in a tokio reactor.
#![expect(unsafe_code, reason = "tokio wants its I/O safety promised, and the types here keep it")]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::underlay::Watch;

/// Registers a descriptor for reading; must be called inside a runtime.
pub(crate) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd names one open descriptor until it is dropped, which AsyncFd does after deregistering it.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
}

/// The same for a netlink socket.
pub(crate) fn readable_watch(watch: Watch) -> io::Result<AsyncFd<Watch>> {
    // SAFETY: a Watch owns one netlink socket, never replaces it, and closes it when it is dropped.
    unsafe { AsyncFd::register_with_interest(watch, Interest::READABLE) }.map_err(io::Error::from)
}
