//! Where packets to the world, and to the name servers, would go. Nothing is sent: the kernel is asked for its route.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::netlink::{attribute, attributes, dump, encoded, one, text, u32_at};
use crate::network;
use crate::root::{Root, kind_of};

const SOURCE: &str = "netlink: route";
const RTM_GETLINK: u16 = 18;
const RTM_GETROUTE: u16 = 26;
/// Sizes of `rtmsg` and `ifinfomsg`.
const ROUTE_HEADER: usize = 12;
const LINK_HEADER: usize = 16;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;

/// Addresses of the world, in both halves of each family: a tunnel that takes only one half is found out. Nothing is ever sent
/// to them.
const SAMPLES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x9001, 0xdb8, 2, 0, 0, 0, 0, 7)),
];

/// Where packets would go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routes {
    /// To the world.
    pub world: Vec<RouteTo>,
    /// To the name servers that are asked.
    pub resolvers: Vec<RouteTo>,
    /// Interfaces that are tunnels: `wireguard` or `tun`.
    pub tunnels: Vec<String>,
}

/// Where a packet to an address would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTo {
    /// The address.
    pub address: IpAddr,
    /// The interface; `None` if there is no way.
    pub interface: Option<String>,
}

pub(crate) fn routes(root: &Root) -> Result<Routes, Gap> {
    let failed = |errno| Gap::new(kind_of(errno), SOURCE);
    let not_understood = || Gap::new(GapKind::NotUnderstood, SOURCE);
    let mut names = BTreeMap::new();
    let mut tunnels = Vec::new();
    for message in dump(None, RTM_GETLINK, &[0; LINK_HEADER]).map_err(failed)? {
        let (index, name, kind) = link(&message.body).ok_or_else(not_understood)?;
        if kind.is_some_and(|kind| kind == "wireguard" || kind == "tun") {
            tunnels.push(name.clone());
        }
        names.insert(index, name);
    }
    tunnels.sort();
    let way = |address: IpAddr| {
        let interface = match one(None, RTM_GETROUTE, &question(address)) {
            Ok(message) => {
                let found = attributes(&message.body, ROUTE_HEADER).ok_or_else(not_understood)?;
                let index = attribute(&found, RTA_OIF).and_then(|value| u32_at(value, 0));
                let name = index.and_then(|index| names.get(&index));
                Some(name.cloned().ok_or_else(not_understood)?)
            }
            // No route, or one that says no. A family that the kernel does not have goes nowhere either.
            Err(
                Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL | Errno::ACCESS | Errno::AFNOSUPPORT,
            ) => None,
            Err(errno) => return Err(failed(errno)),
        };
        Ok(RouteTo { address, interface })
    };
    let servers = network::resolvers(root).map(|resolvers| resolvers.servers).unwrap_or_default();
    let servers = servers.iter().filter_map(|server| server.parse::<IpAddr>().ok());
    Ok(Routes {
        world: SAMPLES.into_iter().map(way).collect::<Result<_, _>>()?,
        resolvers: servers.map(way).collect::<Result<_, _>>()?,
        tunnels,
    })
}

/// Index, name and kind of an interface.
fn link(body: &[u8]) -> Option<(u32, String, Option<String>)> {
    let found = attributes(body, LINK_HEADER)?;
    let info = match attribute(&found, IFLA_LINKINFO) {
        None => Vec::new(),
        Some(info) => attributes(info, 0)?,
    };
    let name = text(attribute(&found, IFLA_IFNAME)?)?;
    Some((u32_at(body, 4)?, name, attribute(&info, IFLA_INFO_KIND).and_then(text)))
}

/// `rtmsg` and the destination.
fn question(address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (2_u8, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let length = u8::try_from(octets.len().saturating_mul(8)).unwrap_or_default();
    let mut body = vec![0; ROUTE_HEADER];
    if let [its, destination, ..] = body.as_mut_slice() {
        (*its, *destination) = (family, length);
    }
    body.extend(encoded(RTA_DST, &octets));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_where_its_own_addresses_are() {
        let lo = one(None, RTM_GETROUTE, &question(IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        let found = attributes(&lo.body, ROUTE_HEADER).unwrap();
        assert_eq!(attribute(&found, RTA_OIF).and_then(|value| u32_at(value, 0)), Some(1));
        assert_eq!(routes(&Root::live().unwrap()).unwrap().world.len(), 4);
    }
}
