//! What a worker may ask: for a node, what headquarters signed in its lease; for headquarters, what its command said at the
//! start. Nothing a hijacked worker says widens it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hanare_model::filter::MAX_FLOWS;
use hanare_model::plan::overlap;
use hanare_model::{Device, Endpoint, Lease, NodeKind, Segmentation, Signed};
use ipnet::IpNet;

use super::message::Permit;
use super::setup::NodeRole;
use crate::error::HostError;
use crate::kill_switch::{Policy, Reach};

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
        let flows = asked.input.len().saturating_add(asked.forward.len());
        if flows > MAX_FLOWS {
            return Err(HostError::refused("segment", format!("{flows} flows are more than {MAX_FLOWS}")));
        }
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

    /// The room's devices as far as this machine stands in their network; never what is reached through the tunnel, whatever
    /// somebody gives this machine for its network.
    pub(super) fn devices(&self, connected: &[(String, IpNet)]) -> BTreeSet<Reach> {
        let lan = self.role.lan.as_deref();
        let inside =
            self.lease.hq.allowed_ips.iter().filter(|net| net.prefix_len() > 0).chain(&self.lease.lan);
        let inside: Vec<&IpNet> = inside.collect();
        let mut all = BTreeSet::new();
        for device in self.lease.devices.iter().filter(|device| device.is_narrow()) {
            for (interface, address) in connected.iter().filter(|(name, _)| Some(name.as_str()) != lan) {
                let network = address.trunc();
                let at = match (network.contains(&device.at), device.at.contains(&network)) {
                    (true, _) => device.at,
                    (false, true) => network,
                    (false, false) => continue,
                };
                if !inside.iter().any(|net| overlap(net, &at)) {
                    let device = Device { at, service: device.service.clone() };
                    all.insert(Reach { interface: interface.clone(), device });
                }
            }
        }
        all
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
    use hanare_model::{
        HqPeer, Internet, PortRange, PresharedKey, PublicKey, Service, SigningKey, Timestamp,
    };

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

    fn node(devices: &[&str], lan: Option<&str>) -> Bounds {
        let key = SigningKey::from_seed([1; 32]);
        let public_key = PublicKey::from_bytes([7; 32]);
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect::<Vec<IpNet>>();
        let ports = vec![PortRange { first: 9100, last: 9100 }];
        let device =
            |at: &&str| Device { at: at.parse().unwrap(), service: Service::Tcp { ports: ports.clone() } };
        let lease = Lease {
            serial: 1,
            node: "pc-1".parse().unwrap(),
            kind: NodeKind::Gateway,
            public_key,
            company: "acme".parse().unwrap(),
            room: "kofu/306".parse().unwrap(),
            addresses: nets(&["10.88.1.2/32"]),
            lan: nets(&["10.88.1.128/25"]),
            devices: devices.iter().map(device).collect(),
            unlock: hanare_model::unlock::UnlockTerms::default(),
            holidays: BTreeSet::new(),
            hq: HqPeer {
                public_key: PublicKey::from_bytes([8; 32]),
                preshared_key: PresharedKey::from_bytes([9; 32]),
                endpoints: Vec::new(),
                api: Vec::new(),
                addresses: Vec::new(),
                api_port: 51821,
                allowed_ips: nets(&["0.0.0.0/0", "::/0", "10.88.0.0/16", "172.20.0.0/16"]),
            },
            internet: Internet::ViaHq,
            dns: Vec::new(),
            mtu: 1360,
            issued_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(0),
            grace_seconds: 0,
            sealing: None,
        };
        let role = NodeRole {
            public_key,
            signing_key: key.verify_key(),
            lease: Signed::seal(&lease, &key).unwrap(),
            lan: lan.map(str::to_owned),
        };
        Bounds::new(role).unwrap()
    }

    #[test]
    fn a_device_is_let_through_where_this_machine_stands_and_nowhere_else() {
        let reached = |bounds: &Bounds, connected: &[(&str, &str)]| {
            let connected: Vec<_> =
                connected.iter().map(|(name, net)| ((*name).to_owned(), net.parse().unwrap())).collect();
            let found = bounds.devices(&connected);
            found.iter().map(|reach| format!("{} {}", reach.interface, reach.device.at)).collect::<Vec<_>>()
        };
        let printer = node(&["192.168.1.50/32", "2001:db8::50/128"], Some("lan0"));
        assert_eq!(reached(&printer, &[("eth0", "192.168.1.9/24")]), ["eth0 192.168.1.50/32"]);
        assert_eq!(reached(&printer, &[("wlan0", "2001:db8::9/64")]), ["wlan0 2001:db8::50/128"]);
        assert!(
            reached(&printer, &[("eth0", "192.168.2.9/24"), ("lo", "127.0.0.1/8")]).is_empty(),
            "another network"
        );
        assert!(
            reached(&printer, &[("lan0", "192.168.1.9/24")]).is_empty(),
            "a gateway's room is the overlay's"
        );
        // Somebody's DHCP server claims half the world, and what is named stays what it is.
        assert_eq!(reached(&printer, &[("eth0", "192.0.0.9/2")]), ["eth0 192.168.1.50/32"]);
        let rack = node(&["192.168.1.0/24"], None);
        assert_eq!(
            reached(&rack, &[("eth0", "192.168.1.9/28")]),
            ["eth0 192.168.1.0/28"],
            "only what is connected"
        );
        // What headquarters should not have signed is not let through either.
        for inside in ["10.88.3.0/24", "172.20.1.0/24", "10.88.1.129/32"] {
            assert!(
                reached(&node(&[inside], None), &[("eth0", "10.88.3.9/8"), ("eth1", "172.20.1.9/12")])
                    .is_empty(),
                "{inside}"
            );
        }
        for wide in ["0.0.0.0/0", "192.168.0.0/16", "224.0.0.0/24"] {
            assert!(reached(&node(&[wide], None), &[("eth0", "192.168.1.9/24")]).is_empty(), "{wide}");
        }
    }
}
