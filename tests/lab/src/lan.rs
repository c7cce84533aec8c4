//! A machine on the LAN behind a room's gateway, which runs nothing of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::{Error, Host, Result};

/// A machine without hanare on a room's LAN.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The machine.
    pub host: Host,
    /// Its addresses, IPv4 first.
    pub addresses: Vec<IpAddr>,
}

impl Guest {
    /// Makes `host`, plugged in already by `interface`, number `number` of the LAN's prefixes; the gateway, number 1, is
    /// its way to everywhere.
    ///
    /// # Errors
    /// If an address or a route is refused.
    pub fn settle(host: &Host, interface: &str, prefixes: &[IpNet], number: u8) -> Result<Self> {
        let mut addresses = Vec::new();
        for prefix in prefixes {
            let (own, gateway) = (address(prefix, number)?, address(prefix, 1)?);
            let (family, quick) = if own.is_ipv6() { ("-6", " nodad") } else { ("-4", "") };
            host.sh(&format!("ip address add {own}/{} dev {interface}{quick}", prefix.prefix_len()))?;
            host.sh(&format!("ip {family} route add default via {gateway}"))?;
            addresses.push(own);
        }
        Ok(Self { host: host.clone(), addresses })
    }

    /// Its address of one family.
    ///
    /// # Errors
    /// [`Error::Content`] if it has none.
    pub fn address(&self, ipv6: bool) -> Result<IpAddr> {
        crate::headquarters::pick(&self.addresses, ipv6, self.host.name())
    }
}

/// Host `number` of a prefix, 1 being the first behind the network's own address.
fn address(prefix: &IpNet, number: u8) -> Result<IpAddr> {
    let address = match prefix.network() {
        IpAddr::V4(network) => IpAddr::from(Ipv4Addr::from(u32::from(network) + u32::from(number))),
        IpAddr::V6(network) => IpAddr::from(Ipv6Addr::from(u128::from(network) + u128::from(number))),
    };
    let why = || format!("no host {number} in it");
    prefix
        .contains(&address)
        .then_some(address)
        .ok_or_else(|| Error::Content { what: prefix.to_string(), why: why() })
}
