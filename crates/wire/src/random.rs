//! Randomness from a seed: session indices that nobody guesses and jitter that no two nodes share.

use std::time::Duration;

use ring::hmac;

/// HMAC-SHA-256 in counter mode over the caller's seed.
pub(crate) struct Random {
    key: hmac::Key,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0 }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        self.counter += 1;
        let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
        block.as_ref().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// A duration from zero up to `limit`, evenly spread.
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(f64::from(self.next_u32()) / f64::from(u32::MAX))
    }
}
