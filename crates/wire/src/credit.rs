//! How many initiations one source may still make: a fixed table, so that a flood costs no memory.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ring::hmac;

use crate::random::Random;

/// Sources that are told apart. Two that share a slot share its rate; which do, nobody outside can know.
const SOURCES: usize = 512;
/// Time that one initiation costs its source (50 in a second) …
const COST: Duration = Duration::from_millis(20);
/// … and how much of it may be owed: a room whose nodes share one address and come back at once.
const LIMIT: Duration = Duration::from_secs(1);

pub(crate) struct Credit {
    sources: Vec<Option<Instant>>,
    hash: hmac::Key,
}

impl Credit {
    pub(crate) fn new(random: &mut Random) -> Self {
        let key: [u8; 8] = std::array::from_fn(|_| random.next_u32().to_le_bytes()[0]);
        Self { sources: vec![None; SOURCES], hash: hmac::Key::new(hmac::HMAC_SHA256, &key) }
    }

    /// Books one initiation on its source, an IPv4 address or the /64 that one IPv6 host has for itself; false, and nothing
    /// booked, if that owes too much already.
    pub(crate) fn pay(&mut self, from: IpAddr, now: Instant) -> bool {
        let network = match from {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        let digest = hmac::sign(&self.hash, &network.to_be_bytes());
        let slot = digest.as_ref().first_chunk().map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)));
        let Some(owed_until) = self.sources.get_mut(slot % SOURCES) else { return false };
        let owed = owed_until.map_or(now, |until| until.max(now));
        if owed + COST > now + LIMIT {
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
        let mut credit = Credit::new(&mut Random::new(&[1; 32]));
        let (now, one) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let passed = (0..1000).filter(|_| credit.pay(one, now)).count();
        assert_eq!(passed, 50);
        assert!(credit.pay(IpAddr::from([192, 0, 2, 2]), now));
        assert!(credit.pay(one, now + COST), "and the first recovers");
    }
}
