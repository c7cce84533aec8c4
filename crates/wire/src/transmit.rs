//! From inner packets and from the passing of time to datagrams.

use std::time::{Duration, Instant};

use crate::attempt::Attempt;
use crate::engine::Core;
use crate::noise::Output;
use crate::outcome::{Event, PeerIndex, Reason, Sent, Transmit};

/// What encryption adds to a packet: header 16 bytes, tag 16 bytes.
pub const OVERHEAD: usize = 32;
/// The longest message that is not data; every `out` has room for it.
pub const MIN_OUT: usize = 148;
/// How often a peer with a session is looked at; the spread keeps peers apart.
const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(10);
const SPREAD: Duration = Duration::from_millis(100);

impl Core {
    /// Encrypts one inner packet into `out`, which has room for [`OVERHEAD`] more bytes and for [`MIN_OUT`] in all.
    /// Without a session the packet waits, within bounds of bytes and age, and a handshake begins.
    #[inline]
    pub fn send(&mut self, peer: PeerIndex, packet: &[u8], out: &mut [u8], now: Instant) -> Sent {
        if packet.is_empty() || out.len() < MIN_OUT || out.len() < packet.len() + OVERHEAD {
            return Sent::Dropped(self.refuse(Reason::Buffer));
        }
        let Some(link) = self.links.get_mut(peer.as_usize()).and_then(Option::as_deref_mut) else {
            return Sent::Dropped(self.refuse(Reason::UnknownPeer));
        };
        let Some(to) = link.endpoint else {
            return Sent::Dropped(link.drop(Reason::NoEndpoint));
        };
        let Some(noise) = link.sealing(now) else {
            return self.send_later(peer, packet, out, now);
        };
        match noise.seal(packet, out) {
            Output::Data(len) => {
                link.sent_data(len, now);
                Sent::Datagram { len, to }
            }
            Output::Initiation(len) => {
                link.sent(len, now);
                Sent::Handshake { len, to }
            }
            Output::Nothing => Sent::Queued,
        }
    }

    #[cold]
    fn send_later(&mut self, peer: PeerIndex, packet: &[u8], out: &mut [u8], now: Instant) -> Sent {
        self.now = self.now.max(now);
        let Some(link) = self.links.get_mut(peer.as_usize()).and_then(Option::as_deref_mut) else {
            return Sent::Dropped(Reason::UnknownPeer);
        };
        for _ in 0..link.queue.push(packet, now, &mut self.budget) {
            link.drops.count(Reason::QueueFull);
        }
        link.attempt.get_or_insert_with(|| Attempt::new(now, now)).want(now);
        match self.look_after(peer, out, now) {
            Some(Transmit { len, to, .. }) => Sent::Handshake { len, to },
            None => Sent::Queued,
        }
    }

    /// Writes the next datagram that is due into `out` (room for [`MIN_OUT`] bytes and for any inner packet with
    /// [`OVERHEAD`]): packets whose session has come, handshakes, keepalives. To be called until `None` whenever
    /// [`Core::next_wakeup`] has passed.
    pub fn poll(&mut self, out: &mut [u8], now: Instant) -> Option<Transmit> {
        self.now = self.now.max(now);
        if out.len() < MIN_OUT {
            return None;
        }
        while let Some(peer) = self.ready.front().copied() {
            if let Some(transmit) = self.flush(peer, out, now) {
                return Some(transmit);
            }
            self.ready.pop_front();
        }
        while let Some((at, peer)) = self.schedule.first().copied() {
            if at > now {
                return None;
            }
            if let Some(transmit) = self.look_after(peer, out, now) {
                return Some(transmit);
            }
        }
        None
    }

    /// The next packet that waited for this peer's session.
    fn flush(&mut self, peer: PeerIndex, out: &mut [u8], now: Instant) -> Option<Transmit> {
        let link = self.links.get_mut(peer.as_usize())?.as_deref_mut()?;
        let to = link.endpoint?;
        for _ in 0..link.queue.expire(now, &mut self.budget) {
            link.drops.count(Reason::TooOld);
        }
        link.sealing(now)?;
        while let Some(packet) = link.queue.pop(&mut self.budget) {
            if out.len() < packet.len() + OVERHEAD {
                link.drops.count(Reason::Buffer);
                continue;
            }
            if let Output::Data(len) = link.sealing(now)?.seal(&packet, out) {
                link.sent_data(len, now);
                return Some(Transmit { len, to, peer });
            }
        }
        // Empty unless `Tunn` wanted to send a keepalive in the very moment in which its session ended.
        match link.noise.drain(out) {
            Output::Data(len) => {
                link.sent(len, now);
                Some(Transmit { len, to, peer })
            }
            Output::Initiation(_) | Output::Nothing => None,
        }
    }

    /// Does what is due for one peer, and sets when to come back.
    fn look_after(&mut self, peer: PeerIndex, out: &mut [u8], now: Instant) -> Option<Transmit> {
        let link = self.links.get_mut(peer.as_usize())?.as_deref_mut()?;
        for _ in 0..link.queue.expire(now, &mut self.budget) {
            link.drops.count(Reason::TooOld);
        }
        if let Some(index) = link.retire_old(now) {
            self.indices.release(index);
        }
        let wanted = link.wants_handshake(now);
        match &mut link.attempt {
            Some(attempt) if wanted => attempt.want(now),
            Some(attempt) if attempt.is_forgotten(now) => link.attempt = None,
            None if wanted => link.attempt = Some(Attempt::new(now, now)),
            Some(_) | None => {}
        }
        let begins =
            link.attempt.as_ref().is_some_and(|attempt| attempt.due <= now) && link.endpoint.is_some();
        // While an initiation is out `Tunn` would repeat it every 5 s if asked; the pace is ours.
        let over = link.noise.session.is_some() && !link.noise.is_usable(now);
        let mut output = Output::Nothing;
        if link.attempt.is_none() || begins || over {
            output = link.noise.tick(out, now);
        }
        if begins && !matches!(output, Output::Initiation(_)) {
            output = link.noise.initiate(out);
        }
        if matches!(output, Output::Nothing) && link.wants_keepalive(now) {
            link.nudges = link.nudges.saturating_sub(1);
            if let Some(noise) = link.sealing(now) {
                output = noise.seal(&[], out);
            }
        }
        let len = match output {
            Output::Initiation(len) => {
                link.attempt.get_or_insert_with(|| Attempt::new(now, now)).sent(now, &mut self.random);
                Some(len)
            }
            Output::Data(len) => Some(len),
            Output::Nothing => None,
        };
        let transmit = link.endpoint.zip(len).map(|(to, len)| Transmit { len, to, peer });
        if let Some(transmit) = &transmit {
            link.sent(transmit.len, now);
        }
        let ended = link.announced && !link.is_up(now);
        link.announced &= !ended;
        let key = link.peer.public_key;
        // Never now again: whatever goes wrong, `poll` comes to an end.
        let due = link.next_due(now, SECOND + self.random.up_to(SPREAD)).map(|due| due.max(now + SOON));
        if ended {
            self.tell(Event::Expired { peer: key });
        }
        self.schedule(peer, due);
        transmit
    }
}
