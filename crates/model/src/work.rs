//! Opening work: what a node asks of headquarters for a person, inside the tunnel, and what ends it.

use serde::{Deserialize, Serialize};

use crate::id::PersonId;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The shortest password that a person may choose, in characters.
pub const MIN_PASSWORD: usize = 12;
/// The longest, in bytes: what is hashed is bounded.
pub const MAX_PASSWORD: usize = 512;

/// A person proves themselves from a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkOpen {
    /// Who.
    pub person: PersonId,
    /// What they know.
    pub password: Secret,
    /// What their authenticator shows.
    pub code: Secret,
    /// Another password from now on; wanted after `person add` and `person reset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_password: Option<Secret>,
}

/// Work is open for a person on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOpened {
    /// 256 random bits in hexadecimal; the only copy.
    pub session: Secret,
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Until when, at most.
    pub until: Timestamp,
    /// What they are to know of what others did with their work, newest first; at most [`MAX_NOTICES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// The most notices that are told at once.
pub const MAX_NOTICES: usize = 50;

/// Something that others did with a person's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Noticed,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum Noticed {
    /// The work of somebody who left has become theirs.
    Inherited {
        /// Whose it was.
        from: PersonId,
        /// In which folder it is.
        folder: String,
        /// How many files.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// An admin took copies of files.
    Taken {
        /// Why, in the admin's words.
        reason: String,
        /// How many files.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// A node closes what it has open: this session and no later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkClose {
    /// As [`WorkOpened::session`] gave it.
    pub session: Secret,
}

/// A person works longer today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkOvertime {
    /// As [`WorkOpened::session`] gave it.
    pub session: Secret,
    /// By so many seconds.
    pub seconds: u64,
    /// The wish's own number: one that is told twice, because an answer was lost, counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<u32>,
}

/// Why work was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum WorkRefusal {
    /// No such person here, a wrong password, a wrong or used code; told apart by nobody but the ledger.
    Proof,
    /// Too many wrong proofs for this name.
    Locked {
        /// Seconds to wait.
        retry_after_seconds: u64,
    },
    /// The person is disabled; said only after a right proof.
    Disabled,
    /// The proof is right, and another password is wanted with it.
    MustChange,
    /// The proof is right, and the new password cannot be used.
    Password {
        /// Why not.
        fault: PasswordFault,
    },
    /// Work is opened on endpoints only.
    NotHere,
    /// No work is open here by this session: it was never opened, or has ended.
    NotOpen,
    /// Headquarters' policy gives the person no more overtime.
    Overtime,
}

/// Why a new password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordFault {
    /// Fewer than [`MIN_PASSWORD`] characters.
    Short,
    /// More than [`MAX_PASSWORD`] bytes.
    Long,
    /// It is the old one.
    Same,
}

impl PasswordFault {
    /// What keeps `new` from taking the place of `old`.
    #[must_use]
    pub fn of(new: &Secret, old: &Secret) -> Option<Self> {
        if new.expose().chars().count() < MIN_PASSWORD {
            Some(Self::Short)
        } else if new.expose().len() > MAX_PASSWORD {
            Some(Self::Long)
        } else {
            (new == old).then_some(Self::Same)
        }
    }
}

/// What ended an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkEnd {
    /// The node said so.
    Closed,
    /// The node opened work again.
    NextOpening,
    /// The person opened work on more machines than one person sits at.
    Elsewhere,
    /// The person was disabled.
    Disabled,
    /// The person got a new temporary password.
    Reset,
    /// The node was revoked, or left.
    NodeGone,
    /// A day has passed.
    Expired,
    /// Headquarters ordered the end of the day; what is left may still be handed over for a while.
    Ordered,
}

impl WorkEnd {
    /// Whether the node itself ended it, and needs nobody to tell it.
    #[must_use]
    pub const fn is_nodes_own(self) -> bool {
        matches!(self, Self::Closed | Self::NextOpening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_long_enough_and_new() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let old = secret("correct horse battery");
        let fault = |text: &str| PasswordFault::of(&secret(text), &old);
        assert_eq!(fault("elevenchars"), Some(PasswordFault::Short));
        assert_eq!(fault("あいうえおかきくけこさし"), None, "characters, not bytes");
        assert_eq!(fault("correct horse battery"), Some(PasswordFault::Same));
        assert_eq!(fault(&"x".repeat(MAX_PASSWORD + 1)), Some(PasswordFault::Long));
    }

    #[test]
    fn neither_password_nor_code_is_shown() {
        let open = WorkOpen {
            person: "hanako".parse().unwrap(),
            password: Secret::new("hunter2".to_owned()),
            code: Secret::new("123456".to_owned()),
            new_password: Some(Secret::new("hunter3".to_owned())),
        };
        let shown = format!("{open:?}");
        assert!(!shown.contains("hunter") && !shown.contains("123456"), "{shown}");
    }
}
