//! Who is meant by the receiver index of a datagram: 24 random bits for each peer, above 8 bits that count its sessions.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::outcome::PeerIndex;
use crate::random::Random;

/// How many given-up indices are remembered, so that a late datagram for a removed peer is never tried on another.
const RETIRED: usize = 1024;
const BITS: u32 = 24;

#[derive(Default)]
pub(crate) struct Indices {
    live: HashMap<u32, PeerIndex, BuildHasherDefault<Spread>>,
    retired: VecDeque<u32>,
}

impl Indices {
    /// Draws an index that nobody has and nobody had lately.
    pub(crate) fn claim(&mut self, owner: PeerIndex, random: &mut Random) -> u32 {
        loop {
            let index = random.next_u32() >> (u32::BITS - BITS);
            if !self.live.contains_key(&index) && !self.retired.contains(&index) {
                self.live.insert(index, owner);
                return index;
            }
        }
    }

    /// Gives an index back.
    pub(crate) fn release(&mut self, index: u32) {
        if self.live.remove(&index).is_some() {
            if self.retired.len() == RETIRED {
                self.retired.pop_front();
            }
            self.retired.push_back(index);
        }
    }

    /// Whose session a receiver index names.
    pub(crate) fn owner(&self, receiver: u32) -> Option<PeerIndex> {
        self.live.get(&(receiver >> (u32::BITS - BITS))).copied()
    }
}

/// The keys are random already; one multiplication carries them into the bits that the table looks at (Knuth's golden ratio).
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_never_drawn_twice_and_a_given_up_one_names_nobody() {
        let (mut indices, mut random) = (Indices::default(), Random::new(&[7; 32]));
        let drawn: Vec<u32> = (0..20_000).map(|n| indices.claim(PeerIndex(n), &mut random)).collect();
        let unique: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert_eq!(unique.len(), drawn.len());
        assert!(drawn.iter().all(|index| *index < 1 << BITS));
        for (n, index) in drawn.iter().enumerate() {
            assert_eq!(indices.owner((index << 8) | 5).map(PeerIndex::as_usize), Some(n));
        }
        indices.release(drawn[3]);
        assert_eq!(indices.owner(drawn[3] << 8), None);
        assert!(indices.retired.contains(&drawn[3]));
    }
}
