//! The line between worker and host process: JSON documents with file descriptors over a `SOCK_SEQPACKET` pair.
//!
//! A document longer than [`PIECE`] travels in several packets, each with one leading byte: 1 for "more follows", 0 for
//! the last, which also carries the descriptors.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deed::Deed;
use crate::error::HostError;

/// Bytes of a document in one packet: well below the smallest default send buffer (`net.core.wmem_default`).
const PIECE: usize = 32 * 1024;
/// The longest document: a segmentation of 10,000 rooms stays below it.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;
/// How long the whole rest of a document may take, or room for one of its pieces on a non-blocking socket: a host process
/// must not be held by its worker.
const PATIENCE: Duration = Duration::from_secs(10);
/// Descriptors that may travel with one document.
pub(crate) const MAX_FDS: usize = 8;

/// Sends one document with descriptors.
pub(crate) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    document: &T,
    fds: &[BorrowedFd<'_>],
) -> Result<(), HostError> {
    let text = serde_json::to_vec(document).map_err(|error| HostError::Io {
        what: Deed::Message.into(),
        errno: None,
        text: error.to_string(),
    })?;
    let pieces = text.len().div_ceil(PIECE).max(1);
    for (number, piece) in text.chunks(PIECE).enumerate() {
        let last = number + 1 == pieces;
        send_piece(socket, u8::from(!last), piece, if last { fds } else { &[] })?;
    }
    Ok(())
}

/// Sends one short document if there is room at once.
pub(crate) fn offer<T: Serialize>(socket: BorrowedFd<'_>, document: &T) -> Result<(), HostError> {
    let mut text = vec![0];
    serde_json::to_writer(&mut text, document)
        .map_err(|error| HostError::io(Deed::Message, &error.into()))?;
    rustix::net::send(socket, &text, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
        .map(drop)
        .map_err(|error| HostError::io(Deed::Message, &error.into()))
}

fn send_piece(
    socket: BorrowedFd<'_>,
    more: u8,
    piece: &[u8],
    fds: &[BorrowedFd<'_>],
) -> Result<(), HostError> {
    let head = [more];
    let slices = [IoSlice::new(&head), IoSlice::new(piece)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    loop {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(HostError::refused("send", "too many file descriptors"));
        }
        match sendmsg(socket, &slices, &mut control, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(socket, rustix::event::PollFlags::OUT, PATIENCE)?,
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(HostError::Gone),
            Err(error) => return Err(HostError::io(Deed::Message, &error.into())),
        }
    }
}

/// Receives one document, waiting for it. `Err(Gone)` when the other side closed.
pub(crate) fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> Result<(T, Vec<OwnedFd>), HostError> {
    receive_within(socket, PATIENCE)
}

/// `patience` counts from the first piece: a worker that sends piece after piece, however small, holds nobody for longer.
fn receive_within<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    patience: Duration,
) -> Result<(T, Vec<OwnedFd>), HostError> {
    let mut text = Vec::new();
    let mut buffer = vec![0u8; PIECE + 1];
    let mut until: Option<Instant> = None;
    loop {
        let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(HostError::refused("receive", "the rest of the message does not come"));
        }
        let (length, fds) = receive_piece(socket, &mut buffer, left)?;
        until.get_or_insert_with(|| Instant::now() + patience);
        let (more, piece) = match buffer.get(..length).and_then(<[u8]>::split_first) {
            Some((more, piece)) => (*more, piece),
            None => return Err(HostError::Gone),
        };
        if text.len() + piece.len() > MAX_DOCUMENT {
            return Err(HostError::refused("receive", "the message is too long"));
        }
        text.extend_from_slice(piece);
        if more == 0 {
            let document = serde_json::from_slice(&text)
                .map_err(|error| HostError::refused("receive", format!("not a message of ours: {error}")))?;
            return Ok((document, fds));
        }
    }
}

fn receive_piece(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    patience: Duration,
) -> Result<(usize, Vec<OwnedFd>), HostError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => {
                if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
                    return Err(HostError::refused("receive", "the message was cut"));
                }
                let mut fds = Vec::new();
                for ancillary in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(rights) = ancillary {
                        fds.extend(rights);
                    }
                }
                return Ok((message.bytes, fds));
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(socket, rustix::event::PollFlags::IN, patience)?,
            Err(Errno::CONNRESET) => return Err(HostError::Gone),
            Err(error) => return Err(HostError::io(Deed::Message, &error.into())),
        }
    }
}

/// Whether a packet, or the end, can be received at once.
pub(crate) fn waits(socket: BorrowedFd<'_>) -> Result<bool, HostError> {
    let mut fds = [rustix::event::PollFd::new(&socket, rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut fds, Some(&now)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(HostError::io(Deed::Message, &error.into())),
    }
}

fn wait(
    socket: BorrowedFd<'_>,
    flags: rustix::event::PollFlags,
    patience: Duration,
) -> Result<(), HostError> {
    let mut fds = [rustix::event::PollFd::new(&socket, flags)];
    let patience = rustix::event::Timespec::try_from(patience).ok();
    match rustix::event::poll(&mut fds, patience.as_ref()) {
        Ok(0) => Err(HostError::Gone),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(HostError::io(Deed::Message, &error.into())),
    }
}

/// A connected pair that keeps packet borders, closed on exec.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), HostError> {
    rustix::net::socketpair(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| HostError::io(Deed::Message, &error.into()))
}

/// The end that a process was given as standard input by the one that started it.
pub(crate) fn from_stdin() -> Result<OwnedFd, HostError> {
    let stdin = std::io::stdin();
    let socket = rustix::io::fcntl_dupfd_cloexec(&stdin, 3)
        .map_err(|error| HostError::io(Deed::Message, &error.into()))?;
    let kind = rustix::net::sockopt::socket_type(&socket);
    if kind != Ok(rustix::net::SocketType::SEQPACKET) {
        return Err(HostError::refused("worker", "a worker is started by its host process, not by hand"));
    }
    Ok(socket)
}

/// Borrows owned descriptors for [`send`].
pub(crate) fn borrow(fds: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    fds.iter().map(AsFd::as_fd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_and_its_descriptors_arrive_whole() {
        let (left, right) = pair().unwrap();
        let text = "あ".repeat(200_000);
        let sent = text.clone();
        let sender = std::thread::spawn(move || {
            let file = std::fs::File::open("/dev/null").unwrap();
            send(left.as_fd(), &sent, &[file.as_fd(), left.as_fd()]).unwrap();
        });
        let (got, fds): (String, _) = receive(right.as_fd()).unwrap();
        sender.join().unwrap();
        assert_eq!(got, text);
        assert_eq!(fds.len(), 2);
        drop(fds);
        assert_eq!(receive::<String>(right.as_fd()).unwrap_err(), HostError::Gone);
    }

    #[test]
    fn a_message_without_end_holds_nobody() {
        let (left, right) = pair().unwrap();
        rustix::io::ioctl_fionbio(&right, true).unwrap();
        let sender = std::thread::spawn(move || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(5) {
                // Nothing, and more of it follows.
                if rustix::net::send(&left, b"\x01", SendFlags::NOSIGNAL).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        let refused = receive_within::<String>(right.as_fd(), Duration::from_millis(200)).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(matches!(refused, HostError::Refused { .. } | HostError::Gone), "{refused:?}");
        drop(right);
        sender.join().unwrap();
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        let (left, right) = pair().unwrap();
        rustix::net::send(&left, b"\0{nonsense", SendFlags::empty()).unwrap();
        assert!(matches!(receive::<Vec<u8>>(right.as_fd()), Err(HostError::Refused { .. })));
    }
}
