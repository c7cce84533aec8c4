//! A checklist as its author writes it: TOML, read strictly, every complaint with its line and column.

mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hanare_facts::View;
use hanare_ledger::Hash;
use hanare_model::Position;
use serde::{Deserialize, Serialize};

use crate::day::Day;

/// The version that this code reads.
pub const VERSION: u32 = 1;
/// A longer checklist is refused before it is parsed (1 MiB).
pub const MAX_LEN: usize = 1024 * 1024;

/// A checked checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// What it calls itself.
    pub name: String,
    /// Its title.
    pub title: BothTexts,
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// Its items, in its order; may be none.
    pub items: Vec<Item>,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, such as `NET-01`.
    pub id: String,
    /// What it is part of.
    pub tier: Tier,
    /// How it is known.
    pub confidence: Confidence,
    /// Where it is from.
    pub sources: Vec<String>,
    /// The official number, for the holder of the text; empty here.
    pub official_ref: String,
    /// From where it is looked at.
    pub views: Vec<View>,
    /// Who has to see to it.
    pub responsible: Responsible,
    /// What it takes to mend.
    pub effort: Effort,
    /// How long evidence counts, in days.
    pub evidence_days: u32,
    /// What it is about: it has no meaning where there is none of it.
    pub device_class: Option<DeviceClass>,
    /// Items that must be good for this one to be.
    pub requires: Vec<String>,
    /// In a few words.
    pub title: BothTexts,
    /// What should be so.
    pub measure: BothTexts,
    /// What to do if it is not.
    pub remedy: BothTexts,
    /// What evidence a person brings; `None` if no person's word counts.
    pub attestation: Option<BothTexts>,
    /// The machine's checks, by view.
    pub checks: BTreeMap<View, Check>,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BothTexts {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

/// What an item is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// The minimum.
    Basic,
    /// The plan for what remains.
    RiskPlan,
    /// More, as needed.
    Applied,
    /// Work and facility environment.
    Environment,
}

/// How an item is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Named, with its tier, in text about the documents.
    Confirmed,
    /// Named there.
    Named,
    /// In another public Japanese source.
    Stated,
    /// In use at a named satellite office.
    InUse,
    /// Common practice.
    Inferred,
}

/// Who has to see to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Responsible {
    /// Who runs the building.
    Operator,
    /// The company that rents.
    Tenant,
}

/// Devices that an office may do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// Wi-Fi.
    Wifi,
    /// Printers and copiers on the network.
    Printers,
    /// Shared storage.
    Nas,
}

impl DeviceClass {
    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wifi => "wifi",
            Self::Printers => "printers",
            Self::Nas => "nas",
        }
    }
}

/// What it takes to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// Hours.
    Small,
    /// Days.
    Medium,
    /// Money and months.
    Large,
}

/// The name of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckName {
    /// DEV-05.
    Antivirus,
    /// NET-07.
    FullTunnel,
    /// DEV-01.
    DiskEncryption,
    /// DEV-04.
    Updates,
    /// DEV-06.
    Listeners,
    /// DEV-07.
    UsbStorage,
    /// DEV-08.
    Clock,
    /// DEV-09.
    Accounts,
    /// LOG-01.
    Journal,
    /// NET-08.
    Resolvers,
    /// WIF-01.
    WifiEncryption,
    /// WIF-05.
    WifiLogIn,
}

/// A machine's check with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Files are looked at as they are opened, by definitions of today.
    Antivirus {
        /// How old they may be.
        definitions_max_days: u32,
    },
    /// Nothing leaves beside the tunnel.
    FullTunnel,
    /// All persistent storage is encrypted.
    DiskEncryption,
    /// Updated and supported.
    Updates {
        /// How old lists of updates may be.
        lists_max_days: u32,
        /// Ends of support by release (`debian-12` = `2028-06-30`).
        support: BTreeMap<String, Day>,
    },
    /// Few ports listen.
    Listeners {
        /// Those that may, such as `udp/51820`.
        allowed: Vec<String>,
    },
    /// USB storage is blocked.
    UsbStorage,
    /// The clock is right.
    Clock {
        /// How far off it may be.
        max_error_seconds: u32,
    },
    /// Accounts are individual.
    Accounts,
    /// Logs are kept.
    Journal {
        /// How long.
        min_days: u32,
    },
    /// Approved resolvers only.
    Resolvers {
        /// Which.
        approved: Vec<String>,
    },
    /// No open or WEP connection.
    WifiEncryption,
    /// 802.1X or WPA3.
    WifiLogIn,
}

/// What is wrong with a checklist, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct ChecklistError {
    /// Where.
    pub position: Position,
    /// What, and what was expected.
    pub fault: Fault,
}

/// What can be wrong with a checklist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not TOML, or not a checklist's: the parser's words.
    #[error("{0}")]
    Form(String),
    /// Longer than [`MAX_LEN`].
    #[error("a checklist has at most {most} bytes, this one has {0}", most = MAX_LEN)]
    TooLong(usize),
    /// Another version than [`VERSION`].
    #[error("version {0} is not known: this program reads version {known}", known = VERSION)]
    Version(u32),
    /// An id that is none.
    #[error("{0:?} is not an id: three capital letters, a hyphen, two digits")]
    Id(String),
    /// Two items of one id.
    #[error("item {0} is there already")]
    Twice(String),
    /// An item that is not there.
    #[error("there is no item {0} in this checklist")]
    NoItem(String),
    /// An item that rests on itself.
    #[error("item {0} requires itself, by way of others or directly")]
    Cycle(String),
    /// An item that nobody looks at.
    #[error("name at least one view")]
    NoView,
    /// A check for a view that the item does not have.
    #[error("the item has no view {0}")]
    StrayView(View),
    /// A text that says nothing.
    #[error("the text is empty")]
    Empty,
    /// A parameter that the check wants.
    #[error("the check wants {0}")]
    Wants(&'static str),
    /// A parameter that the check does not have.
    #[error("the check has no parameter {0}")]
    Stray(&'static str),
    /// A number outside of its range.
    #[error("{given} is not between 1 and {most}")]
    Number {
        /// As it is written.
        given: u32,
        /// The most.
        most: u32,
    },
    /// A day that is none.
    #[error("{0:?} is not a day such as 2028-06-30")]
    Day(String),
}

impl FromStr for Checklist {
    type Err = ChecklistError;
    fn from_str(text: &str) -> Result<Self, ChecklistError> {
        read::read(text)
    }
}

impl Checklist {
    /// The item of that id.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "basic",
            Self::RiskPlan => "risk-plan",
            Self::Applied => "applied",
            Self::Environment => "environment",
        })
    }
}

#[cfg(test)]
mod tests;
