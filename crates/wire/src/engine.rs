//! The core: all peers of one shard, found by key, by inner address and by receiver index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hanare_model::{Peer, PeerSet, PrivateKey, PublicKey};

use crate::identity::Identity;
use crate::indices::Indices;
use crate::link::Link;
use crate::outcome::{Drops, Event, PeerIndex, PeerStats, Reason};
use crate::queue::Budget;
use crate::random::Random;
use crate::routes::Routes;

/// Events that wait for [`Core::take_event`]; beyond it the oldest are forgotten, so that nobody who does not ask costs memory.
const EVENTS: usize = 4096;
/// What [`Core::next_wakeup`] answers if nothing is due.
const IDLE: Duration = Duration::from_hours(1);

/// Decides on the source address of a decrypted packet: `owner` is whose address it is by the longest matching prefix,
/// `sender` is whose session brought it.
pub type SourceCheck = fn(owner: Option<PeerIndex>, sender: PeerIndex) -> bool;

/// The check of every program that ships: a peer speaks for its own addresses.
#[must_use]
pub fn own_addresses_only(owner: Option<PeerIndex>, sender: PeerIndex) -> bool {
    owner == Some(sender)
}

/// All peers of one shard, without input or output: the caller brings datagrams, packets and the time, and carries away
/// what comes out.
pub struct Core {
    pub(crate) identity: Identity,
    pub(crate) random: Random,
    pub(crate) links: Vec<Option<Box<Link>>>,
    pub(crate) free: Vec<PeerIndex>,
    pub(crate) keys: BTreeMap<PublicKey, PeerIndex>,
    pub(crate) routes: Routes,
    pub(crate) source_check: SourceCheck,
    pub(crate) indices: Indices,
    pub(crate) schedule: BTreeSet<(Instant, PeerIndex)>,
    /// Peers whose session has just come and whose packets wait.
    pub(crate) ready: VecDeque<PeerIndex>,
    pub(crate) budget: Budget,
    pub(crate) events: VecDeque<Event>,
    /// Drops that are no peer's.
    pub(crate) drops: Drops,
    /// The latest time that the caller has told.
    pub(crate) now: Instant,
}

impl Core {
    /// Makes a core without peers. `seed` is 32 random bytes, different for every core that ever runs.
    #[must_use]
    pub fn new(private: &PrivateKey, seed: [u8; 32], now: Instant) -> Self {
        let mut random = Random::new(&seed);
        Self {
            identity: Identity::new(private, &mut random),
            random,
            links: Vec::new(),
            free: Vec::new(),
            keys: BTreeMap::new(),
            routes: Routes::default(),
            source_check: own_addresses_only,
            indices: Indices::default(),
            schedule: BTreeSet::new(),
            ready: VecDeque::new(),
            budget: Budget::default(),
            events: VecDeque::new(),
            drops: Drops::default(),
            now,
        }
    }

    /// Replaces the check of inner source addresses. For the tests that show what it is good for.
    pub fn set_source_check(&mut self, check: SourceCheck) {
        self.source_check = check;
    }

    /// This side's public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.identity.public()
    }

    /// Which peer a destination belongs to: the longest matching prefix.
    #[inline]
    #[must_use]
    pub fn route(&self, destination: IpAddr) -> Option<PeerIndex> {
        self.routes.find(destination)
    }

    /// Where a peer is in this core.
    #[must_use]
    pub fn index(&self, peer: &PublicKey) -> Option<PeerIndex> {
        self.keys.get(peer).copied()
    }

    /// When [`Core::poll`] has something to do. Not later than the last `now` if it has already: after [`Core::receive`]
    /// completed a handshake for which packets wait.
    #[must_use]
    pub fn next_wakeup(&self) -> Instant {
        if !self.ready.is_empty() {
            return self.now;
        }
        self.schedule.first().map_or(self.now + IDLE, |(at, _)| *at)
    }

    /// The oldest event that nobody has taken.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Figures of all peers, by key.
    pub fn stats(&self) -> impl Iterator<Item = PeerStats> + '_ {
        self.keys.iter().filter_map(|(key, index)| {
            let link = self.link(*index)?;
            Some(PeerStats {
                public_key: *key,
                index: *index,
                endpoint: link.endpoint,
                last_handshake: link.last_handshake,
                last_received: link.last_received,
                connected: link.is_up(self.now),
                rx_bytes: link.rx_bytes,
                tx_bytes: link.tx_bytes,
                drops: link.drops,
            })
        })
    }

    /// What was dropped and is no known peer's.
    #[must_use]
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// The peers as they are in force: with the endpoints that were learnt, without prefixes that another peer took over.
    #[must_use]
    pub fn peers(&self) -> PeerSet {
        let mut owned = self.routes.by_owner();
        let effective = |(key, index): (&PublicKey, &PeerIndex)| {
            let link = self.link(*index)?;
            let allowed_ips = owned.remove(index).unwrap_or_default();
            Some((*key, Peer { endpoint: link.endpoint, allowed_ips, ..link.peer.clone() }))
        };
        PeerSet { peers: self.keys.iter().filter_map(effective).collect() }
    }

    pub(crate) fn link(&self, index: PeerIndex) -> Option<&Link> {
        self.links.get(index.as_usize())?.as_deref()
    }

    #[inline]
    pub(crate) fn link_mut(&mut self, index: PeerIndex) -> Option<&mut Link> {
        self.links.get_mut(index.as_usize())?.as_deref_mut()
    }

    /// Sets when a peer is looked at next.
    pub(crate) fn schedule(&mut self, index: PeerIndex, due: Option<Instant>) {
        let Some(link) = self.links.get_mut(index.as_usize()).and_then(Option::as_mut) else { return };
        if let Some(before) = std::mem::replace(&mut link.due, due) {
            self.schedule.remove(&(before, index));
        }
        if let Some(due) = due {
            self.schedule.insert((due, index));
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Counts a drop that is no peer's.
    pub(crate) fn refuse(&mut self, reason: Reason) -> Reason {
        self.drops.count(reason);
        reason
    }
}

/// Shows counts, never a key.
impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("peers", &self.keys.len()).finish_non_exhaustive()
    }
}
