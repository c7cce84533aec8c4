//! What a person asks of the machine itself, read from their own connection: a worker carries it and cannot say it for them.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, RecvFlags, SocketType, sockopt};
use serde::Deserialize;

use crate::error::HostError;
use crate::privileges;
use crate::unix::Peer;

/// The longest line: a reason of 200 characters, each of them escaped.
const MAX_LINE: usize = 4096;

/// One line on the control socket, as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Asked {
    /// Opens the kill switch for a while.
    Unlock {
        /// Why, in the person's words.
        reason: String,
        /// For how long.
        seconds: u64,
        /// Everything instead of a portal's ports.
        all: bool,
        /// Who asks becomes this program, which may use a portal's ports.
        #[serde(default)]
        program: Option<String>,
    },
    /// Gives the machine back as it was.
    Leave,
}

/// Reads who asks, and what: from the accepted connection that the worker passed on, whose line it has looked at and left
/// there. The line is taken, so that it counts once.
pub(super) fn take(verb: &str, fds: &[OwnedFd]) -> Result<(Peer, Asked), HostError> {
    let refuse = |why: &str| HostError::refused(verb, why);
    let socket = fds.first().ok_or_else(|| refuse("it needs the connection of who asks for it"))?.as_fd();
    if sockopt::socket_domain(socket) != Ok(AddressFamily::UNIX)
        || sockopt::socket_type(socket) != Ok(SocketType::STREAM)
    {
        return Err(refuse("what came along is not a connection to the control socket"));
    }
    let peer = Peer::of(socket).map_err(|_| refuse("nobody is at the other end of the connection"))?;
    // The line between us and our worker has us at its other end.
    if peer.pid == rustix::process::getpid().as_raw_nonzero().get() {
        return Err(refuse("it is the worker's own connection"));
    }
    // Our worker has our user id: a connection of its own making would be root's.
    if !privileges::are_confined("self") && privileges::are_confined(&peer.pid.to_string()) {
        return Err(refuse("a process that may gain no privileges asks for it"));
    }
    if has_hung_up(socket) {
        return Err(refuse("whoever asked for it has gone"));
    }
    let line = take_line(socket).ok_or_else(|| refuse("its sender has not asked for it"))?;
    let asked = serde_json::from_slice(&line).map_err(|_| refuse("its sender asked for something else"))?;
    Ok((peer, asked))
}

/// A worker that keeps a request back must not do it when nobody expects it any more.
fn has_hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(&socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = rustix::event::poll(&mut fds, Some(&now));
    let [fd] = &fds;
    polled.is_err() || fd.revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}

/// Everything that waits, if it is one whole line.
fn take_line(socket: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut line = vec![0; MAX_LINE];
    let (_, length) = rustix::net::recv(socket, line.as_mut_slice(), RecvFlags::DONTWAIT).ok()?;
    line.truncate(length);
    (line.iter().position(|byte| *byte == b'\n') == length.checked_sub(1)).then_some(line)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_line_is_taken_once_and_whole() {
        let (mut there, here) = UnixStream::pair().unwrap();
        assert_eq!(take_line(here.as_fd()), None, "nothing yet, and no waiting");
        there.write_all(b"{\"verb\":\"leave\"}\n").unwrap();
        let line = take_line(here.as_fd()).unwrap();
        assert_eq!(serde_json::from_slice::<Asked>(&line).unwrap(), Asked::Leave);
        assert_eq!(take_line(here.as_fd()), None);
        for more in ["{\"verb\":\"leave\"}", "{\"verb\":\"status\"}\n{\"verb\":\"leave\"}\n"] {
            there.write_all(more.as_bytes()).unwrap();
            assert_eq!(take_line(here.as_fd()), None, "{more}");
        }
        assert!(!has_hung_up(here.as_fd()));
        drop(there);
        assert!(has_hung_up(here.as_fd()));
    }

    #[test]
    fn a_connection_that_this_process_made_is_nobodys_word() {
        let (mut there, here) = UnixStream::pair().unwrap();
        there.write_all(b"{\"verb\":\"leave\"}\n").unwrap();
        let refused = take("leave", &[OwnedFd::from(here)]).unwrap_err();
        assert!(matches!(refused, HostError::Refused { .. }), "{refused:?}");
    }
}
