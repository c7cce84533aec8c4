//! One `Tunn` and what it does not tell: whether it has a session that may be used, since when, and who began it.

use std::time::{Duration, Instant};

use boringtun::noise::errors::WireGuardError;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519;
use hanare_model::{PresharedKey, PublicKey};

use crate::identity::Identity;
use crate::outcome::Reason;

/// A session older than this carries nothing any more (the protocol's `REJECT_AFTER_TIME`). The protocol's limit by count,
/// 2⁶⁰ messages, cannot be reached in that time.
const LIFE: Duration = Duration::from_mins(3);
/// A `Tunn` that was not looked at for longer is idle: it is looked at every second with a session, and at every initiation
/// while there is none.
const IDLE: Duration = Duration::from_secs(15);
/// Shortest IPv4 header in bytes (RFC 791).
const IPV4_HEADER: usize = 20;
/// Handshakes beside a session after which it is in danger: `Tunn` keeps eight sessions by number, and each handshake takes
/// the next one, whatever comes of it.
const CROWD: u8 = 6;
/// Message types, the first of four little-endian bytes.
pub(crate) const INITIATION: u8 = 1;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const DATA: u8 = 4;

/// Who began a session; the other side waits longer before it renews it, so that they do not collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Initiator,
    Responder,
}

/// A session in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) since: Instant,
    pub(crate) role: Role,
}

pub(crate) struct Noise {
    tunn: Tunn,
    /// The 24 bits that name it in datagrams.
    pub(crate) index: u32,
    pub(crate) session: Option<Session>,
    /// The receiver index of a session that we answered for and that the peer has not used yet, and when we answered.
    unconfirmed: Option<(u32, Instant)>,
    /// When `Tunn`'s clock was last moved.
    ticked: Option<Instant>,
    /// Handshakes since the session began.
    handshakes: u8,
}

/// What an authentic data message held.
pub(crate) enum Opened {
    Packet { len: usize, source: std::net::IpAddr },
    Keepalive,
}

/// What sealing a packet, or the passing of time, brought forth.
pub(crate) enum Output {
    Data(usize),
    Initiation(usize),
    Nothing,
}

impl Noise {
    pub(crate) fn new(
        identity: &Identity,
        peer: &PublicKey,
        preshared_key: Option<&PresharedKey>,
        index: u32,
    ) -> Self {
        let tunn = Tunn::new(
            identity.private.clone(),
            x25519::PublicKey::from(*peer.as_bytes()),
            preshared_key.map(|key| *key.expose()),
            // Persistent keepalives are ours: `Tunn`'s stop when it gives up.
            None,
            index,
            Some(identity.unlimited.clone()),
        );
        Self { tunn, index, session: None, unconfirmed: None, ticked: None, handshakes: 0 }
    }

    /// Whether packets can be encrypted now.
    #[inline]
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.session.is_some_and(|session| now.saturating_duration_since(session.since) < LIFE)
    }

    /// Whether the next handshakes could displace the session: between a change of the preshared key here and there none
    /// succeeds.
    pub(crate) fn is_crowded(&self, now: Instant) -> bool {
        self.handshakes >= CROWD && self.is_usable(now)
    }

    /// When the session ends.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.session.map(|session| session.since + LIFE)
    }

    /// Encrypts. Only to be called while [`Noise::is_usable`], and with room in `out` for 32 bytes more, at least 148.
    #[inline]
    pub(crate) fn seal(&mut self, packet: &[u8], out: &mut [u8]) -> Output {
        output(&self.tunn.encapsulate(packet, out))
    }

    /// Decrypts a data message. `out` has room for the whole datagram.
    #[inline]
    pub(crate) fn open(&mut self, datagram: &[u8], out: &mut [u8]) -> Result<Opened, Reason> {
        match self.tunn.decapsulate(None, datagram, out) {
            // boringtun cuts a packet at the length that its header tells, which may end inside that header.
            TunnResult::WriteToTunnelV4(packet, _) if packet.len() < IPV4_HEADER => Err(Reason::Inner),
            TunnResult::WriteToTunnelV4(packet, source) => {
                Ok(Opened::Packet { len: packet.len(), source: source.into() })
            }
            TunnResult::WriteToTunnelV6(packet, source) => {
                Ok(Opened::Packet { len: packet.len(), source: source.into() })
            }
            TunnResult::Done => Ok(Opened::Keepalive),
            TunnResult::Err(WireGuardError::InvalidPacket) => Err(Reason::Inner),
            TunnResult::Err(error) => Err(reason(&error)),
            TunnResult::WriteToNetwork(_) => Err(Reason::Malformed),
        }
    }

    /// Takes note of an authentic data message to `receiver`: true if it is the first of a session that we answered for,
    /// which is the proof that the peer has the keys.
    #[inline]
    pub(crate) fn confirms(&mut self, receiver: u32) -> bool {
        match self.unconfirmed {
            Some((index, since)) if index == receiver => {
                self.unconfirmed = None;
                self.session = Some(Session { since, role: Role::Responder });
                self.handshakes = 0;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Answers an initiation; the length of the response in `out`.
    pub(crate) fn respond(&mut self, datagram: &[u8], out: &mut [u8], now: Instant) -> Result<usize, Reason> {
        if self.ticked.is_none_or(|ticked| now.saturating_duration_since(ticked) > IDLE) {
            // The clock of an idle `Tunn` stands still, and a session made by that clock would be stillborn. What this
            // may want to send is out of date too.
            let _ = self.tick(out, now);
        }
        match self.tunn.decapsulate(None, datagram, out) {
            TunnResult::WriteToNetwork(message) if message.first() == Some(&RESPONSE) => {
                self.handshakes = self.handshakes.saturating_add(1);
                let index = message.get(4..).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
                self.unconfirmed = index.map(|index| (index, now));
                Ok(message.len())
            }
            TunnResult::Err(error) => Err(reason(&error)),
            TunnResult::WriteToNetwork(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..)
            | TunnResult::Done => Err(Reason::Malformed),
        }
    }

    /// Takes the response to an initiation of ours; the length of the keepalive in `out` that confirms the session.
    pub(crate) fn finish(&mut self, datagram: &[u8], out: &mut [u8], now: Instant) -> Result<usize, Reason> {
        match self.tunn.decapsulate(None, datagram, out) {
            TunnResult::WriteToNetwork(message) if message.first() == Some(&DATA) => {
                self.session = Some(Session { since: now, role: Role::Initiator });
                self.handshakes = 0;
                Ok(message.len())
            }
            TunnResult::Err(error) => Err(reason(&error)),
            TunnResult::WriteToNetwork(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..)
            | TunnResult::Done => Err(Reason::Malformed),
        }
    }

    /// Keeps a cookie for the next initiation.
    pub(crate) fn keep_cookie(&mut self, datagram: &[u8], out: &mut [u8]) -> Result<(), Reason> {
        match self.tunn.decapsulate(None, datagram, out) {
            TunnResult::Done => Ok(()),
            TunnResult::Err(error) => Err(reason(&error)),
            TunnResult::WriteToNetwork(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => Err(Reason::Malformed),
        }
    }

    /// Writes a handshake initiation, whatever is under way.
    pub(crate) fn initiate(&mut self, out: &mut [u8]) -> Output {
        self.handshakes = self.handshakes.saturating_add(1);
        output(&self.tunn.format_handshake_initiation(out, true))
    }

    /// Moves `Tunn`'s clock, ends sessions whose time is over, and yields what `Tunn` finds due itself.
    pub(crate) fn tick(&mut self, out: &mut [u8], now: Instant) -> Output {
        self.ticked = Some(now);
        let output = output(&self.tunn.update_timers(out));
        self.handshakes = self.handshakes.saturating_add(u8::from(matches!(output, Output::Initiation(_))));
        if !self.is_usable(now) || self.tunn.time_since_last_handshake().is_none() {
            self.session = None;
        }
        output
    }

    /// What `Tunn` queued itself (a keepalive that was due in the moment its session ended).
    pub(crate) fn drain(&mut self, out: &mut [u8]) -> Output {
        output(&self.tunn.decapsulate(None, &[], out))
    }
}

fn output(result: &TunnResult<'_>) -> Output {
    match result {
        TunnResult::WriteToNetwork(message) => match message.first() {
            Some(&DATA) => Output::Data(message.len()),
            Some(&INITIATION) => Output::Initiation(message.len()),
            Some(_) | None => Output::Nothing,
        },
        // An error here is `ConnectionExpired`: `Tunn` gave up, which never stops us.
        TunnResult::Done
        | TunnResult::Err(_)
        | TunnResult::WriteToTunnelV4(..)
        | TunnResult::WriteToTunnelV6(..) => Output::Nothing,
    }
}

/// Our word for boringtun's.
pub(crate) fn reason(error: &WireGuardError) -> Reason {
    match error {
        WireGuardError::DuplicateCounter
        | WireGuardError::InvalidCounter
        | WireGuardError::InvalidTai64nTimestamp
        | WireGuardError::WrongTai64nTimestamp => Reason::Replay,
        WireGuardError::NoCurrentSession | WireGuardError::WrongIndex | WireGuardError::ConnectionExpired => {
            Reason::NoSession
        }
        WireGuardError::InvalidMac => Reason::Mac,
        WireGuardError::InvalidAeadTag | WireGuardError::WrongKey | WireGuardError::UnexpectedPacket => {
            Reason::Forged
        }
        WireGuardError::UnderLoad => Reason::TooMany,
        WireGuardError::InvalidPacket
        | WireGuardError::IncorrectPacketLength
        | WireGuardError::WrongPacketType
        | WireGuardError::LockFailed => Reason::Malformed,
        WireGuardError::DestinationBufferTooSmall => Reason::Buffer,
    }
}
