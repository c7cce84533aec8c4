//! The link to the data plane: what headquarters publishes for it, and the news that come back.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use hanare_model::{PeerSet, PublicKey, Segmentation};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

/// What the data plane, the interface and the firewall should be now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The tunnel interface.
    pub interface: String,
    /// Headquarters' addresses with the overlay's prefix lengths, so that the kernel routes the overlay into the interface.
    pub addresses: Vec<IpNet>,
    /// The interface's MTU.
    pub mtu: u16,
    /// The peers. An endpoint is the one remembered when `serve` started; what the data plane learns later is its own.
    pub peers: PeerSet,
    /// The firewall.
    pub segmentation: Segmentation,
}

/// What the data plane knows of a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerReport {
    /// Where it was last heard.
    pub endpoint: Option<SocketAddr>,
    /// Age of the last handshake.
    pub last_handshake_seconds: Option<u64>,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// How headquarters' firewall stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallState {
    /// It holds what was published.
    #[default]
    InForce,
    /// The machine did not take what was published last, and is asked again. What was in force before still is.
    Behind,
    /// Somebody changed it, and it cannot be restored: until it is, nothing is forwarded.
    Lost,
}

/// What the data plane knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaneReport {
    /// Whether it forwards.
    pub forwarding: bool,
    /// How the firewall stands.
    pub firewall: FirewallState,
    /// Its peers.
    pub peers: BTreeMap<PublicKey, PeerReport>,
}

/// What headquarters asks of the data plane besides what it publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Build this peer's session anew: its clock went back.
    Rebuild(PublicKey),
}

/// The data plane's end of the link.
#[derive(Debug, Clone)]
pub struct PlaneLink {
    pub(crate) roamed: mpsc::Sender<(PublicKey, SocketAddr)>,
    pub(crate) report: watch::Sender<PlaneReport>,
    pub(crate) in_force: watch::Sender<Option<Segmentation>>,
}

impl PlaneLink {
    /// A peer was heard, authenticated, at a new place. Under pressure the news is dropped: the next one is as good.
    pub fn roamed(&self, peer: PublicKey, endpoint: SocketAddr) {
        let _ = self.roamed.try_send((peer, endpoint));
    }

    /// Data plane, interface and firewall have taken in what was published; admins hear that their policy is in force.
    pub fn applied(&self, published: &Published) {
        self.in_force.send_replace(Some(published.segmentation.clone()));
    }

    /// How the data plane is; headquarters shows it in `hq status` and `node list`. Once a second is enough.
    pub fn report(&self, report: PlaneReport) {
        self.report.send_replace(report);
    }
}

/// Headquarters' own addresses as the interface gets them.
pub(crate) fn interface_addresses(own: [IpAddr; 2], overlay: [IpNet; 2]) -> Vec<IpNet> {
    own.into_iter()
        .zip(overlay)
        .filter_map(|(address, prefix)| IpNet::new(address, prefix.prefix_len()).ok())
        .collect()
}
