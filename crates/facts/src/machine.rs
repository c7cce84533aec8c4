//! All that is known of one machine from one view, as a document that replays.

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, View};
use crate::{
    Accounts, Antivirus, Clock, Firewall, Journal, Listener, Modules, Nearby, Passwords, Resolvers, Routes,
    Storage, SudoRule, System, Updates, Waiting, Wifi,
};

/// What the document calls itself.
pub const SCHEMA: &str = "hanare.audit.facts/1";
/// No document of facts is longer (8 MiB).
pub const MAX_LEN: usize = 8 * 1024 * 1024;

/// Whether the facts are a running machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A running machine.
    Live,
    /// A tree of files.
    Files,
}

/// All that is known of one machine from one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// [`SCHEMA`].
    pub schema: String,
    /// From where.
    pub view: View,
    /// When they were collected.
    pub at: Timestamp,
    /// Of what.
    pub origin: Origin,
    /// Whether they were collected as root.
    pub root: bool,
    /// The operating system.
    pub system: Fact<System>,
    /// What is mounted and swapped to, and what lies beneath.
    pub storage: Fact<Storage>,
    /// Updates.
    pub updates: Fact<Updates>,
    /// Security updates that wait.
    pub waiting: Fact<Vec<Waiting>>,
    /// Antivirus.
    pub antivirus: Fact<Antivirus>,
    /// Where packets would go.
    pub routes: Fact<Routes>,
    /// What nftables lets in and out.
    pub firewall: Fact<Firewall>,
    /// Ports that listen to others.
    pub listeners: Fact<Vec<Listener>>,
    /// Kernel modules for removable media.
    pub modules: Fact<Modules>,
    /// The clock, as the kernel sees it.
    pub clock: Fact<Clock>,
    /// Accounts.
    pub accounts: Fact<Accounts>,
    /// Passwords, by what they are not.
    pub passwords: Fact<Passwords>,
    /// Rules of sudo that ask for no password.
    pub sudo: Fact<Vec<SudoRule>>,
    /// The system's log.
    pub journal: Fact<Journal>,
    /// Name servers.
    pub resolvers: Fact<Resolvers>,
    /// Devices of the office that the machine uses.
    pub nearby: Fact<Nearby>,
    /// Saved Wi-Fi connections.
    pub wifi: Fact<Vec<Wifi>>,
}

/// Why a document is not one of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a document of facts that this program reads: {SCHEMA}")]
pub struct NotFacts;

impl Facts {
    /// Refuses a document of another kind or version.
    ///
    /// # Errors
    /// [`NotFacts`].
    pub fn checked(self) -> Result<Self, NotFacts> {
        if self.schema == SCHEMA { Ok(self) } else { Err(NotFacts) }
    }
}
