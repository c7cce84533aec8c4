//! Addresses of links.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Netlink;
use crate::deed::Deed;
use crate::error::HostError;

/// An address of a link; the prefix keeps the host part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The link's index.
    pub index: u32,
    /// Address and prefix length.
    pub address: IpNet,
}

impl Netlink {
    /// All addresses.
    ///
    /// # Errors
    /// [`HostError::Netlink`] if they cannot be listed.
    pub fn addresses(&mut self) -> Result<Vec<Address>, HostError> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        Ok(self.dump(&Deed::ListNetwork.of("address"), message)?.into_iter().filter_map(parse).collect())
    }

    /// Adds an address; `false` if it was there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn add_address(&mut self, address: &Address) -> Result<bool, HostError> {
        let what = Deed::AddAddress.of(address.address);
        self.create(&what, RouteNetlinkMessage::NewAddress(message(address)))
    }

    /// Removes an address; `false` if it was not there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn remove_address(&mut self, address: &Address) -> Result<bool, HostError> {
        let what = Deed::RemoveAddress.of(address.address);
        self.remove(&what, RouteNetlinkMessage::DelAddress(message(address)))
    }
}

fn message(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    let ip = address.address.addr();
    message.header.family = family(ip);
    message.header.prefix_len = address.address.prefix_len();
    message.header.index = address.index;
    message.header.scope = AddressScope::Universe;
    if ip.is_ipv6() {
        // Nobody else can have it: waiting for duplicate address detection would only delay the first packet.
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message.attributes.push(AddressAttribute::Local(ip));
    message.attributes.push(AddressAttribute::Address(ip));
    message
}

fn parse(message: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let mut found = None;
    for attribute in &message.attributes {
        if let AddressAttribute::Local(ip) = attribute {
            found = Some(*ip);
            break;
        }
        if let AddressAttribute::Address(ip) = attribute {
            found = Some(*ip);
        }
    }
    let address = IpNet::new(found?, message.header.prefix_len).ok()?;
    Some(Address { index: message.header.index, address })
}

pub(super) fn family(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
