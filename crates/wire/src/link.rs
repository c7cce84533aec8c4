//! The state of one peer: its `Tunn`, the one before it, where it is, what waits, and what it wants next.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hanare_model::Peer;

use crate::attempt::Attempt;
use crate::noise::{Noise, Role};
use crate::outcome::{Drops, Reason};
use crate::queue::Queue;

/// Age at which the side that began a session renews it (the protocol's `REKEY_AFTER_TIME`), used or not.
const RENEW_OWN: Duration = Duration::from_mins(2);
/// The other side's turn, if the first did not, and it keeps sessions alive without traffic …
const RENEW_PEERS: Duration = Duration::from_secs(150);
/// … or has traffic, which must not wait for a handshake when the session ends at 180 s.
const RENEW_LATE: Duration = Duration::from_secs(170);
/// What counts as having traffic.
const RECENT: Duration = Duration::from_secs(15);
/// Silence after a packet of ours that makes a session suspect, while the peer used to answer.
const SUSPECT: Duration = Duration::from_secs(5);
/// The same for traffic in one direction only: the peer's passive keepalive comes after 10 s, and the protocol waits 5 s for it.
const SUSPECT_ONE_WAY: Duration = Duration::from_secs(15);
/// How long the old `Tunn` still decrypts what was under way when the new one took over.
const AFTERGLOW: Duration = Duration::from_secs(30);
/// Keepalives, a second apart, that tell a peer our new address; the first may meet a route that is not there yet.
pub(crate) const NUDGES: u8 = 3;

pub(crate) struct Link {
    /// As configured.
    pub(crate) peer: Peer,
    /// Where it is: configured, then learnt.
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) noise: Noise,
    /// Before the preshared key, our key or the clock changed: carries the traffic until `noise` has a session.
    pub(crate) old: Option<Box<Noise>>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) queue: Queue,
    /// Receiver index and counter of the newest authentic data message; an older one never moves the endpoint.
    newest: (u32, u64),
    pub(crate) last_handshake: Option<Instant>,
    pub(crate) last_received: Option<Instant>,
    pub(crate) last_sent: Option<Instant>,
    data_sent: Option<Instant>,
    /// The first data packet of ours since the peer was last heard.
    unanswered: Option<Instant>,
    /// Whether data came from the peer since its session was last suspected.
    talkative: bool,
    pub(crate) last_initiation: Option<Instant>,
    /// Whether it was said that there is a session.
    pub(crate) announced: bool,
    pub(crate) nudges: u8,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) drops: Drops,
    /// When it has something to do, as the schedule has it.
    pub(crate) due: Option<Instant>,
}

// Nearly all of it is `Tunn`, which holds room for eight sessions: a thousand peers cost 12 MiB.
const _: () = assert!(size_of::<Link>() <= 12 * 1024);

impl Link {
    pub(crate) fn new(peer: Peer, noise: Noise) -> Self {
        Self {
            endpoint: peer.endpoint,
            peer,
            noise,
            old: None,
            attempt: None,
            queue: Queue::default(),
            newest: (0, 0),
            last_handshake: None,
            last_received: None,
            last_sent: None,
            data_sent: None,
            unanswered: None,
            talkative: true,
            last_initiation: None,
            announced: false,
            nudges: 0,
            rx_bytes: 0,
            tx_bytes: 0,
            drops: Drops::default(),
            due: None,
        }
    }

    /// The `Tunn` that can encrypt now: the new one, or the old one as long as the new has no session.
    #[inline]
    pub(crate) fn sealing(&mut self, now: Instant) -> Option<&mut Noise> {
        if self.noise.is_usable(now) {
            return Some(&mut self.noise);
        }
        self.old.as_deref_mut().filter(|old| old.is_usable(now))
    }

    /// Whether packets can be sent now.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.noise.is_usable(now) || self.old.as_ref().is_some_and(|old| old.is_usable(now))
    }

    /// Whether this side wants a session even without traffic.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.peer.initiate || self.keepalive().is_some()
    }

    fn keepalive(&self) -> Option<Duration> {
        self.peer.keepalive.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// A data packet of `len` bytes went out.
    #[inline]
    pub(crate) fn sent_data(&mut self, len: usize, now: Instant) {
        self.sent(len, now);
        self.data_sent = Some(now);
        if self.unanswered.is_none() {
            self.unanswered = Some(now);
        }
    }

    /// Some datagram of `len` bytes went out.
    #[inline]
    pub(crate) fn sent(&mut self, len: usize, now: Instant) {
        self.tx_bytes += len as u64;
        self.last_sent = Some(now);
    }

    /// An authentic datagram of `len` bytes came.
    #[inline]
    pub(crate) fn heard(&mut self, len: usize, now: Instant) {
        self.rx_bytes += len as u64;
        self.last_received = Some(now);
        self.unanswered = None;
    }

    /// An authentic data message held a packet: this peer answers.
    #[inline]
    pub(crate) fn heard_data(&mut self) {
        self.talkative = true;
    }

    /// Whether an authentic data message is the newest so far, so that its sender's address may count.
    #[inline]
    pub(crate) fn is_newest(&mut self, receiver: u32, counter: u64) -> bool {
        let newest = self.newest.0 != receiver || self.newest.1 <= counter;
        if newest {
            self.newest = (receiver, counter);
        }
        newest
    }

    pub(crate) fn drop(&mut self, reason: Reason) -> Reason {
        self.drops.count(reason);
        reason
    }

    /// Whether a handshake should be under way.
    pub(crate) fn wants_handshake(&mut self, now: Instant) -> bool {
        if self.endpoint.is_none() {
            return false;
        }
        let has_traffic = self.data_sent.is_some_and(|sent| now.saturating_duration_since(sent) < RECENT);
        let Some(session) = self.noise.session.filter(|_| self.noise.is_usable(now)) else {
            let bereft = self.old.as_ref().is_some_and(|old| old.is_usable(now)) && has_traffic;
            return self.keeps_alive() || !self.queue.is_empty() || bereft;
        };
        let age = now.saturating_duration_since(session.since);
        let renew = match session.role {
            Role::Initiator => self.keeps_alive() && age >= RENEW_OWN,
            Role::Responder => self.keeps_alive() && age >= RENEW_PEERS,
        };
        renew || (has_traffic && age >= RENEW_LATE) || self.is_suspect(now)
    }

    fn is_suspect(&mut self, now: Instant) -> bool {
        let patience = if self.talkative { SUSPECT } else { SUSPECT_ONE_WAY };
        let suspect = self.unanswered.is_some_and(|since| now.saturating_duration_since(since) >= patience);
        if suspect && self.attempt.is_none() {
            // Asked once in a hurry; from here on at the protocol's pace until the peer says something.
            self.talkative = false;
        }
        suspect
    }

    /// Whether an empty packet is due: it keeps the way open or shows the peer a new one.
    pub(crate) fn wants_keepalive(&self, now: Instant) -> bool {
        let is_silent = |interval: Duration| {
            self.last_sent.is_none_or(|sent| now.saturating_duration_since(sent) >= interval)
        };
        self.is_up(now) && (self.nudges > 0 || self.keepalive().is_some_and(is_silent))
    }

    /// Gives up the old `Tunn` when nothing can come for it any more; the index to release.
    pub(crate) fn retire_old(&mut self, now: Instant) -> Option<u32> {
        let settled = self
            .noise
            .session
            .is_some_and(|session| now.saturating_duration_since(session.since) >= AFTERGLOW);
        let old = self.old.take_if(|old| settled || !old.is_usable(now))?;
        Some(old.index)
    }

    /// When to look again; `second` is about one, never the same for all peers.
    pub(crate) fn next_due(&self, now: Instant, second: Duration) -> Option<Instant> {
        let Some(attempt) = &self.attempt else {
            return (self.is_up(now) || self.announced || !self.queue.is_empty()).then(|| now + second);
        };
        let ends = self.noise.ends().into_iter().chain(self.old.as_ref().and_then(|old| old.ends()));
        let keepalive =
            (self.is_up(now) && (self.nudges > 0 || self.keepalive().is_some())).then(|| now + second);
        let soonest = ends.chain(keepalive).filter(|at| *at > now).fold(attempt.due, Instant::min);
        Some(soonest)
    }
}
