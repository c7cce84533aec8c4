//! Devices in a room's own network, such as its printer, that nodes may ask past the tunnel.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::filter::Service;

/// The widest prefix that may be called a device: a small office's network, never a way to everywhere.
pub const WIDEST_V4: u8 = 24;
/// And of IPv6: one link.
pub const WIDEST_V6: u8 = 64;

/// What a node may ask in the network that it stands in. The node starts; nothing there starts towards it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Where it is.
    pub at: IpNet,
    /// TCP or UDP, with ports.
    pub service: Service,
}

impl Device {
    /// Whether this is an address and a service that a device can have: somebody's own, in a small network, by named ports.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        let named = match &self.service {
            Service::Tcp { ports } | Service::Udp { ports } => !ports.is_empty(),
            Service::Any | Service::Ping => false,
        };
        named && is_place(&self.at)
    }
}

/// Whether a device can be there: neither everywhere nor everybody nor this machine.
#[must_use]
pub fn is_place(net: &IpNet) -> bool {
    let special = match net {
        IpNet::V4(net) => {
            let ip = net.network();
            // RFC 6890's "this network" and 240.0.0.0/4, broadcast among it.
            ip.is_loopback()
                || ip.is_multicast()
                || ip.is_link_local()
                || matches!(ip.octets(), [0 | 240.., ..])
        }
        IpNet::V6(net) => {
            let ip = net.network();
            let mapped = ip.to_ipv4_mapped().is_some();
            ip.is_loopback()
                || ip.is_multicast()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || mapped
        }
    };
    let widest = if net.addr().is_ipv4() { WIDEST_V4 } else { WIDEST_V6 };
    net.prefix_len() >= widest && !special && net.trunc() == *net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::PortRange;

    #[test]
    fn a_device_is_somewhere_and_never_everywhere() {
        for good in ["192.168.1.50/32", "192.168.1.0/24", "203.0.113.7/32", "2001:db8::50/128", "fd00:1::/64"]
        {
            assert!(is_place(&good.parse().unwrap()), "{good}");
        }
        for bad in [
            "0.0.0.0/0",
            "::/0",
            "192.168.0.0/23",
            "fd00::/63",
            "127.0.0.1/32",
            "::1/128",
            "224.0.0.251/32",
            "ff02::fb/128",
            "169.254.0.0/24",
            "fe80::1/128",
            "0.0.0.0/32",
            "::/128",
            "255.255.255.255/32",
            "::ffff:192.0.2.1/128",
            "192.168.1.5/24",
        ] {
            assert!(!is_place(&bad.parse().unwrap()), "{bad}");
        }
        let device = |service| Device { at: "192.168.1.50/32".parse().unwrap(), service };
        let ports = vec![PortRange { first: 631, last: 631 }];
        assert!(
            device(Service::Tcp { ports: ports.clone() }).is_narrow()
                && device(Service::Udp { ports }).is_narrow()
        );
        for wide in [
            Service::Any,
            Service::Ping,
            Service::Tcp { ports: Vec::new() },
            Service::Udp { ports: Vec::new() },
        ] {
            assert!(!device(wide).is_narrow());
        }
    }
}
