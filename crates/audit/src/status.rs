//! What came of an item, and what it was judged by.

use hanare_facts::Trust;
use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What came of an item. Only pass and attested are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was looked at and is not so.
    Fail,
    /// The check itself broke.
    Error,
    /// Nobody knows, or what is known is too old.
    Unknown,
    /// A person has to state it and has not.
    AttestDue,
    /// Somebody answers for it until a day.
    Waived,
    /// A person stated it, with evidence.
    Attested,
    /// It was looked at and is so.
    Pass,
    /// It has no meaning here, and a machine agrees.
    NotApplicable,
}

impl Status {
    /// Every status; of two views of one item the earlier one counts.
    pub const ALL: [Self; 8] = [
        Self::Fail,
        Self::Error,
        Self::Unknown,
        Self::AttestDue,
        Self::Waived,
        Self::Attested,
        Self::Pass,
        Self::NotApplicable,
    ];

    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Unknown => "unknown",
            Self::AttestDue => "attest-due",
            Self::Waived => "waived",
            Self::Attested => "attested",
            Self::Pass => "pass",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// Whether it is as it should be.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Pass | Self::Attested | Self::NotApplicable)
    }
}

/// What an item was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The file, or what else was asked.
    pub source: String,
    /// What it said.
    pub value: String,
    /// When.
    pub at: Timestamp,
    /// How far it is to be trusted.
    pub trust: Trust,
}
