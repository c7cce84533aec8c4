//! One fact: what was read, where, when and how far it is to be trusted; or why it is not known.

use std::fmt;
use std::str::FromStr;

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

/// From where an office is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// A PC in the room.
    Endpoint,
    /// The room's router.
    Gateway,
    /// Headquarters; what people state appears here too.
    Hq,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 3] = [Self::Endpoint, Self::Gateway, Self::Hq];

    /// The word on the command line and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Gateway => "gateway",
            Self::Hq => "hq",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No view has that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a view is endpoint, gateway or hq")]
pub struct NotAView;

impl FromStr for View {
    type Err = NotAView;
    fn from_str(text: &str) -> Result<Self, NotAView> {
        Self::ALL.into_iter().find(|view| view.as_str() == text).ok_or(NotAView)
    }
}

/// How far a fact is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// We looked ourselves.
    Measured,
    /// A device told us.
    Device,
    /// Somebody handed us a file.
    Supplied,
    /// Somebody said so.
    Word,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact<T> {
    /// The file, or what else was asked.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// How far it is to be trusted.
    pub trust: Trust,
    /// What it is, or why that is not known.
    pub reading: Reading<T>,
}

/// What a source said, or why it said nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// This.
    Known(T),
    /// Nothing.
    Gap(Gap),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The kind.
    pub kind: GapKind,
    /// The file that it is about.
    pub source: String,
}

/// The kinds of [`Gap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// There is no such file.
    Absent,
    /// Only root, or somebody else, may read it.
    Permission,
    /// A directory, FIFO, device or socket stands where a file should.
    NotRegular,
    /// Larger than any honest file of its kind.
    TooLarge,
    /// Not UTF-8.
    NotText,
    /// Read, and not understood.
    NotUnderstood,
    /// It is about a running machine, and this is a tree of files.
    NotLive,
    /// The system could not read it, or it leads round in a circle.
    Failed,
}

impl Gap {
    /// A gap about a file.
    #[must_use]
    pub fn new(kind: GapKind, source: impl Into<String>) -> Self {
        Self { kind, source: source.into() }
    }
}

impl<T> Fact<T> {
    /// What is known.
    ///
    /// # Errors
    /// The gap, if nothing is.
    pub const fn known(&self) -> Result<&T, &Gap> {
        match &self.reading {
            Reading::Known(value) => Ok(value),
            Reading::Gap(gap) => Err(gap),
        }
    }
}
