//! How many bytes sealed items may take on a node's disk, and how far that is used.

use serde::{Deserialize, Serialize};

/// People are warned from this share of the reserve on,
const WARN_PERCENT: u64 = 70;
/// their work is frozen from this,
const FULL_PERCENT: u64 = 100;
/// and nothing more is sealed from this: what is changed after the freeze, and what is left at the end of the day, still fits.
const HARD_PERCENT: u64 = 110;

/// How many bytes sealed items may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve(pub u64);

/// How far the reserve is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// There is room.
    #[default]
    Calm,
    /// More than 70 %: people are to be told.
    Warn,
    /// All of it: work is to stop until headquarters is reached.
    Full,
    /// Nothing more is sealed.
    Over,
}

impl Reserve {
    /// How far so many bytes use it.
    #[must_use]
    pub fn level(self, used: u64) -> Level {
        let percent = |percent: u64| self.0.saturating_mul(percent) / 100;
        if used >= percent(HARD_PERCENT) {
            Level::Over
        } else if used >= percent(FULL_PERCENT) {
            Level::Full
        } else if used >= percent(WARN_PERCENT) {
            Level::Warn
        } else {
            Level::Calm
        }
    }

    /// The same, or what a disk leaves of it that has room for so many bytes, the items that are there included.
    #[must_use]
    pub fn within(self, room: u64) -> Self {
        Self(self.0.min(room / HARD_PERCENT * 100))
    }

    /// Beyond so many bytes nothing more is sealed.
    pub(super) const fn hard(self) -> u64 {
        self.0.saturating_mul(HARD_PERCENT) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_warns_freezes_and_ends() {
        let levels = [0, 69, 70, 99, 100, 109, 110].map(|used| Reserve(100).level(used));
        let expected =
            [Level::Calm, Level::Calm, Level::Warn, Level::Warn, Level::Full, Level::Full, Level::Over];
        assert_eq!(levels, expected);
    }

    #[test]
    fn a_disk_that_somebody_else_has_filled_is_a_full_reserve() {
        assert_eq!(Reserve(100).within(1 << 30), Reserve(100));
        let short = Reserve(1000).within(220);
        assert_eq!((short, short.hard()), (Reserve(200), 220));
        assert_eq!(Reserve(1000).within(0).level(0), Level::Over);
    }
}
