//! What the node API, the admin socket and the publisher of one running headquarters have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use hanare_model::{PrivateKey, PublicKey, Segmentation, SigningKey, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::grants::Grants;
use crate::identity::IdentityProvider;
use crate::lease::LeaseTerms;
use crate::plane::{Order, PlaneReport};
use crate::store::writer::Writer;
use crate::work_store::WorkStore;

/// How long a revoked node that listens may take to say that it read the notice (`DESIGN`: acknowledged within a second).
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);
/// How long an admin waits for the firewall to follow a policy; it takes a fraction of a second.
pub(crate) const FOLLOWING: Duration = Duration::from_secs(2);

/// One running headquarters.
pub(crate) struct Hq {
    pub writer: Writer,
    /// Work that was handed over.
    pub work: WorkStore,
    /// Copies of it that admins may take.
    pub grants: Grants,
    /// Who proves persons.
    pub identity: Box<dyn IdentityProvider>,
    pub wireguard: PrivateKey,
    pub signing: SigningKey,
    pub pin: [u8; 32],
    pub terms: LeaseTerms,
    pub interface: String,
    pub listen: SocketAddr,
    pub api: SocketAddr,
    pub since: Timestamp,
    pub report: watch::Receiver<PlaneReport>,
    /// What the firewall was last seen to hold; `None` before the data plane stands.
    pub in_force: watch::Receiver<Option<Segmentation>>,
    pub orders: mpsc::Sender<Order>,
    /// Revoked nodes that are still being told, until when.
    pub departing: watch::Sender<BTreeMap<PublicKey, Instant>>,
    /// Nodes that listen for events, with the number of their newest stream.
    pub listening: Mutex<BTreeMap<PublicKey, u64>>,
    /// Number of the next stream; never given twice, or the end of an old one could be taken for that of a newer.
    pub streams: AtomicU64,
}

impl Hq {
    /// Nodes that are still being told of their revocation.
    pub(crate) fn departing(&self) -> BTreeSet<PublicKey> {
        self.departing.borrow().keys().copied().collect()
    }

    /// Whether a node listens for events.
    pub(crate) fn listens(&self, node: &PublicKey) -> bool {
        self.listening.lock().is_ok_and(|listening| listening.contains_key(node))
    }

    /// Holds a node's peer back from removal while it is told.
    pub(crate) fn depart(&self, node: PublicKey) {
        self.departing.send_modify(|departing| {
            departing.insert(node, Instant::now() + FAREWELL);
        });
    }

    /// The node has read its notice, or its time is over.
    pub(crate) fn farewell(&self, node: &PublicKey) {
        self.departing.send_if_modified(|departing| departing.remove(node).is_some());
    }
}
