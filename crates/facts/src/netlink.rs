//! Netlink, read only: one question, all of its answers, bounded in time and size.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto,
    socket_with, sockopt,
};

/// The kernel answers at once; whoever waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// Larger than any message of a dump: the kernel fills at most 32 KiB.
const BUFFER: usize = 64 * 1024;
/// No honest machine's answer is longer (16 MiB).
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// `nlmsghdr`: length, type, flags, sequence number, port.
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
/// The state changed while it was told: what was read may be neither the old nor the new.
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// An attribute's type without its flags.
const TYPE_MASK: u16 = 0x3fff;

/// A message's type and what follows its header.
pub(crate) struct Message {
    pub(crate) body: Vec<u8>,
}

/// Asks for everything of a kind.
pub(crate) fn dump(protocol: Option<Protocol>, kind: u16, body: &[u8]) -> Result<Vec<Message>, Errno> {
    ask(protocol, kind, NLM_F_REQUEST | NLM_F_DUMP, body)
}

/// Asks one question that has one answer.
pub(crate) fn one(protocol: Option<Protocol>, kind: u16, body: &[u8]) -> Result<Message, Errno> {
    ask(protocol, kind, NLM_F_REQUEST, body)?.pop().ok_or(Errno::NODATA)
}

fn ask(protocol: Option<Protocol>, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<Message>, Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    let length = u32::try_from(HEADER.saturating_add(body.len())).map_err(|_| Errno::MSGSIZE)?;
    let mut request = Vec::new();
    request.extend(length.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(body);
    let kernel = netlink::SocketAddrNetlink::new(0, 0);
    sendto(&socket, &request, SendFlags::empty(), &kernel)?;
    answers(&socket, flags & NLM_F_DUMP != 0)
}

fn answers(socket: &OwnedFd, is_dump: bool) -> Result<Vec<Message>, Errno> {
    let mut found = Vec::new();
    let mut total = 0_usize;
    let mut buffer = vec![0; BUFFER];
    loop {
        let (read, whole) = recv(socket, buffer.as_mut_slice(), RecvFlags::TRUNC)?;
        total = total.saturating_add(whole);
        if whole > BUFFER || total > MAX_ANSWER {
            return Err(Errno::MSGSIZE);
        }
        let mut rest = buffer.get(..read).unwrap_or_default();
        while rest.len() >= HEADER {
            let length = usize::try_from(u32_at(rest, 0).ok_or(Errno::BADMSG)?).map_err(|_| Errno::BADMSG)?;
            let (kind, flags) =
                (u16_at(rest, 4).ok_or(Errno::BADMSG)?, u16_at(rest, 6).ok_or(Errno::BADMSG)?);
            let body = rest.get(HEADER..length).ok_or(Errno::BADMSG)?;
            if flags & NLM_F_DUMP_INTR != 0 {
                return Err(Errno::AGAIN);
            }
            match kind {
                NLMSG_DONE => return Ok(found),
                NLMSG_ERROR => {
                    let code = u32_at(body, 0).ok_or(Errno::BADMSG)?.cast_signed();
                    let errno = Errno::from_raw_os_error(code.saturating_neg());
                    return if code == 0 { Ok(found) } else { Err(errno) };
                }
                _ => found.push(Message { body: body.to_vec() }),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        if !is_dump && !found.is_empty() {
            return Ok(found);
        }
    }
}

/// The attributes behind a message's own header of so many bytes, with their types; `None` if one is cut.
pub(crate) fn attributes(body: &[u8], header: usize) -> Option<Vec<(u16, &[u8])>> {
    let mut found = Vec::new();
    let mut rest = body.get(header..)?;
    while !rest.is_empty() {
        let length = usize::from(u16_at(rest, 0)?);
        found.push((u16_at(rest, 2)? & TYPE_MASK, rest.get(4..length)?));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(found)
}

/// The attribute of that type.
pub(crate) fn attribute<'a>(attributes: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    attributes.iter().find(|(its, _)| *its == kind).map(|(_, value)| *value)
}

/// An attribute as it is sent.
pub(crate) fn encoded(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len().saturating_add(4)).unwrap_or(u16::MAX);
    let mut out = Vec::new();
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Text up to its zero byte.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8(value.get(..end)?.to_vec()).ok()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_end_where_one_is_cut() {
        let whole = [encoded(1, b"lo\0"), encoded(2, &7_u32.to_ne_bytes())].concat();
        let found = attributes(&whole, 0).unwrap();
        assert_eq!(attribute(&found, 1).and_then(text).as_deref(), Some("lo"));
        assert_eq!(attribute(&found, 2).and_then(|value| u32_at(value, 0)), Some(7));
        assert!(attributes(whole.get(..whole.len() - 1).unwrap(), 0).is_none());
        assert!(attributes(&[0, 0, 1, 0], 0).is_none(), "an attribute of no length never ends");
    }
}
