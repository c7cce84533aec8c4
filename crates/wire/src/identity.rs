//! This side's key, and the gate that every handshake message passes before anything is spent on it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Packet, TunnResult, handshake};
use boringtun::x25519;
use hanare_model::{PrivateKey, PublicKey};
use ring::hmac;

use crate::noise::reason;
use crate::outcome::Reason;
use crate::random::Random;

/// Handshake messages in a second from which on the sender has to prove its address with a cookie. An initiation by a
/// stranger costs one X25519 (about 60 µs): 1.5 % of a core.
const LIMIT: u64 = 250;
/// Sources that are told apart; fixed, so that a flood costs no memory. Two that share a slot share its rate.
const SOURCES: usize = 512;
/// Time that one initiation costs its source (50 in a second) …
const COST: Duration = Duration::from_millis(20);
/// … and how much of it may be owed: a room whose nodes share one address and come back at once.
const CREDIT: Duration = Duration::from_secs(1);

pub(crate) struct Identity {
    pub(crate) private: x25519::StaticSecret,
    public: x25519::PublicKey,
    gate: RateLimiter,
    /// `Tunn` verifies again what has passed the gate; its own limiter must never interfere.
    pub(crate) unlimited: Arc<RateLimiter>,
    sources: Vec<Option<Instant>>,
    hash: hmac::Key,
}

/// What a handshake message turned out to be.
pub(crate) enum Admission {
    /// An initiation that claims to be by this key.
    Initiation(PublicKey),
    /// A response to this receiver index.
    Response(u32),
    /// A cookie for this receiver index.
    Cookie(u32),
    /// Under load: these first bytes of `out` are a cookie for the sender.
    Reply(usize),
    Dropped(Reason),
}

impl Identity {
    pub(crate) fn new(private: &PrivateKey, random: &mut Random) -> Self {
        let private = x25519::StaticSecret::from(*private.expose());
        let public = x25519::PublicKey::from(&private);
        let key: [u8; 8] = std::array::from_fn(|_| random.next_u32().to_le_bytes()[0]);
        Self {
            gate: RateLimiter::new(&public, LIMIT),
            unlimited: Arc::new(RateLimiter::new(&public, u64::MAX)),
            sources: vec![None; SOURCES],
            hash: hmac::Key::new(hmac::HMAC_SHA256, &key),
            private,
            public,
        }
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_bytes(self.public.to_bytes())
    }

    /// Checks a handshake message or a cookie: form, first MAC, cookie while under load, rate of its source.
    pub(crate) fn admit(&mut self, from: IpAddr, datagram: &[u8], out: &mut [u8], now: Instant) -> Admission {
        // Does nothing within a second of the last time; without it the limiter would say “under load” for good.
        self.gate.reset_count();
        let packet = match self.gate.verify_packet(Some(from), datagram, out) {
            Ok(packet) => packet,
            Err(TunnResult::WriteToNetwork(cookie)) => return Admission::Reply(cookie.len()),
            Err(TunnResult::Err(error)) => return Admission::Dropped(reason(&error)),
            Err(TunnResult::Done | TunnResult::WriteToTunnelV4(..) | TunnResult::WriteToTunnelV6(..)) => {
                return Admission::Dropped(Reason::Malformed);
            }
        };
        match packet {
            Packet::HandshakeInit(initiation) => {
                if !self.pay(from, now) {
                    return Admission::Dropped(Reason::TooMany);
                }
                match handshake::parse_handshake_anon(&self.private, &self.public, &initiation) {
                    Ok(half) => Admission::Initiation(PublicKey::from_bytes(half.peer_static_public)),
                    Err(error) => Admission::Dropped(reason(&error)),
                }
            }
            Packet::HandshakeResponse(response) => Admission::Response(response.receiver_idx),
            Packet::PacketCookieReply(cookie) => Admission::Cookie(cookie.receiver_idx),
            Packet::PacketData(_) => Admission::Dropped(Reason::Malformed),
        }
    }

    /// Books one initiation on its source: an IPv4 address, or the /64 that one IPv6 host has for itself.
    fn pay(&mut self, from: IpAddr, now: Instant) -> bool {
        let network = match from {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        let digest = hmac::sign(&self.hash, &network.to_be_bytes());
        let slot = digest.as_ref().first_chunk().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)));
        let Some(owed_until) = self.sources.get_mut(slot % SOURCES) else { return false };
        let owed = owed_until.map_or(now, |until| until.max(now));
        if owed + COST > now + CREDIT {
            return false;
        }
        *owed_until = Some(owed + COST);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_is_slowed_down_and_others_are_not() {
        let mut random = Random::new(&[1; 32]);
        let mut identity = Identity::new(&PrivateKey::from_bytes([1; 32]), &mut random);
        let (now, one) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let passed = (0..1000).filter(|_| identity.pay(one, now)).count();
        assert_eq!(passed, 50);
        assert!(identity.pay(IpAddr::from([192, 0, 2, 2]), now));
        assert!(identity.pay(one, now + COST), "and the first recovers");
    }
}
