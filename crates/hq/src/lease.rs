//! Leases: what headquarters grants to a node, built from the registry and signed.

use std::net::IpAddr;

use hanare_handover::seal::SealingSecret;
use hanare_model::api::Granted;
use hanare_model::lease::{LEASE_DURATION, LEASE_GRACE, SignedError};
use hanare_model::policy;
use hanare_model::{Endpoint, HqPeer, Internet, Lease, PublicKey, Signed, SigningKey, Timestamp, Tombstone};
use ipnet::IpNet;
use ring::digest::{SHA256, digest};

use crate::registry::{NodeRow, Registry};
use crate::settings::Settings;

/// What every lease of this headquarters says.
#[derive(Debug, Clone)]
pub(crate) struct LeaseTerms {
    /// Headquarters' `WireGuard` key.
    pub public_key: PublicKey,
    /// Where `WireGuard` listens.
    pub endpoints: Vec<Endpoint>,
    /// Where the node API listens from outside.
    pub api: Vec<Endpoint>,
    /// Headquarters' addresses inside the tunnel.
    pub addresses: [IpAddr; 2],
    /// The node API's port inside the tunnel.
    pub api_port: u16,
    /// What is reached through headquarters.
    pub allowed_ips: Vec<IpNet>,
    /// Whether the internet is.
    pub internet: Internet,
    /// Resolvers.
    pub dns: Vec<IpAddr>,
    /// Inner MTU.
    pub mtu: u16,
    /// What the companies' sealing keys are drawn from.
    pub sealing: SealingSecret,
}

impl LeaseTerms {
    /// From the settings and from where this `serve` listens.
    pub(crate) fn new(
        settings: &Settings,
        (public_key, sealing): (PublicKey, SealingSecret),
        api: Vec<Endpoint>,
        api_port: u16,
    ) -> Self {
        let mut allowed_ips = settings.overlay.prefixes().to_vec();
        allowed_ips.extend_from_slice(&settings.networks);
        if settings.internet == Internet::ViaHq {
            allowed_ips.extend([IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())]);
        }
        Self {
            public_key,
            endpoints: settings.endpoints.clone(),
            api,
            addresses: settings.overlay.hq(),
            api_port,
            allowed_ips,
            internet: settings.internet,
            dns: settings.dns.clone(),
            mtu: settings.mtu,
            sealing,
        }
    }

    /// The lease of a node as its row has it, with the LAN of the room it stands in.
    pub(crate) fn lease(&self, registry: &Registry, node: &NodeRow) -> Lease {
        let overlay = &registry.settings.overlay;
        let lan = registry.rooms.get(&node.room).map(|room| overlay.lan(room.place).to_vec());
        Lease {
            serial: node.serial,
            node: node.name.clone(),
            kind: node.kind,
            public_key: node.public_key,
            company: node.company.clone(),
            room: node.room.clone(),
            addresses: node.addresses.iter().map(|address| IpNet::from(*address)).collect(),
            lan: lan.unwrap_or_default(),
            devices: policy::devices(&registry.in_force, &node.room, &node.company),
            unlock: registry.in_force.unlock,
            holidays: registry.in_force.holidays.clone(),
            sealing: self.sealing.public(&node.company),
            hq: HqPeer {
                public_key: self.public_key,
                preshared_key: node.preshared_key.clone(),
                endpoints: self.endpoints.clone(),
                api: self.api.clone(),
                addresses: self.addresses.to_vec(),
                api_port: self.api_port,
                allowed_ips: self.allowed_ips.clone(),
            },
            internet: self.internet,
            dns: self.dns.clone(),
            mtu: self.mtu,
            issued_at: node.issued_at,
            expires_at: node.expires_at,
            grace_seconds: LEASE_GRACE.as_secs(),
        }
    }

    /// Digest of what a node's lease says, but for serial and dates: SHA-256, hexadecimal.
    pub(crate) fn digest(&self, registry: &Registry, node: &NodeRow) -> String {
        let zero = Timestamp::from_seconds(0);
        let timeless = Lease { serial: 0, issued_at: zero, expires_at: zero, ..self.lease(registry, node) };
        let text = serde_json::to_vec(&timeless).unwrap_or_default();
        hex::encode(digest(&SHA256, &text))
    }

    /// Whether the node needs a new lease: what it says has changed, or half of its time has passed.
    pub(crate) fn stale(&self, registry: &Registry, node: &NodeRow, now: Timestamp) -> bool {
        let half = node.expires_at.since(node.issued_at) / 2;
        now >= node.issued_at.after(half)
            || now < node.issued_at
            || node.lease_digest != self.digest(registry, node)
    }

    /// The node's row with a new lease.
    pub(crate) fn renewed(&self, registry: &Registry, node: &NodeRow, now: Timestamp) -> NodeRow {
        let mut row = NodeRow {
            serial: node.serial.saturating_add(1),
            issued_at: now,
            expires_at: now.after(LEASE_DURATION),
            ..node.clone()
        };
        row.lease_digest = self.digest(registry, &row);
        row
    }

    /// The lease as the node gets it.
    pub(crate) fn granted(
        &self,
        registry: &Registry,
        node: &NodeRow,
        key: &SigningKey,
    ) -> Result<Granted, SignedError> {
        let lease = Signed::seal(&self.lease(registry, node), key)?;
        Ok(Granted { lease, signing_key: key.verify_key() })
    }
}

/// The notice of a node's end; `None` while it is enrolled.
pub(crate) fn tombstone(node: &NodeRow, key: &SigningKey) -> Option<Result<Signed, SignedError>> {
    let notice = Tombstone {
        node: node.name.clone(),
        public_key: node.public_key,
        revoked_at: node.revoked_at?,
        reason: node
            .reason
            .clone()
            .unwrap_or_else(|| if node.has_left { Tombstone::LEFT } else { "" }.to_owned()),
    };
    Some(Signed::seal(&notice, key))
}
