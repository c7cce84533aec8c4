//! Links: what there is, up and down, MTU.

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::Netlink;
use crate::deed::Deed;
use crate::error::HostError;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Its MTU.
    pub mtu: u32,
    /// The index of the bridge or bond that it belongs to.
    pub controller: Option<u32>,
}

impl Netlink {
    /// All links.
    ///
    /// # Errors
    /// [`HostError::Netlink`] if they cannot be listed.
    pub fn links(&mut self) -> Result<Vec<Link>, HostError> {
        let answers =
            self.dump(&Deed::ListNetwork.of("link"), RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        Ok(answers.into_iter().filter_map(parse).collect())
    }

    /// The link of this name.
    ///
    /// # Errors
    /// [`HostError::Netlink`] if links cannot be listed.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, HostError> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// Brings a link up or down.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`]; [`HostError::Netlink`] for a link that is gone.
    pub fn set_up(&mut self, index: u32, up: bool) -> Result<(), HostError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        self.execute(&Deed::SetLink.of(index), RouteNetlinkMessage::SetLink(message), 0, &[]).map(drop)
    }

    /// Sets a link's MTU.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`]; [`HostError::Netlink`] for an MTU that the device does not take.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<(), HostError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Mtu(mtu));
        self.execute(&Deed::SetLink.of(index), RouteNetlinkMessage::SetLink(message), 0, &[]).map(drop)
    }
}

fn parse(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        up: message.header.flags.contains(LinkFlags::Up),
        loopback: message.header.flags.contains(LinkFlags::Loopback),
        mtu: 0,
        controller: None,
    };
    for attribute in message.attributes {
        if let LinkAttribute::IfName(name) = attribute {
            link.name = name;
        } else if let LinkAttribute::Mtu(mtu) = attribute {
            link.mtu = mtu;
        } else if let LinkAttribute::Controller(index) = attribute {
            link.controller = Some(index);
        }
    }
    Some(link)
}
