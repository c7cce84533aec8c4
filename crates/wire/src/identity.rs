//! This side's key, and the gate that every handshake message passes before anything is spent on it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Packet, Tunn, TunnResult, handshake};
use boringtun::x25519;
use hanare_model::{PrivateKey, PublicKey};

use crate::credit::Credit;
use crate::noise::reason;
use crate::outcome::Reason;
use crate::random::Random;

/// Handshake messages in a second that are tried although their sender did not prove its address with a cookie. An
/// initiation by a stranger costs one X25519 (about 60 µs): 1.5 % of a core.
const LIMIT: u32 = 250;
/// What [`LIMIT`] is counted over.
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) struct Identity {
    pub(crate) private: x25519::StaticSecret,
    public: x25519::PublicKey,
    /// Checks both MACs of a message and writes the cookie for whoever lacks it; when that is asked is decided here.
    gate: RateLimiter,
    /// `Tunn` verifies again what has passed the gate; its own limiter must never interfere.
    pub(crate) unlimited: Arc<RateLimiter>,
    /// When the current period began, and what was tried in it without a cookie.
    period: Option<Instant>,
    tried: u32,
    /// What sources owe that anybody can write on a datagram …
    claimed: Credit,
    /// … and those that answered a cookie, which nobody else's datagrams are booked on.
    proved: Credit,
}

/// What a handshake message turned out to be.
pub(crate) enum Admission {
    /// An initiation that claims to be by this key.
    Initiation(PublicKey),
    /// A response to this receiver index.
    Response(u32),
    /// A cookie for this receiver index.
    Cookie(u32),
    /// Too much of this is about: these first bytes of `out` are a cookie for the sender.
    Reply(usize),
    Dropped(Reason),
}

impl Identity {
    pub(crate) fn new(private: &PrivateKey, random: &mut Random) -> Self {
        let private = x25519::StaticSecret::from(*private.expose());
        let public = x25519::PublicKey::from(&private);
        Self {
            // A limit of nothing: it always looks for a cookie.
            gate: RateLimiter::new(&public, 0),
            unlimited: Arc::new(RateLimiter::new(&public, u64::MAX)),
            period: None,
            tried: 0,
            claimed: Credit::new(random),
            proved: Credit::new(random),
            private,
            public,
        }
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.public.to_bytes())
    }

    /// Checks a handshake message or a cookie: form, first MAC, rate of its source. Whoever exceeds a rate that others can
    /// use up in its name is sent a cookie instead of silence, and has a rate of its own from then on.
    pub(crate) fn admit(&mut self, from: IpAddr, datagram: &[u8], out: &mut [u8], now: Instant) -> Admission {
        match self.gate.verify_packet(Some(from), datagram, out) {
            Ok(packet) => self.look_into(&packet, |identity| identity.proved.pay(from, now)),
            Err(TunnResult::WriteToNetwork(cookie)) => {
                let cookie = cookie.len();
                match Tunn::parse_incoming_packet(datagram) {
                    Ok(packet) if self.try_unproved(&packet, from, now) => self.look_into(&packet, |_| true),
                    Ok(_) => Admission::Reply(cookie),
                    Err(error) => Admission::Dropped(reason(&error)),
                }
            }
            Err(TunnResult::Err(error)) => Admission::Dropped(reason(&error)),
            Err(TunnResult::Done | TunnResult::WriteToTunnelV4(..) | TunnResult::WriteToTunnelV6(..)) => {
                Admission::Dropped(Reason::Malformed)
            }
        }
    }

    /// Takes a message apart; an initiation only once it is paid for.
    fn look_into(&mut self, packet: &Packet<'_>, pay: impl FnOnce(&mut Self) -> bool) -> Admission {
        match packet {
            Packet::HandshakeInit(_) if !pay(self) => Admission::Dropped(Reason::TooMany),
            Packet::HandshakeInit(initiation) => {
                match handshake::parse_handshake_anon(&self.private, &self.public, initiation) {
                    Ok(half) => Admission::Initiation(PublicKey::from_bytes(half.peer_static_public)),
                    Err(error) => Admission::Dropped(reason(&error)),
                }
            }
            Packet::HandshakeResponse(response) => Admission::Response(response.receiver_idx),
            Packet::PacketCookieReply(cookie) => Admission::Cookie(cookie.receiver_idx),
            Packet::PacketData(_) => Admission::Dropped(Reason::Malformed),
        }
    }

    /// Whether a message without a cookie is tried: few come in all, and few from where it says it is from.
    fn try_unproved(&mut self, packet: &Packet<'_>, from: IpAddr, now: Instant) -> bool {
        if self.period.is_none_or(|began| now.saturating_duration_since(began) >= PERIOD) {
            self.period = Some(now);
            self.tried = 0;
        }
        let may = self.tried < LIMIT
            && (!matches!(packet, Packet::HandshakeInit(_)) || self.claimed.pay(from, now));
        self.tried += u32::from(may);
        may
    }
}
