//! The kernel's view of links, addresses, routes and rules over one blocking rtnetlink socket.
//!
//! Adding what is there and removing what is not are no errors here: undoing must be idempotent.

mod address;
mod link;
mod route;
mod rule;

pub use address::Address;
pub use link::Link;
pub use route::Route;
pub use rule::Rule;

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::deed::{Attempt, Deed};
use crate::error::HostError;

const ENODEV: i32 = 19;
const EEXIST: i32 = 17;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EADDRNOTAVAIL: i32 = 99;
const EPERM: i32 = 1;

/// One socket of the network namespace that it was opened in.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

impl Netlink {
    /// Opens a socket.
    ///
    /// # Errors
    /// [`HostError::Io`] if the kernel gives none.
    pub fn open() -> Result<Self, HostError> {
        let failed = |error: std::io::Error| HostError::io(Deed::Open.of("rtnetlink"), &error);
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed)?;
        socket.bind_auto().map_err(failed)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Creates something; `false` if it was there.
    fn create(&mut self, what: &Attempt, message: RouteNetlinkMessage) -> Result<bool, HostError> {
        self.execute(what, message, NLM_F_CREATE | NLM_F_EXCL, &[EEXIST])
    }

    /// Removes something; `false` if it was not there.
    fn remove(&mut self, what: &Attempt, message: RouteNetlinkMessage) -> Result<bool, HostError> {
        self.execute(what, message, 0, &[ENOENT, ESRCH, ENODEV, EADDRNOTAVAIL])
    }

    /// Sends one request and reads its answer; `Ok(false)` for an errno in `harmless`.
    fn execute(
        &mut self,
        what: &Attempt,
        message: RouteNetlinkMessage,
        flags: u16,
        harmless: &[i32],
    ) -> Result<bool, HostError> {
        self.send(what, message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        loop {
            for answer in self.answers(what)? {
                if let NetlinkPayload::Error(error) = answer.payload {
                    let errno = error.raw_code().saturating_neg();
                    return match errno {
                        0 => Ok(true),
                        _ if harmless.contains(&errno) => Ok(false),
                        _ => Err(refused(what, errno)),
                    };
                }
            }
        }
    }

    /// Everything of one kind.
    fn dump(
        &mut self,
        what: &Attempt,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, HostError> {
        self.send(what, message, NLM_F_REQUEST | NLM_F_DUMP)?;
        let mut found = Vec::new();
        loop {
            for answer in self.answers(what)? {
                if let NetlinkPayload::InnerMessage(inner) = answer.payload {
                    found.push(inner);
                } else if let NetlinkPayload::Error(error) = answer.payload {
                    return Err(refused(what, error.raw_code().saturating_neg()));
                } else if let NetlinkPayload::Done(_) = answer.payload {
                    return Ok(found);
                }
            }
        }
    }

    fn send(&mut self, what: &Attempt, message: RouteNetlinkMessage, flags: u16) -> Result<(), HostError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop).map_err(|error| HostError::io(what.clone(), &error))
    }

    /// The messages of one datagram that answer the last request.
    fn answers(&mut self, what: &Attempt) -> Result<Vec<NetlinkMessage<RouteNetlinkMessage>>, HostError> {
        let (bytes, _) = self.socket.recv_from_full().map_err(|error| HostError::io(what.clone(), &error))?;
        let mut rest = bytes.as_slice();
        let mut messages = Vec::new();
        while let Some(length) = rest.first_chunk::<4>().map(|head| u32::from_ne_bytes(*head) as usize) {
            let Some(message) = rest.get(..length).filter(|_| length >= 16) else { break };
            match NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) {
                Ok(parsed) if parsed.header.sequence_number == self.sequence => messages.push(parsed),
                Ok(_) => {}
                // A newer kernel's attribute that the library cannot read must not hide the other messages.
                Err(error) => tracing::debug!(%what, %error, "unreadable netlink message"),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(messages)
    }
}

fn refused(what: &Attempt, errno: i32) -> HostError {
    if errno == EPERM {
        return HostError::NoNetAdmin { what: what.to_string() };
    }
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    HostError::Netlink { what: what.clone(), errno, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_seen_with_its_address() {
        let mut netlink = Netlink::open().unwrap();
        let links = netlink.links().unwrap();
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert!(lo.loopback);
        assert_eq!(netlink.link("lo").unwrap().unwrap().index, lo.index);
        assert!(netlink.link("no-such-link").unwrap().is_none());
    }
}
