//! A wipe policy as an admin writes it: what is work, what is kept, which volume, which limits; TOML, read strictly.
//!
//! Every complaint has its line and column. See `policies/wipe/` for examples and the schema.

mod classes;
mod day;
mod fault;
mod path;
mod read;
mod size;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use hanare_ledger::Hash;
pub use hanare_model::Position;
use serde::Deserialize;

pub use classes::{Class, Rule, Scope};
pub use day::{Calendar, MAX_HOURS};
pub use fault::{Fault, Misplaced};
pub(crate) use path::overlap;
pub use size::{NotASize, Size};

use crate::outcome::Method;
use crate::receipt::PolicyRef;
use crate::volume_kind::VolumeKind;

/// The version that this code reads.
pub const VERSION: u32 = 1;
/// A longer policy is refused before it is parsed (1 MiB, as for checklists).
pub const MAX_LEN: usize = 1024 * 1024;
/// The longest that a wipe or the sealing before it may be given, in seconds: an hour.
pub const MAX_SECONDS: u64 = 3600;

/// A checked policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it calls itself.
    pub name: String,
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// Its bytes, for a record that outlives its file.
    pub(crate) text: String,
    /// The work volume; without one only trees are wiped.
    pub volume: Option<Volume>,
    /// What is work and what is not.
    pub work: Work,
    /// What of the machine is kept from leaking.
    pub confine: Confine,
    /// What on the volume is handed over, and as what.
    pub classes: Vec<Rule>,
    /// How long it may take.
    pub limits: Limits,
    /// When a working day ends by itself; without one only people and events end it.
    pub day: Option<Calendar>,
    /// Whose work it is on this machine, and what belongs to it.
    pub person: Person,
    /// What makes a verdict *pass*.
    pub demand: Demand,
}

/// Whose work it is on this machine, and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The Unix account that people work as; it owns the volume, and its processes end with the day.
    pub user: Option<String>,
    /// USB devices, as `vendor:product`, of which none may go while work is open.
    pub usb: Vec<String>,
}

/// The work volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The kinds that are good enough, the preferred one first; never empty.
    pub kinds: Vec<VolumeKind>,
    /// How large it is made.
    pub size: Size,
    /// Where it is mounted.
    pub mount: Place,
}

/// What is work and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The only places that a tree of this policy may be in, besides the volume.
    pub allowed: Vec<Place>,
    /// Trees outside the volume that are erased.
    pub trees: Vec<Place>,
    /// What is never touched: no tree may hold one or lie in one.
    pub keep: Vec<Place>,
}

/// What of the machine is kept from leaking while the volume is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confine {
    /// Directories that lie on the volume while it is open.
    pub paths: Vec<Place>,
    /// What happens to swap on a disk.
    pub swap: Swap,
}

/// What happens to swap on a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// It is replaced by compressed memory.
    #[default]
    Zram,
    /// It stays; a plain one makes the verdict partial.
    AsIs,
}

/// How long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long people see that their day is about to end.
    pub countdown: Duration,
    /// How long their programs may take to end by themselves.
    pub close: Duration,
    /// For handing over what headquarters does not hold, at the end.
    pub handover: Duration,
    /// For sealing what headquarters does not hold; then the key goes, whatever still waits.
    pub seal: Duration,
    /// For the rest of the wipe; what is not done by then makes the verdict partial.
    pub wipe: Duration,
    /// How much may wait in memory to be written, for kinds whose key cannot go before it is.
    pub dirty: Size,
}

/// What makes a verdict *pass*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The methods that are good enough; never empty.
    pub methods: Vec<Method>,
    /// Whether the kernel must blank memory when it is freed.
    pub init_on_free: bool,
}

/// A path, and where the policy says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Absolute, without `.`, `..`, or a slash at its end.
    pub path: PathBuf,
    /// Where the policy says it.
    pub position: Position,
}

/// What is wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct PolicyError {
    /// Where.
    pub position: Position,
    /// What, and what was expected.
    pub fault: Fault,
}

impl Confine {
    /// Those that are somebody's home or the like, and not everybody's directories for temporary files.
    pub(crate) fn homes(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(|place| place.path.as_path()).filter(|path| !path::is_temporary(path))
    }
}

impl Policy {
    /// What a receipt says of it.
    #[must_use]
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { name: self.name.clone(), hash: self.hash }
    }

    /// Refuses a tree that is a mount's root on this machine: what is mounted there is not the tree that the policy's author
    /// saw. `points` are the machine's mount points.
    ///
    /// # Errors
    /// The first such tree, with its place in the policy.
    pub fn against_mounts(&self, points: &[PathBuf]) -> Result<(), PolicyError> {
        match self.work.trees.iter().find(|tree| points.contains(&tree.path)) {
            None => Ok(()),
            Some(tree) => Err(PolicyError {
                position: tree.position,
                fault: Fault::Path { path: tree.path.display().to_string(), why: Misplaced::MountRoot },
            }),
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        read::read(text)
    }
}

#[cfg(test)]
mod tests;
