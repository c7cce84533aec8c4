//! What a wipe would do, told beforehand: what would go, what would stay and why, and where work lies that no tree reaches.
//!
//! Nothing is changed and nothing is opened for writing. Names inside trees are counted, never told.

mod machine;
mod places;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::erase::{Outlook, Survey};
use crate::outcome::{Skipped, Verdict};
use crate::policy::Policy;
use crate::receipt::PolicyRef;
use crate::root::{self, Refusal, Refused, Root};
use crate::run;
use crate::volume_kind::VolumeKind;

pub use hanare_host::swap::SwapKind;
pub use machine::{Blanking, Machine, SwapArea};
pub use places::{Cover, Found, Kind, Spot};

/// What a wipe would do.
#[derive(Debug)]
pub struct Plan {
    /// The policy.
    pub policy: Option<PolicyRef>,
    /// The work volume that the policy wants.
    pub volume: Option<VolumePlan>,
    /// The trees, in the policy's order.
    pub trees: Vec<TreePlan>,
    /// What the policy keeps.
    pub keeps: Vec<PathBuf>,
    /// Where programs leave work besides.
    pub spots: Vec<Spot>,
    /// What of the machine matters.
    pub machine: Machine,
}

/// The work volume of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct VolumePlan {
    /// Where it is mounted when it is open.
    pub mount: PathBuf,
    /// Whether something is mounted there now.
    pub mounted: bool,
    /// The kinds that the policy accepts, the preferred one first.
    pub kinds: Vec<VolumeKind>,
}

/// A tree of a plan.
#[derive(Debug)]
pub struct TreePlan {
    /// Its path.
    pub path: PathBuf,
    /// What would become of it.
    pub fate: Fate,
}

/// What would become of a tree.
#[derive(Debug)]
pub enum Fate {
    /// It would go.
    Goes(Going),
    /// There is no such directory: nothing would go.
    Absent,
    /// It would stay: a wipe refuses it.
    Refused(Refused),
}

/// A tree that would go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Going {
    /// Things in it that are no directories.
    pub files: u64,
    /// Bytes that they hold on the device.
    pub bytes: u64,
    /// The file system's type.
    pub filesystem: String,
    /// Whether the device below takes discards; `None` if no device is to be seen.
    pub discard: Option<bool>,
    /// The best verdict that can come of it.
    pub at_best: Verdict,
    /// What would stay of it, or could not be shown to be gone, and why.
    pub stays: Vec<Skipped>,
}

impl Plan {
    /// Looks at what `policy` would do on this machine. Whether a tree is a mount's root is among it: see
    /// [`Plan::mount_roots`].
    ///
    /// # Errors
    /// What the system says if `/proc` cannot be read.
    pub fn of(policy: Option<&Policy>, state: &Path) -> std::io::Result<Self> {
        let volume = policy.and_then(|policy| policy.volume.as_ref()).map(|volume| VolumePlan {
            mount: volume.mount.path.clone(),
            mounted: root::is_mount_point(&volume.mount.path),
            kinds: volume.kinds.clone(),
        });
        Ok(Self {
            policy: policy.map(Policy::reference),
            trees: policy.map_or_else(Vec::new, |policy| {
                policy.work.trees.iter().map(|tree| tree_plan(&tree.path, policy, state)).collect()
            }),
            keeps: policy.map_or_else(Vec::new, |policy| {
                policy.work.keep.iter().map(|place| place.path.clone()).collect()
            }),
            spots: places::look(policy),
            volume,
            machine: Machine::look()?,
        })
    }

    /// Trees that are a mount's root here, for [`Policy::against_mounts`].
    #[must_use]
    pub fn mount_roots(&self) -> Vec<PathBuf> {
        let is_root = |tree: &&TreePlan| {
            matches!(&tree.fate, Fate::Refused(Refused { refusal: Refusal::MountPoint, .. }))
        };
        self.trees.iter().filter(is_root).map(|tree| tree.path.clone()).collect()
    }

    /// Whether all that the plan is about could be looked at. A policy that names nothing leaves nothing open.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let looked_at = |tree: &TreePlan| match &tree.fate {
            Fate::Goes(_) | Fate::Absent => true,
            Fate::Refused(_) => false,
        };
        self.trees.iter().all(looked_at) && self.spots.iter().all(|spot| spot.found != Found::Unknown)
    }
}

/// As [`run`](crate::run) will judge it.
fn tree_plan(path: &Path, policy: &Policy, state: &Path) -> TreePlan {
    let fate = match run::one(path, policy, state) {
        Ok(None) => Fate::Absent,
        Err(refused) => Fate::Refused(refused),
        Ok(Some(root)) => Fate::Goes(going(&[root])),
    };
    TreePlan { path: path.to_path_buf(), fate }
}

/// One judged tree.
fn going(roots: &[Root]) -> Going {
    let Survey { files, bytes, mut skipped } = Survey::of(roots);
    let (mut filesystem, mut discard) = (String::new(), None);
    for root in roots {
        let outlook = Outlook::of(root);
        skipped.merge(outlook.limits);
        (filesystem, discard) = (outlook.filesystem, outlook.discard);
    }
    let at_best = if skipped.is_empty() { Verdict::Pass } else { Verdict::Partial };
    Going { files, bytes, filesystem, discard, at_best, stays: skipped.into_skipped() }
}
