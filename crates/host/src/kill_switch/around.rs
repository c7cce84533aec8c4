//! What a machine stands in: its devices, and the networks that they are connected to.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::policy::Policy;
use crate::error::HostError;
use crate::netlink::{Link, Netlink, Route};

/// Wider networks are not believed: a rogue router or DHCP server may claim half the world to be next door.
const WIDEST_IPV4: u8 = 16;
const WIDEST_IPV6: u8 = 64;
/// How many networks may be next door: a machine has a few, and whoever announces routers without end shall not fill the rules.
const MAX_NETWORKS: usize = 64;

/// What the rules depend on beside the policy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// All but the loopback and the tunnel: each gets an egress chain.
    pub(super) devices: Vec<Link>,
    /// Networks without a router between, in which neighbours and a DHCP server may be spoken to. None contains another.
    pub(super) networks: BTreeSet<IpNet>,
}

impl Around {
    pub(super) fn read(policy: &Policy) -> Result<Self, HostError> {
        let mut netlink = Netlink::open()?;
        let links = netlink.links()?;
        let guarded = links.into_iter().filter(|link| !link.loopback && link.name != policy.interface);
        // Only what the rules depend on: an MTU or a link that goes up must not rebuild them.
        let devices: Vec<Link> = guarded.map(|link| Link { up: false, mtu: 0, ..link }).collect();
        let networks = connected(&devices, netlink.connected()?);
        Ok(Self { devices, networks })
    }
}

fn connected(devices: &[Link], routes: Vec<Route>) -> BTreeSet<IpNet> {
    let next_door = |route: &Route| {
        if matches!(route.to, IpNet::V6(net) if net.addr().is_unicast_link_local()) {
            // Let out on every device, in whatever network.
            return false;
        }
        let widest = if route.to.addr().is_ipv6() { WIDEST_IPV6 } else { WIDEST_IPV4 };
        route.to.prefix_len() >= widest && devices.iter().any(|link| link.index == route.index)
    };
    let networks: Vec<IpNet> = routes.into_iter().filter(next_door).map(|route| route.to.trunc()).collect();
    let networks: BTreeSet<IpNet> = IpNet::aggregate(&networks).into_iter().collect();
    networks.into_iter().take(MAX_NETWORKS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_claims_to_be_next_door_is_believed_within_bounds() {
        let eth0 =
            Link { index: 2, name: "eth0".to_owned(), up: false, loopback: false, mtu: 0, controller: None };
        let route = |to: &str, index| Route { to: to.parse().unwrap(), index, table: Route::MAIN };
        let routes = vec![
            route("192.168.1.0/24", 2),
            route("192.168.1.128/25", 2),
            route("2001:db8::/64", 2),
            route("fe80::/64", 2),
            route("0.0.0.0/1", 2),
            route("8.0.0.0/8", 2),
            route("2000::/3", 2),
            route("10.88.0.0/16", 3),
        ];
        let found: Vec<_> =
            connected(std::slice::from_ref(&eth0), routes).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.168.1.0/24", "2001:db8::/64"]);
        let announced = (0..1000).map(|n| route(&format!("2001:db8:{n:x}::/64"), 2));
        let found = connected(&[eth0], announced.chain([route("192.168.1.0/24", 2)]).collect());
        assert!(found.len() == MAX_NETWORKS && found.contains(&"192.168.1.0/24".parse().unwrap()));
    }
}
