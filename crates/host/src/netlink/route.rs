//! Routes, in the main table and in our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use serde::{Deserialize, Serialize};

use super::Netlink;
use super::address::family;
use crate::deed::Deed;
use crate::error::HostError;

/// A route to a prefix through a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub to: IpNet,
    /// Through which link (index); 0 if through none.
    pub index: u32,
    /// In which table; 254 is the main one.
    pub table: u32,
}

impl Route {
    /// The main routing table.
    pub const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
}

impl Netlink {
    /// All unicast routes of all tables but the local one.
    ///
    /// # Errors
    /// [`HostError::Netlink`] if they cannot be listed.
    pub fn routes(&mut self) -> Result<Vec<Route>, HostError> {
        self.unicast(|_| true)
    }

    fn unicast(&mut self, wanted: impl Fn(&RouteMessage) -> bool) -> Result<Vec<Route>, HostError> {
        let mut all = Vec::new();
        for any in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            let mut message = RouteMessage::default();
            message.header.address_family = family(any);
            let found = self.dump(&Deed::ListNetwork.of("route"), RouteNetlinkMessage::GetRoute(message))?;
            let found = found.into_iter().filter_map(|found| {
                if let RouteNetlinkMessage::NewRoute(message) = found { Some(message) } else { None }
            });
            all.extend(found.filter(&wanted).filter_map(|message| parse(message, any)));
        }
        Ok(all)
    }

    /// Networks that links are connected to, in the main table: without a router between.
    ///
    /// # Errors
    /// [`HostError::Netlink`] if they cannot be listed.
    pub fn connected(&mut self) -> Result<Vec<Route>, HostError> {
        let mut all = self.unicast(|message| {
            !message.attributes.iter().any(|attribute| {
                matches!(
                    attribute,
                    RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_)
                )
            })
        })?;
        all.retain(|route| route.table == Route::MAIN && route.index != 0);
        Ok(all)
    }

    /// Adds a route; `false` if it was there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn add_route(&mut self, route: &Route) -> Result<bool, HostError> {
        let what = Deed::AddRoute.of(route.to);
        self.create(&what, RouteNetlinkMessage::NewRoute(message(route)))
    }

    /// Removes a route; `false` if it was not there.
    ///
    /// # Errors
    /// [`HostError::NoNetAdmin`], [`HostError::Netlink`].
    pub fn remove_route(&mut self, route: &Route) -> Result<bool, HostError> {
        let what = Deed::RemoveRoute.of(route.to);
        self.remove(&what, RouteNetlinkMessage::DelRoute(message(route)))
    }
}

fn message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let to = route.to.trunc();
    message.header.address_family = family(to.addr());
    message.header.destination_prefix_length = to.prefix_len();
    message.header.protocol = RouteProtocol::Static;
    message.header.kind = RouteType::Unicast;
    message.header.scope = if to.addr().is_ipv4() { RouteScope::Link } else { RouteScope::Universe };
    message.attributes.push(RouteAttribute::Table(route.table));
    message.attributes.push(RouteAttribute::Oif(route.index));
    message.attributes.push(RouteAttribute::Destination(to.addr().into()));
    message
}

fn parse(message: RouteMessage, any: IpAddr) -> Option<Route> {
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let mut to = any;
    let (mut index, mut table) = (0, u32::from(message.header.table));
    for attribute in message.attributes {
        if let RouteAttribute::Destination(RouteAddress::Inet(ip)) = attribute {
            to = ip.into();
        } else if let RouteAttribute::Destination(RouteAddress::Inet6(ip)) = attribute {
            to = ip.into();
        } else if let RouteAttribute::Oif(oif) = attribute {
            index = oif;
        } else if let RouteAttribute::Table(number) = attribute {
            table = number;
        }
    }
    let to = IpNet::new(to, message.header.destination_prefix_length).ok()?;
    Some(Route { to, index, table })
}
