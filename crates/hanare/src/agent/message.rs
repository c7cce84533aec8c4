//! What is asked on the agent's socket, and what is answered.

use std::collections::BTreeSet;

use hanare_handover::WorkPath;
use hanare_handover::seal::Level;
use hanare_model::{PersonId, Secret, Timestamp};
use hanare_wipe::Verdict;
use hanare_wipe::policy::Policy;
use hanare_wipe::receipt::Cause;
use serde::{Deserialize, Serialize};

use super::gate::Salt;
use super::record::Record;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Asked {
    /// How does it stand?
    Status,
    /// Hand over everything now.
    Finish,
    /// End this person's day.
    Close {
        /// Whatever is not at headquarters yet.
        abandon: bool,
    },
    /// Open work while headquarters is away, for somebody who says who they are.
    Alone {
        /// Who.
        person: PersonId,
        /// The hash of what they have typed, at a log-in screen: it is to be said twice, and brings them back to their screen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<Secret>,
    },
    /// What a password is to be hashed with today.
    Salt,
    /// What a person has proven themselves with at headquarters, hashed. Root only: others would leave their own.
    Keep {
        /// Who.
        person: PersonId,
        /// The hash.
        hash: Secret,
    },
    /// Is this, hashed, what began the day that is open?
    Unlock {
        /// The hashes: one field can be read in several ways.
        hashes: Vec<Secret>,
    },
    /// More time today.
    Overtime {
        /// How much.
        seconds: u64,
    },
    /// Bring back what headquarters holds.
    Restore {
        /// A file or folder in the work; everything, if absent.
        path: Option<WorkPath>,
        /// As it was then; as it is now, if absent.
        at: Option<Timestamp>,
    },
    /// The deletions that are held are meant, or not.
    Deletions {
        /// Whether they are.
        confirm: bool,
    },
}

/// How the day stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of `work status --json`")]
pub(crate) struct Standing {
    /// Whether a person's work is open here and watched.
    pub(crate) active: bool,
    /// Whose it is.
    #[serde(default)]
    pub(crate) person: Option<PersonId>,
    /// The account of this machine that people work as, where the policy names one.
    #[serde(default)]
    pub(crate) account: Option<String>,
    /// Whether it was opened without headquarters, and nobody has proven themselves since.
    #[serde(default)]
    pub(crate) alone: bool,
    /// Whether the agent keeps the work volume and ends the day, by a policy.
    pub(crate) keeps_volume: bool,
    /// Files that headquarters holds as they were last read.
    pub(crate) files: u64,
    /// Versions handed over since the opening.
    pub(crate) versions: u64,
    /// Bytes sent for them.
    pub(crate) sent_bytes: u64,
    /// Files that came back from headquarters at the opening.
    pub(crate) restored: u64,
    /// Whether settings are still to come, which programs read when they start.
    #[serde(default)]
    pub(crate) awaits_settings: bool,
    /// Files that wait to be handed over, or could not be read.
    pub(crate) waiting: u64,
    /// Those of them that are not sealed as they are, either.
    #[serde(default)]
    pub(crate) exposed: u64,
    /// Deletions of very many files at once that are not passed on before somebody is asked.
    pub(crate) deletions_held: u64,
    /// Second versions that lie beside another one.
    pub(crate) conflicts: u64,
    /// Files for which headquarters has no room.
    pub(crate) full: u64,
    /// Items that wait sealed on this machine, of whomever.
    #[serde(default)]
    pub(crate) sealed: u64,
    /// How far the reserve for them is used.
    #[serde(default)]
    pub(crate) reserve: Level,
    /// Whether work may be read and not changed, until there is room again.
    #[serde(default)]
    pub(crate) frozen: bool,
    /// Why nothing goes on at the moment, in technical words.
    pub(crate) trouble: Option<String>,
    /// What kind of trouble it is, for a sentence in the reader's language; absent for others than headquarters'.
    #[serde(default)]
    pub(crate) trouble_code: Option<String>,
    /// What would end a day and cannot be seen just now.
    #[serde(default)]
    pub(crate) unwatched: BTreeSet<Unwatched>,
    /// Seconds until the day ends by itself.
    pub(crate) ends_in_seconds: Option<u64>,
    /// Whether it is ending just now: nobody comes back to it.
    #[serde(default)]
    pub(crate) closing: bool,
    /// What it is about to end for, once the countdown runs.
    pub(crate) ending: Option<Cause>,
    /// The day before this one on this machine, or the one that has just ended.
    pub(crate) last: Option<Record>,
    /// What a wish came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

/// What is not seen just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unwatched {
    /// A log-out, or a shutdown in time: the log-in manager does not answer.
    Sessions,
    /// A dock or a key that is pulled out.
    Devices,
    /// What changes in the work: the kernel tells of none of it, or not of all.
    Changes,
}

impl Standing {
    /// Nothing goes on, for this reason, if there is one.
    pub(super) fn hinder(&mut self, why: Option<String>) {
        (self.trouble, self.trouble_code) = (why, None);
    }

    /// Nobody's day, under this policy.
    pub(super) fn idle(policy: Option<&Policy>) -> Self {
        let account = policy.and_then(|policy| policy.person.user.clone());
        Self { keeps_volume: policy.is_some(), account, ..Self::default() }
    }
}

/// What a wish came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// The day has ended.
    Ended {
        /// By its receipt.
        verdict: Option<Verdict>,
    },
    /// It has not: something is not at headquarters.
    Left,
    /// More time was given.
    Overtime {
        /// How much.
        seconds: u64,
    },
    /// No more time: the policy gives no more.
    Enough,
    /// No more time without headquarters: it was taken once.
    Again,
    /// There is no end by the calendar.
    Endless,
    /// It is for whoever opened work here, and admins.
    Forbidden,
    /// Work is open without headquarters.
    Opened,
    /// It is not: headquarters can be asked.
    Reachable,
    /// It is not: some work is open.
    Taken,
    /// It is not: this machine cannot keep what is made for headquarters, as it keeps no volume or has no key to seal to.
    Unfit,
    /// It is not: the volume did not open.
    Failed,
    /// It is not yet: the same once more.
    Repeat,
    /// What to hash with.
    Salt {
        /// Of today.
        salt: Salt,
    },
    /// It is remembered until the day ends.
    Remembered,
    /// It is who began this day.
    Right,
    /// Nobody can say that it is.
    Wrong,
    /// This machine knows nothing to compare it with.
    Unknown,
    /// Too many were wrong: nothing is looked at before this.
    Wait {
        /// Seconds.
        seconds: u64,
    },
    /// It came back.
    Restored {
        /// Files that are at their places again.
        files: u64,
        /// Files that lie beside what is at their places now.
        beside: u64,
        /// Files that are here as they were.
        same: u64,
        /// Files that could not be written.
        failed: u64,
        /// Bytes of what came.
        bytes: u64,
    },
    /// Deletions were confirmed, or taken back.
    Deletions {
        /// How many.
        files: u64,
    },
    /// Headquarters does not answer, or nobody has proven themselves: nothing can be asked of it.
    Away,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hash_is_shown() {
        let asked = Asked::Unlock { hashes: vec![Secret::new("Of-A-Password".to_owned())] };
        assert!(!format!("{asked:?}").contains("Of-A"), "{asked:?}");
    }
}
