//! Random numbers that a printed seed brings back.

use std::time::{SystemTime, UNIX_EPOCH};

/// A xorshift generator. `Debug` shows the seed as long as no number was drawn.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Seeds it by the clock; whoever uses it prints it first.
    #[must_use]
    pub fn by_the_clock() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::from(clock.subsec_nanos()) | 1)
    }

    /// The next number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
