//! How a person's work on this node stands: the fields of `hanare work status --json`.

use std::time::Duration;

use hanare_model::work::{Notice, WorkEnd};
use hanare_model::{PersonId, Secret, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Whether work is open, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// In one word.
    pub state: WorkState,
    /// Whose it is; `None` unless it is open.
    pub person: Option<PersonId>,
    /// Their name.
    pub name: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when, at most.
    pub until: Option<Timestamp>,
    /// Until when headquarters takes no proof of whoever tried last.
    pub locked_until: Option<Timestamp>,
    /// What that person is to know of what others did with their work, newest first.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

impl Work {
    /// Nobody's, as far as is known without a daemon.
    #[must_use]
    pub const fn closed() -> Self {
        Self {
            state: WorkState::Closed,
            person: None,
            name: None,
            since: None,
            until: None,
            locked_until: None,
            notices: Vec::new(),
        }
    }
}

/// The state of work in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkState {
    /// Nobody's.
    Closed,
    /// Somebody's proof is at headquarters.
    Opening,
    /// Somebody's.
    Open,
    /// Nobody's, and whoever tried last has to wait.
    Locked,
}

/// A person's working day as the daemon sees it, for root's process that looks after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// The open session.
    pub open: Option<Session>,
    /// The session that ended last: SHA-256 of it in hexadecimal, and why it ended.
    pub ended: Option<(String, WorkEnd)>,
    /// Whether headquarters has revoked this node.
    pub revoked: bool,
    /// Whether headquarters answers.
    pub headquarters: bool,
    /// What headquarters' clock showed.
    pub time: Option<HqTime>,
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose work it is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// The session's token.
    pub token: Secret,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint: String,
    /// The user who opened it.
    pub uid: u32,
}

/// What headquarters' clock showed, and when by the boot clock: it counts also while the machine sleeps, and nobody can set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HqTime {
    /// Headquarters' clock.
    pub at: Timestamp,
    /// Seconds since this machine's start.
    pub boot_seconds: u64,
}

impl HqTime {
    /// The boot clock now.
    #[must_use]
    pub fn boot_seconds() -> u64 {
        u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
    }

    /// Headquarters' clock when the boot clock shows this.
    #[must_use]
    pub fn when(self, boot_seconds: u64) -> Timestamp {
        let earlier = Duration::from_secs(self.boot_seconds.saturating_sub(boot_seconds));
        let later = Duration::from_secs(boot_seconds.saturating_sub(self.boot_seconds));
        let back = i64::try_from(earlier.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_seconds(self.at.seconds().saturating_sub(back)).after(later)
    }
}
