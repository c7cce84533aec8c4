//! What the core answers: what became of a packet, what to transmit, what happened, and the counts.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hanare_model::PublicKey;

/// A peer's place in a [`Core`](crate::Core): dense, and given to another peer only after this one was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub(crate) u32);

impl PeerIndex {
    /// The number, to index tables that run parallel to the core's.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// What became of an inner packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// The first `len` bytes of `out` go to `to`.
    Datagram {
        /// Bytes in `out`.
        len: usize,
        /// The peer's endpoint.
        to: SocketAddr,
    },
    /// There is no session yet; the packet waits for one, a handshake is under way.
    Queued,
    /// There is no session yet; the packet waits for one, and the first `len` bytes of `out` are a handshake initiation.
    Handshake {
        /// Bytes in `out`.
        len: usize,
        /// The peer's endpoint.
        to: SocketAddr,
    },
    /// The packet is gone; counted.
    Dropped(Reason),
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// The first `len` bytes of `out` are an inner IP packet whose source address belongs to `peer`.
    Packet {
        /// Bytes in `out`.
        len: usize,
        /// Who sent it.
        peer: PeerIndex,
    },
    /// The first `len` bytes of `out` go back to where the datagram came from.
    Reply {
        /// Bytes in `out`.
        len: usize,
    },
    /// Authentic, and nothing follows: a keepalive or a cookie.
    Nothing,
    /// Refused; counted.
    Dropped(Reason),
}

/// A datagram that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Transmit {
    /// Bytes in `out`.
    pub len: usize,
    /// Where it goes.
    pub to: SocketAddr,
    /// Whose it is.
    pub peer: PeerIndex,
}

/// Something that others want to know. Peers are named by key: an index may already belong to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A handshake was completed and its session is in use.
    Established {
        /// Whose session it is.
        peer: PublicKey,
        /// Where the peer is.
        endpoint: SocketAddr,
        /// Whether it follows a session that is still alive.
        rekey: bool,
    },
    /// An authenticated packet came from a new address; the endpoint is now this one.
    Roamed {
        /// Who moved.
        peer: PublicKey,
        /// Where to.
        endpoint: SocketAddr,
    },
    /// The last session ended without a successor.
    Expired {
        /// Whose session it was.
        peer: PublicKey,
    },
}

/// How the wall clock moved by itself; see [`Core::clock_stepped`](crate::Core::clock_stepped).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStep {
    /// It shows a later time than it should.
    Forward(Duration),
    /// It shows an earlier time than it should.
    Backward(Duration),
}

/// Why a packet or datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Not a `WireGuard` message.
    Malformed,
    /// The first MAC does not hold: whoever sent it does not know our public key.
    Mac,
    /// A receiver index that is nobody's.
    UnknownIndex,
    /// An initiation by a key that is no peer.
    UnknownKey,
    /// It does not decrypt, or answers no initiation of ours.
    Forged,
    /// A counter or time stamp that was used before.
    Replay,
    /// A session that is over, or none at all.
    NoSession,
    /// Authentic, but the inside is not an IP packet.
    Inner,
    /// Authentic, but the inner source address is not this peer's.
    Source,
    /// More initiations by one peer or one address than anybody needs.
    TooMany,
    /// No peer at this index.
    UnknownPeer,
    /// The peer's address is not known.
    NoEndpoint,
    /// Waiting for a session, displaced by newer packets.
    QueueFull,
    /// Waiting for a session, longer than is useful.
    TooOld,
    /// The caller's `out` is too short.
    Buffer,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Mac,
        Self::UnknownIndex,
        Self::UnknownKey,
        Self::Forged,
        Self::Replay,
        Self::NoSession,
        Self::Inner,
        Self::Source,
        Self::TooMany,
        Self::UnknownPeer,
        Self::NoEndpoint,
        Self::QueueFull,
        Self::TooOld,
        Self::Buffer,
    ];

    /// A stable name for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Mac => "mac",
            Self::UnknownIndex => "unknown-index",
            Self::UnknownKey => "unknown-key",
            Self::Forged => "forged",
            Self::Replay => "replay",
            Self::NoSession => "no-session",
            Self::Inner => "inner",
            Self::Source => "source",
            Self::TooMany => "too-many",
            Self::UnknownPeer => "unknown-peer",
            Self::NoEndpoint => "no-endpoint",
            Self::QueueFull => "queue-full",
            Self::TooOld => "too-old",
            Self::Buffer => "buffer",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts of drops by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops([u64; Reason::ALL.len()]);

impl Drops {
    pub(crate) fn count(&mut self, reason: Reason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// How many were dropped for `reason`.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().map(|reason| (reason, self.of(reason))).filter(|(_, count)| *count > 0)
    }
}

/// One peer's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerStats {
    /// Who.
    pub public_key: PublicKey,
    /// Its place.
    pub index: PeerIndex,
    /// Where it is, if known.
    pub endpoint: Option<SocketAddr>,
    /// When the last handshake was completed, by the clock that the caller passes as `now`.
    pub last_handshake: Option<Instant>,
    /// When the last authentic datagram came.
    pub last_received: Option<Instant>,
    /// Whether there is a session that packets can use now.
    pub connected: bool,
    /// UDP payload received and authentic, in bytes.
    pub rx_bytes: u64,
    /// UDP payload sent, in bytes.
    pub tx_bytes: u64,
    /// What was dropped of what is known to be about this peer.
    pub drops: Drops,
}
