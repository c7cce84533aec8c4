//! How a person's work on this node stands: the fields of `hanare work status --json`.

use hanare_model::work::Notice;
use hanare_model::{PersonId, Timestamp};
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
