//! From a policy and what the registry holds to what the firewall does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{Access, Fault, Party, Policy, PolicyError, Position, RoomDevice};
use crate::device::Device;
use crate::filter::{Flow, PortRange, Segmentation, Service};
use crate::id::{CompanyId, RoomId};
use crate::lease::Internet;
use crate::plan::overlap;

/// IPv4 that is not the public internet (RFC 6890 and multicast): a policy that opens the internet opens none of it.
const NOT_PUBLIC: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// What the registry knows and a policy is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The tunnel interface.
    pub interface: String,
    /// The overlay, both families.
    pub overlay: Vec<IpNet>,
    /// Headquarters' own addresses inside the tunnel.
    pub own: Vec<IpAddr>,
    /// The node API's port inside the tunnel.
    pub api_port: u16,
    /// Headquarters' networks.
    pub networks: Vec<IpNet>,
    /// Resolvers that leases name.
    pub dns: Vec<IpAddr>,
    /// Whether rooms reach the internet.
    pub internet: Internet,
    /// All tenants, also those without a room.
    pub companies: Vec<CompanyId>,
    /// All rooms.
    pub rooms: Vec<Resident>,
}

/// A room as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Its id.
    pub room: RoomId,
    /// Who leases it.
    pub company: CompanyId,
    /// Everything that lives in it.
    pub prefixes: Vec<IpNet>,
}

/// What a policy names that the registry does not hold, with its place. A policy is applied only if this is empty.
#[must_use]
pub fn unknown(policy: &Policy, site: &Site) -> Vec<PolicyError> {
    let services = policy.services.iter().map(|service| (&service.at, service.position));
    let rules =
        policy.allow.iter().flat_map(|rule| [(&rule.from, rule.from_position), (&rule.to, rule.to_position)]);
    let stand = policy.devices.iter().map(|device| (&device.rooms, device.rooms_position));
    let missing = services
        .chain(rules)
        .chain(stand)
        .flat_map(|(parties, position)| parties.iter().map(move |party| (party, position)))
        .filter_map(|(party, position)| missing(party, position, site));
    missing.chain(policy.devices.iter().filter_map(|device| inside(device, site))).collect()
}

/// A device that is reached through the tunnel is none of the room's own.
fn inside(device: &RoomDevice, site: &Site) -> Option<PolicyError> {
    let behind = |net: &IpNet| site.overlay.iter().chain(&site.networks).any(|known| overlap(known, net));
    let net = device.devices.iter().map(|device| device.at).find(behind)?;
    Some(PolicyError { position: device.at_position, fault: Fault::DeviceInside(net) })
}

/// The devices that the nodes of a room may ask in the network that they stand in.
#[must_use]
pub fn devices(policy: &Policy, room: &RoomId, company: &CompanyId) -> Vec<Device> {
    let stands_there = |device: &&RoomDevice| device.rooms.iter().any(|party| names(party, room, company));
    let found = policy.devices.iter().filter(stands_there).flat_map(|device| device.devices.iter().cloned());
    // In order and once each: a lease says the same as long as the policy does.
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether a party is this room, or holds it.
fn names(party: &Party, room: &RoomId, company: &CompanyId) -> bool {
    match party {
        Party::Rooms => true,
        Party::Company(id) => company == id,
        Party::Room(id) => room == id,
        Party::Network(_) | Party::Hq | Party::Service(_) => false,
    }
}

fn missing(party: &Party, position: Position, site: &Site) -> Option<PolicyError> {
    let (known, fault) = match party {
        Party::Company(id) => (site.companies.contains(id), Fault::NoCompany(id.clone())),
        Party::Room(id) => (site.rooms.iter().any(|room| room.room == *id), Fault::NoRoom(id.clone())),
        Party::Network(net) => {
            (site.networks.iter().any(|declared| declared.contains(net)), Fault::Undeclared(*net))
        }
        Party::Rooms | Party::Hq | Party::Service(_) => return None,
    };
    (!known).then_some(PolicyError { position, fault })
}

/// What the firewall lets through. Parties that the registry does not hold open nothing.
#[must_use]
pub fn compile(policy: &Policy, site: &Site) -> Segmentation {
    let own: Vec<IpNet> = site.own.iter().map(|address| IpNet::from(*address)).collect();
    let mut input = vec![flow(&site.overlay, &own, Service::Ping)];
    let tcp = match policy.defaults.hq {
        Access::Open => Vec::new(),
        Access::Closed => vec![PortRange { first: site.api_port, last: site.api_port }],
    };
    input.push(flow(&site.overlay, &own, Service::Tcp { ports: tcp }));

    let (at_hq, behind_hq): (Vec<IpNet>, Vec<IpNet>) =
        site.dns.iter().map(|address| IpNet::from(*address)).partition(|address| own.contains(address));
    input.extend(questions(&site.overlay, &at_hq));

    let mut forward: Vec<Flow> =
        site.rooms.iter().map(|room| flow(&room.prefixes, &room.prefixes, Service::Any)).collect();
    if policy.defaults.networks == Access::Open && !site.networks.is_empty() {
        forward.push(flow(&site.overlay, &site.networks, Service::Any));
    }
    forward.extend(questions(&site.overlay, &behind_hq));
    let via_hq = site.internet == Internet::ViaHq && policy.defaults.internet == Access::Open;
    if via_hq {
        forward.push(flow(&site.overlay[..], &internet(site), Service::Any));
    }
    for rule in &policy.allow {
        let from = prefixes(&rule.from, site);
        if rule.to.contains(&Party::Hq) && !from.is_empty() {
            input.push(flow(&from, &own, rule.service.clone()));
        }
        let to = prefixes(&rule.to, site);
        if !from.is_empty() && !to.is_empty() {
            forward.push(flow(&from, &to, rule.service.clone()));
        }
    }
    Segmentation {
        interface: site.interface.clone(),
        overlay: site.overlay.clone(),
        own: site.own.clone(),
        input,
        forward,
        masquerade: via_hq,
    }
}

/// Questions to the resolvers that a lease names, whatever else is closed: a room without names is a dead room.
fn questions(from: &[IpNet], resolvers: &[IpNet]) -> Vec<Flow> {
    if resolvers.is_empty() {
        return Vec::new();
    }
    // RFC 1035 and RFC 7766: DNS over UDP and over TCP.
    let ports = || vec![PortRange { first: 53, last: 53 }];
    vec![
        flow(from, resolvers, Service::Udp { ports: ports() }),
        flow(from, resolvers, Service::Tcp { ports: ports() }),
    ]
}

fn flow(from: &[IpNet], to: &[IpNet], service: Service) -> Flow {
    Flow { from: from.to_vec(), to: to.to_vec(), service }
}

/// The prefixes of parties that live behind the tunnel or behind the server; headquarters itself is not among them.
fn prefixes(parties: &[Party], site: &Site) -> Vec<IpNet> {
    let mut out = Vec::new();
    for party in parties {
        match party {
            Party::Network(net) => out.push(*net),
            Party::Hq | Party::Service(_) => {}
            Party::Rooms | Party::Company(_) | Party::Room(_) => {
                for room in site.rooms.iter().filter(|home| names(party, &home.room, &home.company)) {
                    out.extend_from_slice(&room.prefixes);
                }
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Public IPv4 without what is ours. IPv6 has no way out: there is no NAT66.
fn internet(site: &Site) -> Vec<IpNet> {
    let ours = site.overlay.iter().chain(&site.networks).filter_map(|net| match net {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(_) => None,
    });
    let holes = NOT_PUBLIC.iter().filter_map(|text| text.parse::<Ipv4Net>().ok()).chain(ours);
    let mut open = vec![Ipv4Net::default()];
    for hole in holes {
        open = open.into_iter().flat_map(|net| without(net, hole)).collect();
    }
    open.into_iter().map(IpNet::from).collect()
}

/// `net` without `hole`: halves that do not meet the hole stay whole.
fn without(net: Ipv4Net, hole: Ipv4Net) -> Vec<Ipv4Net> {
    if hole.contains(&net) {
        return Vec::new();
    }
    if !net.contains(&hole) {
        return vec![net];
    }
    match net.subnets(net.prefix_len().saturating_add(1)) {
        Ok(halves) => halves.flat_map(|half| without(half, hole)).collect(),
        Err(_) => Vec::new(),
    }
}
