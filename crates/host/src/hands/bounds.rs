//! What a worker may ask: for a node, what headquarters signed in its lease; for headquarters, what its command said at the
//! start. Nothing a hijacked worker says widens it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hanare_model::{Endpoint, Lease, NodeKind, Segmentation, Signed};
use ipnet::IpNet;

use super::message::Permit;
use super::setup::NodeRole;
use crate::error::HostError;
use crate::kill_switch::Policy;

/// Addresses that one name of headquarters may resolve to at a time; more is not a name server's answer but an opening.
const MAX_ADDRESSES: usize = 32;

/// The bounds of headquarters' worker.
#[derive(Debug)]
pub(super) struct HqBounds {
    pub(super) overlay: Vec<IpNet>,
    pub(super) listen: SocketAddr,
}

impl HqBounds {
    /// Addresses with the prefixes that they bring along, and routes: of the overlay, or it could take any host's place; one
    /// for each of the overlay's prefixes, or it could fill the machine's tables.
    pub(super) fn addresses_or_routes(&self, verb: &str, asked: &[IpNet]) -> Result<(), HostError> {
        few(verb, asked, self.overlay.len())?;
        self.prefixes(verb, asked)
    }

    fn prefixes(&self, verb: &str, asked: &[IpNet]) -> Result<(), HostError> {
        let outside = |net: &&IpNet| !self.overlay.iter().any(|overlay| overlay.contains(*net));
        match asked.iter().find(outside) {
            Some(net) => Err(HostError::refused(verb, format!("{net} is not in the overlay"))),
            None => Ok(()),
        }
    }

    /// A firewall about the overlay: the rules' prefixes are headquarters' decision, what they hang on is not.
    pub(super) fn segmentation(&self, asked: &Segmentation) -> Result<(), HostError> {
        self.prefixes("segment", &asked.overlay)?;
        let own: Vec<IpNet> = asked.own.iter().copied().map(IpNet::from).collect();
        self.prefixes("segment", &own)
    }

    pub(super) fn listen(&self, verb: &str, asked: SocketAddr) -> Result<(), HostError> {
        if asked == self.listen {
            return Ok(());
        }
        Err(HostError::refused(verb, format!("{asked} is not where headquarters listens")))
    }
}

/// The bounds of a node's worker.
#[derive(Debug)]
pub(super) struct Bounds {
    role: NodeRole,
    lease: Lease,
}

impl Bounds {
    pub(super) fn new(role: NodeRole) -> Result<Self, HostError> {
        let lease = open(&role, &role.lease)?;
        Ok(Self { role, lease })
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(super) fn role(&self) -> &NodeRole {
        &self.role
    }

    /// Takes a newer lease, or the same one again.
    pub(super) fn renew(&mut self, signed: &Signed) -> Result<(), HostError> {
        let lease = open(&self.role, signed)?;
        if lease.serial < self.lease.serial {
            return Err(HostError::refused("lease", "it is older than the one in force"));
        }
        self.lease = lease;
        Ok(())
    }

    /// The LAN in which a node that is not the gateway may stand.
    pub(super) fn room_lan(&self) -> Vec<IpNet> {
        if self.lease.kind == NodeKind::Gateway { Vec::new() } else { self.lease.lan.clone() }
    }

    /// The node's own addresses, as they are in the lease.
    pub(super) fn addresses(&self, asked: &[IpNet]) -> Result<(), HostError> {
        few("addresses", asked, self.lease.addresses.len())?;
        within("addresses", asked, |net| self.lease.addresses.contains(net))
    }

    /// The lease's prefixes as they are: parts of them would be any number of routes.
    pub(super) fn routes(&self, asked: &[IpNet]) -> Result<(), HostError> {
        let all = &self.lease.hq.allowed_ips;
        few("routes", asked, all.len())?;
        within("routes", asked, |net| all.contains(net))
    }

    /// One address in each of the room's prefixes.
    pub(super) fn lan(&self, asked: &[IpNet]) -> Result<(), HostError> {
        few("lan", asked, self.lease.lan.len())?;
        within("lan", asked, |net| {
            self.lease
                .lan
                .iter()
                .any(|lan| lan.contains(&net.trunc()) && lan.prefix_len() == net.prefix_len())
        })
    }

    pub(super) fn dns(&self, asked: &[IpAddr]) -> Result<(), HostError> {
        few("dns", asked, self.lease.dns.len())?;
        if asked.iter().all(|server| self.lease.dns.contains(server)) {
            return Ok(());
        }
        Err(HostError::refused("dns", "a server is not in the lease"))
    }

    /// Whether `to` is headquarters' API past the tunnel (true) or inside it (false).
    pub(super) fn api(&self, to: SocketAddr) -> Result<bool, HostError> {
        let hq = &self.lease.hq;
        if to.port() == hq.api_port && hq.addresses.contains(&to.ip()) {
            return Ok(false);
        }
        endpoint("api-socket", &hq.api, to).map(|()| true)
    }

    /// The kill switch's policy for what the worker resolved.
    pub(super) fn policy(&self, permit: &Permit, mut base: Policy) -> Result<Policy, HostError> {
        if permit.wireguard.len() > MAX_ADDRESSES || permit.api.len() > MAX_ADDRESSES {
            return Err(HostError::refused("kill-switch", "too many addresses"));
        }
        for to in &permit.wireguard {
            endpoint("kill-switch", &self.lease.hq.endpoints, *to)?;
        }
        for to in &permit.api {
            endpoint("kill-switch", &self.lease.hq.api, *to)?;
        }
        base.wireguard = literal(&self.lease.hq.endpoints).chain(permit.wireguard.iter().copied()).collect();
        base.api = literal(&self.lease.hq.api).chain(permit.api.iter().copied()).collect();
        Ok(base)
    }

    /// Resolvers are let through only while a name of headquarters needs them.
    pub(super) fn resolvers(&self, underlay: &[IpAddr]) -> BTreeSet<IpAddr> {
        let mut all = self.lease.hq.endpoints.iter().chain(&self.lease.hq.api);
        let needed = all.any(|endpoint| endpoint.address().is_none());
        underlay.iter().copied().filter(|server| needed && !server.is_loopback()).collect()
    }
}

/// A node speaks first: any port, of the kernel's choice.
pub(super) fn node_listen(verb: &str, asked: SocketAddr) -> Result<(), HostError> {
    if asked.port() == 0 && asked.ip().is_unspecified() {
        return Ok(());
    }
    Err(HostError::refused(verb, "a node does not choose its port"))
}

fn open(role: &NodeRole, signed: &Signed) -> Result<Lease, HostError> {
    let lease: Lease =
        signed.open(&role.signing_key).map_err(|error| HostError::refused("lease", error.to_string()))?;
    if lease.public_key != role.public_key {
        return Err(HostError::refused("lease", "it is another node's"));
    }
    Ok(lease)
}

/// What is bounded by kind is bounded in number too: the undo log and the kernel's tables hold it.
fn few<T>(verb: &str, asked: &[T], most: usize) -> Result<(), HostError> {
    if asked.len() <= most {
        return Ok(());
    }
    Err(HostError::refused(verb, format!("{} asked for, {most} at most", asked.len())))
}

fn within(verb: &str, asked: &[IpNet], allowed: impl Fn(&IpNet) -> bool) -> Result<(), HostError> {
    match asked.iter().find(|net| !allowed(net)) {
        Some(net) => Err(HostError::refused(verb, format!("{net} is not in the lease"))),
        None => Ok(()),
    }
}

/// An address is headquarters' if the lease names it, or if the lease gives a name with its port; never one that would
/// reach this machine itself or everybody.
fn endpoint(verb: &str, known: &[Endpoint], to: SocketAddr) -> Result<(), HostError> {
    let named = known.iter().any(|endpoint| match endpoint.address() {
        Some(address) => address == to,
        None => endpoint.port() == to.port() && is_another_machine(to.ip()),
    });
    if named {
        return Ok(());
    }
    Err(HostError::refused(verb, format!("{to} is not headquarters'")))
}

/// An IPv6 address may hold an IPv4 one, and is that one then.
fn is_another_machine(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let is_broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() && !is_broadcast
}

fn literal(endpoints: &[Endpoint]) -> impl Iterator<Item = SocketAddr> {
    endpoints.iter().filter_map(Endpoint::address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_to_this_machine_or_to_everybody() {
        let known: Vec<Endpoint> = vec!["hq.example:443".parse().unwrap()];
        let asked = |text: &str| endpoint("api-socket", &known, text.parse().unwrap());
        assert!(asked("198.51.100.1:443").is_ok() && asked("[2001:db8::1]:443").is_ok());
        for text in [
            "198.51.100.1:444",
            "127.0.0.1:443",
            "127.9.9.9:443",
            "[::1]:443",
            "[::ffff:127.0.0.1]:443",
            "0.0.0.0:443",
            "[::]:443",
            "[::ffff:0.0.0.0]:443",
            "255.255.255.255:443",
            "224.0.0.1:443",
            "[ff02::1]:443",
            "[::ffff:224.0.0.1]:443",
        ] {
            assert!(asked(text).is_err(), "{text}");
        }
    }
}
