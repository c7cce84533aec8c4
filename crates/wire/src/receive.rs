//! From datagrams to inner packets: who is meant, is it authentic, is it fresh, may it come from there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hanare_model::PublicKey;

use crate::engine::Core;
use crate::identity::Admission;
use crate::link::Link;
use crate::noise::{DATA, Opened, RESPONSE};
use crate::outcome::{Event, PeerIndex, Reason, Received};
use crate::transmit::MIN_OUT;

/// Shortest data message: header, counter and tag around nothing.
const MIN_DATA: usize = 32;
/// No counter reaches this (the protocol's `REJECT_AFTER_MESSAGES`); behind it the replay window's arithmetic would overflow.
const COUNTER_END: u64 = u64::MAX - (1 << 13);
/// Initiations of one peer that are answered are at least this far apart.
const INITIATION_GAP: Duration = Duration::from_millis(20);

impl Core {
    /// Takes one datagram and decrypts it into `out`, which has room for the whole datagram and for
    /// [`MIN_OUT`] bytes.
    #[inline]
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8], out: &mut [u8], now: Instant) -> Received {
        if out.len() < MIN_OUT || out.len() < datagram.len() {
            return Received::Dropped(self.refuse(Reason::Buffer));
        }
        match datagram.first_chunk::<4>() {
            Some([DATA, 0, 0, 0]) if datagram.len() >= MIN_DATA => {
                self.receive_data(from, datagram, out, now)
            }
            Some(_) => self.receive_control(from, datagram, out, now),
            None => Received::Dropped(self.refuse(Reason::Malformed)),
        }
    }

    fn receive_data(&mut self, from: SocketAddr, datagram: &[u8], out: &mut [u8], now: Instant) -> Received {
        let receiver = word(datagram, 4);
        let Some(peer) = self.indices.owner(receiver) else {
            return Received::Dropped(self.refuse(Reason::UnknownIndex));
        };
        let Some(link) = self.links.get_mut(peer.as_usize()).and_then(Option::as_deref_mut) else {
            return Received::Dropped(self.refuse(Reason::UnknownIndex));
        };
        if counter(datagram) >= COUNTER_END {
            return Received::Dropped(link.drop(Reason::Replay));
        }
        let is_current = link.noise.index == receiver >> 8;
        let opened = match &mut link.old {
            Some(old) if !is_current && old.is_usable(now) => old.open(datagram, out),
            Some(_) | None if is_current => link.noise.open(datagram, out),
            Some(_) | None => Err(Reason::NoSession),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(reason) => return Received::Dropped(link.drop(reason)),
        };
        link.heard(datagram.len(), now);
        let moved = link.is_newest(receiver, counter(datagram)) && link.endpoint != Some(from);
        let confirmed = is_current && link.noise.confirms(receiver);
        let answer = match opened {
            Opened::Keepalive => Received::Nothing,
            Opened::Packet { len, source } => {
                link.heard_data();
                if (self.source_check)(self.routes.find(source), peer) {
                    Received::Packet { len, peer }
                } else {
                    Received::Dropped(link.drop(Reason::Source))
                }
            }
        };
        if moved || confirmed {
            self.settle(peer, from, moved, confirmed, now);
        }
        answer
    }

    /// After an authentic datagram that changes more than counters.
    #[cold]
    fn settle(&mut self, peer: PeerIndex, from: SocketAddr, moved: bool, established: bool, now: Instant) {
        self.now = self.now.max(now);
        let Some(link) = self.link_mut(peer) else { return };
        let key = link.peer.public_key;
        let known = link.endpoint.is_some();
        if moved {
            link.endpoint = Some(from);
        }
        let rekey = link.announced;
        link.announced |= established;
        if established {
            link.attempt = None;
            link.last_handshake = Some(now);
        }
        // With an address and a session, what waited can go.
        let waits = !link.queue.is_empty() || established;
        let due = link.next_due(now, Duration::from_secs(1));
        self.schedule(peer, due);
        if waits && !self.ready.contains(&peer) {
            self.ready.push_back(peer);
        }
        if moved && known {
            tracing::info!(peer = %key, endpoint = %from, "roamed");
        }
        if moved {
            self.tell(Event::Roamed { peer: key, endpoint: from });
        }
        if established {
            tracing::info!(peer = %key, endpoint = %from, rekey, "session established");
            self.tell(Event::Established { peer: key, endpoint: from, rekey });
        }
    }

    #[cold]
    fn receive_control(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut [u8],
        now: Instant,
    ) -> Received {
        self.now = self.now.max(now);
        // An answer that is waited for does not compete with strangers' initiations at the gate.
        if datagram.first_chunk::<4>() == Some(&[RESPONSE, 0, 0, 0]) && self.expects(word(datagram, 8)) {
            return self.receive_response(from, datagram, word(datagram, 8), out, now);
        }
        match self.identity.admit(from.ip().to_canonical(), datagram, out, now) {
            Admission::Initiation(key) => self.receive_initiation(&key, datagram, out, now),
            Admission::Response(receiver) => self.receive_response(from, datagram, receiver, out, now),
            Admission::Cookie(receiver) => self.receive_cookie(receiver, datagram, out, now),
            Admission::Reply(len) => Received::Reply { len },
            Admission::Dropped(reason) => Received::Dropped(self.refuse(reason)),
        }
    }

    fn expects(&mut self, receiver: u32) -> bool {
        let Some(link) = self.indices.owner(receiver).and_then(|peer| self.link_mut(peer)) else {
            return false;
        };
        link.noise.index == receiver >> 8
            && link.attempt.as_mut().is_some_and(crate::attempt::Attempt::admits_answer)
    }

    fn receive_initiation(
        &mut self,
        key: &PublicKey,
        datagram: &[u8],
        out: &mut [u8],
        now: Instant,
    ) -> Received {
        let Some(peer) = self.index(key) else { return Received::Dropped(self.refuse(Reason::UnknownKey)) };
        let Some(link) = self.links.get_mut(peer.as_usize()).and_then(Option::as_deref_mut) else {
            return Received::Dropped(self.refuse(Reason::UnknownKey));
        };
        if link.last_initiation.is_some_and(|last| now.saturating_duration_since(last) < INITIATION_GAP) {
            return Received::Dropped(link.drop(Reason::TooMany));
        }
        if link.noise.is_crowded(now) {
            self.renew(peer, now);
        }
        let Some(link) = self.links.get_mut(peer.as_usize()).and_then(Option::as_deref_mut) else {
            return Received::Dropped(self.refuse(Reason::UnknownKey));
        };
        match link.noise.respond(datagram, out, now) {
            // The sender's address is answered but not learnt: an initiation can be a replay of one that never arrived.
            Ok(len) => {
                link.last_initiation = Some(now);
                link.rx_bytes += datagram.len() as u64;
                link.sent(len, now);
                if let Some(attempt) = &mut link.attempt {
                    attempt.yield_to_peer(now, &mut self.random);
                }
                let due = link.next_due(now, Duration::from_secs(1));
                self.schedule(peer, due);
                Received::Reply { len }
            }
            Err(reason) => Received::Dropped(link.drop(reason)),
        }
    }

    fn receive_response(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        receiver: u32,
        out: &mut [u8],
        now: Instant,
    ) -> Received {
        let Some((peer, link)) = self.meant(receiver) else {
            return Received::Dropped(self.refuse(Reason::UnknownIndex));
        };
        match link.noise.finish(datagram, out, now) {
            Ok(len) => {
                link.heard(datagram.len(), now);
                link.sent(len, now);
                let moved = link.endpoint != Some(from);
                self.settle(peer, from, moved, true, now);
                Received::Reply { len }
            }
            Err(reason) => Received::Dropped(link.drop(reason)),
        }
    }

    fn receive_cookie(&mut self, receiver: u32, datagram: &[u8], out: &mut [u8], now: Instant) -> Received {
        let Some((peer, link)) = self.meant(receiver) else {
            return Received::Dropped(self.refuse(Reason::UnknownIndex));
        };
        match link.noise.keep_cookie(datagram, out) {
            Ok(()) => {
                if let Some(attempt) = &mut link.attempt {
                    attempt.hurry(now);
                }
                let due = link.next_due(now, Duration::from_secs(1));
                self.schedule(peer, due);
                Received::Nothing
            }
            Err(reason) => Received::Dropped(link.drop(reason)),
        }
    }

    /// The peer whose current `Tunn` a receiver index names; an old one takes no part in handshakes.
    fn meant(&mut self, receiver: u32) -> Option<(PeerIndex, &mut Link)> {
        let peer = self.indices.owner(receiver)?;
        let link = self.link_mut(peer)?;
        (link.noise.index == receiver >> 8).then_some((peer, link))
    }
}

/// Four bytes at `at`, or a number that is nobody's.
#[inline]
fn word(datagram: &[u8], at: usize) -> u32 {
    datagram.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes)
}

#[inline]
fn counter(datagram: &[u8]) -> u64 {
    datagram.get(8..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes)
}
