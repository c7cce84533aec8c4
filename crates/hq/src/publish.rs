//! From the registry to what the data plane and the firewall should be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hanare_model::policy::compile;
use hanare_model::{Peer, PublicKey, Timestamp};
use ipnet::IpNet;

use crate::plane::{Published, interface_addresses};
use crate::registry::{NodeRow, Registry};
use crate::show::lapsed;

/// What stays the same while `serve` runs.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The tunnel interface.
    pub interface: String,
    /// The node API's port inside the tunnel.
    pub api_port: u16,
    /// Where nodes were last heard before this start.
    pub remembered: BTreeMap<PublicKey, SocketAddr>,
}

impl Frame {
    /// Remembers the endpoints that the registry holds now.
    pub(crate) fn new(interface: String, api_port: u16, registry: &Registry) -> Self {
        let remembered =
            registry.enrolled().filter_map(|node| Some((node.public_key, node.endpoint?))).collect();
        Self { interface, api_port, remembered }
    }

    /// Everything to publish; `departing` are revoked nodes that are still being told.
    pub(crate) fn published(
        &self,
        registry: &Registry,
        departing: &BTreeSet<PublicKey>,
        now: Timestamp,
    ) -> Published {
        let overlay = &registry.settings.overlay;
        let peers = registry
            .nodes
            .values()
            .filter(|node| match node.revoked_at {
                Some(_) => departing.contains(&node.public_key),
                None => !lapsed(node, now),
            })
            .map(|node| self.peer(node))
            .collect();
        Published {
            interface: self.interface.clone(),
            addresses: interface_addresses(overlay.hq(), overlay.prefixes()),
            mtu: registry.settings.mtu,
            peers,
            segmentation: compile(&registry.in_force, &registry.site(&self.interface, self.api_port)),
        }
    }

    fn peer(&self, node: &NodeRow) -> Peer {
        let endpoint = self.remembered.get(&node.public_key).copied();
        let mut allowed_ips: Vec<IpNet> = node.addresses.iter().map(|a| IpNet::from(*a)).collect();
        allowed_ips.extend_from_slice(&node.lan);
        Peer {
            public_key: node.public_key,
            preshared_key: Some(node.preshared_key.clone()),
            endpoint,
            allowed_ips,
            keepalive: None,
            initiate: endpoint.is_some(),
        }
    }
}
