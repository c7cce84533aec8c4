//! Changing the peers of a running core: only what differs is touched, no other session notices.

use std::time::{Duration, Instant};

use hanare_model::{Peer, PeerSet, PrivateKey, PublicKey};

use crate::attempt::Attempt;
use crate::engine::Core;
use crate::identity::Identity;
use crate::link::{Link, NUDGES};
use crate::noise::Noise;
use crate::outcome::{ClockStep, PeerIndex};

/// Time between the first initiations to two of many peers that are added at once: 500 handshakes in a second, about an
/// eighth of a core.
const PACE: Duration = Duration::from_millis(2);
/// Span over which handshakes are spread that nobody waits for, because the old session still works.
const LEISURE: Duration = Duration::from_secs(3);

impl Core {
    /// Replaces this side's key. Sessions made with the old one go on until their successors stand.
    pub fn set_private_key(&mut self, private: &PrivateKey, now: Instant) {
        self.now = self.now.max(now);
        let identity = Identity::new(private, &mut self.random);
        if identity.public() == self.identity.public() {
            return;
        }
        self.identity = identity;
        let own = self.identity.public();
        self.remove(&own);
        self.rebuild_all(now);
    }

    /// Makes the set of peers this one. Peers that are in both keep sessions, counters and endpoints, and notice only
    /// what changed about them.
    pub fn set_peers(&mut self, set: &PeerSet, now: Instant) {
        self.now = self.now.max(now);
        self.routes.clear();
        let gone: Vec<PublicKey> =
            self.keys.keys().filter(|key| !set.peers.contains_key(*key)).copied().collect();
        for key in &gone {
            self.forget(key);
        }
        let mut start = now;
        for peer in set.peers.values() {
            if self.put(peer.clone(), start, now) {
                start += PACE;
            }
            if let Some(index) = self.index(&peer.public_key) {
                self.routes.add(index, &peer.allowed_ips);
            }
        }
        self.routes.flatten();
    }

    /// Adds a peer or changes it. A prefix that was another peer's moves to it. A peer with our own key is ignored.
    pub fn upsert(&mut self, peer: Peer, now: Instant) {
        self.now = self.now.max(now);
        let (key, allowed_ips) = (peer.public_key, peer.allowed_ips.clone());
        let _ = self.put(peer, now, now);
        if let Some(index) = self.index(&key) {
            self.routes.assign(index, &allowed_ips);
        }
        self.routes.flatten();
    }

    /// Removes a peer at once: its keys and packets are dropped, its addresses free.
    pub fn remove(&mut self, key: &PublicKey) {
        self.forget(key);
        self.routes.flatten();
    }

    /// Makes a peer's session anew: for a node whose clock went back, so that its initiations look like replays. The old
    /// session goes on until the new one stands.
    pub fn rebuild(&mut self, key: &PublicKey, now: Instant) {
        self.now = self.now.max(now);
        if let Some(index) = self.index(key) {
            self.renew(index, now);
            self.hasten(index, now, now);
        }
    }

    /// The wall clock was set. After a step forward every session is made anew, because a `Tunn` keeps the clock it was
    /// made with, and a peer that knows a later one refuses it; after a step back the old clock is the one that peers
    /// still accept, and nothing is done.
    pub fn clock_stepped(&mut self, step: ClockStep, now: Instant) {
        self.now = self.now.max(now);
        match step {
            ClockStep::Forward(_) => self.rebuild_all(now),
            ClockStep::Backward(_) => {}
        }
    }

    /// The addresses or routes below the tunnel changed: shows the peers that we keep in touch with the new way at once.
    pub fn underlay_changed(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let all: Vec<PeerIndex> = self.keys.values().copied().collect();
        for index in all {
            self.nudge(index, now);
        }
    }

    /// Adds or changes, but for the prefixes; true if an initiation was scheduled for `start`.
    fn put(&mut self, peer: Peer, start: Instant, now: Instant) -> bool {
        if peer.public_key == self.identity.public() {
            tracing::warn!(peer = %peer.public_key, "a peer with our own key is ignored");
            return false;
        }
        let Some(index) = self.index(&peer.public_key) else {
            let index = self.free.pop().unwrap_or_else(|| {
                self.links.push(None);
                PeerIndex(u32::try_from(self.links.len() - 1).unwrap_or(u32::MAX))
            });
            let noise = self.make(index, &peer);
            self.keys.insert(peer.public_key, index);
            if let Some(slot) = self.links.get_mut(index.as_usize()) {
                *slot = Some(Box::new(Link::new(peer, noise)));
            }
            return self.hasten(index, start, now);
        };
        let Some(link) = self.link_mut(index) else { return false };
        let before = std::mem::replace(&mut link.peer, peer);
        let moved =
            link.peer.endpoint.filter(|to| before.endpoint != Some(*to) && link.endpoint != Some(*to));
        if moved.is_some() {
            link.endpoint = moved;
        }
        let rekeyed = before.preshared_key != link.peer.preshared_key;
        let other_duty = (before.keepalive, before.initiate) != (link.peer.keepalive, link.peer.initiate);
        if rekeyed {
            self.renew(index, now);
        }
        if moved.is_some() {
            self.nudge(index, now);
        }
        (rekeyed || moved.is_some() || other_duty) && self.hasten(index, start, now)
    }

    /// Forgets a peer; the routes want flattening afterwards.
    fn forget(&mut self, key: &PublicKey) {
        let Some(index) = self.keys.remove(key) else { return };
        self.schedule(index, None);
        self.routes.assign(index, &[]);
        self.ready.retain(|ready| *ready != index);
        let Some(mut link) = self.links.get_mut(index.as_usize()).and_then(Option::take) else { return };
        link.queue.clear(&mut self.budget);
        self.indices.release(link.noise.index);
        if let Some(old) = &link.old {
            self.indices.release(old.index);
        }
        self.free.push(index);
    }

    fn make(&mut self, index: PeerIndex, peer: &Peer) -> Noise {
        let name = self.indices.claim(index, &mut self.random);
        Noise::new(&self.identity, &peer.public_key, peer.preshared_key.as_ref(), name)
    }

    fn rebuild_all(&mut self, now: Instant) {
        let all: Vec<PeerIndex> = self.keys.values().copied().collect();
        for index in all {
            self.renew(index, now);
            let leisure = self.random.up_to(LEISURE);
            let is_up = self.link(index).is_some_and(|link| link.is_up(now));
            self.hasten(index, if is_up { now + leisure } else { now }, now);
        }
    }

    /// Puts a new `Tunn` in front of the one that has the session.
    pub(crate) fn renew(&mut self, index: PeerIndex, now: Instant) {
        let Some(peer) = self.link(index).map(|link| link.peer.clone()) else { return };
        let noise = self.make(index, &peer);
        let Some(link) = self.link_mut(index) else { return };
        let before = std::mem::replace(&mut link.noise, noise);
        let useless = if before.is_usable(now) {
            link.old.replace(Box::new(before)).map(|older| older.index)
        } else {
            Some(before.index)
        };
        link.attempt = None;
        if let Some(useless) = useless {
            self.indices.release(useless);
        }
    }

    /// Begins a handshake at `start` if one is wanted and none is under way; sees to it that the peer is looked at.
    fn hasten(&mut self, index: PeerIndex, start: Instant, now: Instant) -> bool {
        let Some(link) = self.link_mut(index) else { return false };
        let begins = link.attempt.is_none() && link.wants_handshake(now);
        if begins {
            link.attempt = Some(Attempt::new(start, now));
        }
        let due = link.attempt.as_ref().map(|attempt| attempt.due);
        let due = due.or_else(|| link.next_due(now, Duration::ZERO));
        self.schedule(index, due);
        begins
    }

    fn nudge(&mut self, index: PeerIndex, now: Instant) {
        let Some(link) = self.link_mut(index) else { return };
        if !link.keeps_alive() {
            return;
        }
        link.nudges = NUDGES;
        if let Some(attempt) = &mut link.attempt {
            attempt.hurry(now);
        }
        self.schedule(index, Some(now));
    }
}
