//! Random numbers that a printed seed brings back.

use std::time::{SystemTime, UNIX_EPOCH};

/// The environment variable that brings an earlier run's numbers back.
const SEED: &str = "HANARE_SEED";

/// A xorshift generator. `Debug` shows the seed as long as no number was drawn.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Seeds it by the clock, or with the number in `HANARE_SEED`; whoever uses it prints it first.
    #[must_use]
    pub fn by_the_clock() -> Self {
        let asked = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).filter(|seed| *seed != 0);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(asked.unwrap_or_else(|| u64::from(clock.subsec_nanos()) | 1))
    }

    /// Seeds it with a number.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// So many bytes that nothing else has.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
