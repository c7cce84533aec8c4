//! What the caller knows at the end of a wipe: everything that a receipt says besides its place in the chain.

use hanare_ledger::Hash;
use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::WipeId;
use crate::boot::BootId;
use crate::outcome::Outcome;
use crate::volume_kind::VolumeKind;

/// The end of one wipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Which wipe: an interrupted one keeps its id.
    pub id: WipeId,
    /// When it began, by this machine's clock.
    pub started: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// The boot that the work volume was open in, or that the wipe began in.
    pub boot_id: BootId,
    /// What it was for.
    pub cause: Cause,
    /// How often it was interrupted and taken up again.
    pub interruptions: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// The work volume's kind; `None` if the wipe was of trees only.
    pub volume: Option<VolumeKind>,
    /// The policy that was followed, if there was one.
    pub policy: Option<PolicyRef>,
    /// What the data lay on, as far as it is known.
    pub media: Vec<Medium>,
}

/// What a wipe was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody ordered it.
    Command,
    /// The machine was going down.
    Shutdown,
    /// The working day had ended.
    EndOfDay,
    /// The person had logged out.
    LogOut,
    /// The node was revoked.
    Revoked,
    /// Headquarters ordered it.
    Headquarters,
    /// A device that has to be there, such as a dock or a key, was removed.
    DeviceRemoved,
    /// No code of ours ran at the end: the key went with the power.
    PowerLost,
}

/// A policy by its own name and the hash of its bytes: never by a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRef {
    /// The name that the policy gives itself.
    pub name: String,
    /// SHA-256 of its bytes.
    pub hash: Hash,
}

/// What data lay on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// Of what kind.
    pub kind: MediumKind,
    /// The maker, as the kernel tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The maker's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What tells it from others of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

impl Medium {
    /// One of which nothing but its kind is known.
    #[must_use]
    pub fn of(kind: MediumKind) -> Self {
        Self { kind, vendor: None, model: None, serial: None }
    }
}

/// Kinds of media, as far as the kernel tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediumKind {
    /// Flash behind an `NVMe` controller.
    Nvme,
    /// A disk that does not rotate.
    SolidState,
    /// A disk that does.
    HardDisk,
    /// Flash on a card or in the board (eMMC).
    Card,
    /// Memory.
    Memory,
    /// A file or another machine's disk: what is below cannot be seen.
    Virtual,
    /// Not known.
    Unknown,
}
