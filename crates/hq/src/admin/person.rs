//! Answers about persons: who they are, what they are told once, what they hold and whose it becomes.

use hanare_model::{CompanyId, NodeName, PersonId, Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonState {
    /// Has a temporary password, to be changed at the next opening.
    Temporary,
    /// Opens work with a password of their own.
    Active,
    /// Opens nothing any more.
    Disabled,
}

/// An employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Whom they work for.
    pub company: CompanyId,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub state: PersonState,
    /// Where their work is open.
    pub open: Vec<NodeName>,
    /// Until when a node, or every node that they never used, takes no proof of theirs; the latest of them.
    pub locked_until: Option<Timestamp>,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were disabled.
    pub disabled_at: Option<Timestamp>,
    /// Whose their work became.
    pub successor: Option<PersonId>,
}

/// A person and what they must be told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonGiven {
    /// Whether this request added them.
    pub created: bool,
    /// The person as they are now.
    pub person: Person,
    /// A temporary password, to be changed at the next opening.
    pub password: Option<Secret>,
    /// The authenticator's secret, base32.
    pub totp_secret: Option<Secret>,
    /// The same as an authenticator reads it from a QR code.
    pub totp_url: Option<Secret>,
}

/// A person was disabled, now or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonEnded {
    /// The person as they are now.
    pub person: Person,
    /// Whether this request did it.
    pub changed: bool,
    /// Where it closed their work.
    pub closed: Vec<NodeName>,
    /// What passed on to the successor by this request; null without one.
    pub passed: Option<Passed>,
}

/// How many bytes somebody may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// As many as there is room for.
    None,
    /// So many.
    Bytes(u64),
}

/// A person's space at headquarters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Whose.
    pub person: PersonId,
    /// Bytes that all kept versions may hold; null for no limit.
    pub quota: Option<u64>,
    /// Bytes that they hold.
    pub used: u64,
}

/// A company's space at headquarters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanySpace {
    /// Whose.
    pub company: CompanyId,
    /// Bytes that all kept versions of its persons may hold together; null for no limit.
    pub quota: Option<u64>,
    /// Bytes that they hold.
    pub used: u64,
}

/// Work that passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The folder in the successor's work.
    pub folder: String,
    /// Files that are there now.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files for which the successor has no room, or whose path would be too long.
    pub left: u64,
}
