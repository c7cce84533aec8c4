//! One opening of the work volume, written down durably before its key exists, so that it ends in exactly one receipt.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hanare_host::swap::SwapKind;
use hanare_host::{Deed, files};
use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use super::error::VolumeError;
use super::medium::{self, KeyState};
use super::twin;
use super::{Places, place, read_json};
use crate::boot::BootId;
use crate::outcome::{Outcome, Skipped};
use crate::policy::Policy;
use crate::receipt::{Cause, WipeId};
use crate::records;

const FILE: &str = "opening.json";

/// One opening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    version: u32,
    /// Names it, and the receipt that ends it.
    pub id: WipeId,
    /// The boot that its key exists in.
    pub boot_id: BootId,
    /// When, by the machine's clock.
    pub opened: Timestamp,
    /// What was opened.
    pub definition: Definition,
    /// Where it is shown.
    pub mountpoint: PathBuf,
    /// Directories that were bound onto it.
    pub confined: Vec<PathBuf>,
    /// Swap areas that were taken out of use for it, to be put back.
    pub swap_before: Vec<PathBuf>,
    /// Their priorities, where somebody had set one.
    #[serde(default)]
    pub(super) swap_priorities: BTreeMap<PathBuf, i32>,
    /// Swap stays as it is: a policy says so.
    #[serde(default)]
    pub(super) keeps_swap: bool,
    /// The swap area that was put in their place.
    pub swap_made: Option<MadeSwap>,
    /// Settings of the machine that were changed for it, to be put back.
    pub settings: Vec<Setting>,
    /// The file system's device number, once it is mounted.
    pub device: Option<u64>,
    /// Whether everything that was asked for is in place: one that is not is ended by the next settling.
    #[serde(default = "is_ready")]
    pub(super) ready: bool,
    /// How often ending it was interrupted.
    pub interruptions: u32,
    /// When ending it began.
    pub ending: Option<Timestamp>,
    /// The text of the policy that it was opened by: where the power ends it, that says what else was work.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// The text of the policy that it is ended by, whose leftovers end under the same receipt.
    #[serde(default)]
    pub(crate) order: Option<String>,
    /// What of it was not as demanded, told before its end began: that changes what there is to be told.
    #[serde(default)]
    pub(super) short: Option<Vec<Skipped>>,
    /// What came of ending it, once that is known.
    #[serde(default)]
    pub ended: Option<End>,
    /// Whether its receipt is written, and says that it can still be read: until it cannot, it is not forgotten.
    #[serde(default)]
    pub(super) receipted: bool,
}

/// What came of ending an opening: what its receipt says, whoever comes to write that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// When it had ended.
    pub at: Timestamp,
    /// What it was for.
    pub cause: Cause,
    /// What came of it.
    pub outcome: Outcome,
}

/// What whoever ends an opening knows of it beforehand, for the receipt, whoever comes to write that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// What it is for.
    pub cause: Cause,
    /// Versions that neither headquarters nor the reserve holds.
    pub lost: u64,
    /// Items that are sealed and wait.
    pub sealed: u64,
}

/// The policy that an opening is ended by.
#[derive(Debug)]
pub(super) struct Order {
    /// The policy, if there is one that can be read.
    pub(super) policy: Option<Policy>,
    /// Whether it was given only now.
    pub(super) is_new: bool,
    /// Whether one was noted that this program cannot read, such as one for another version of it.
    pub(super) is_unreadable: bool,
}

/// Records that do not say so were written when nobody looked.
const fn is_ready() -> bool {
    true
}

/// A swap area of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeSwap {
    /// Where.
    pub path: PathBuf,
    /// What it is.
    pub kind: SwapKind,
}

/// A setting as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Where.
    pub path: PathBuf,
    /// Its content; `None` if there was no such file.
    pub before: Option<String>,
}

impl Opening {
    /// A new one.
    pub(super) fn new(
        id: WipeId,
        boot_id: BootId,
        opened: Timestamp,
        definition: Definition,
        mountpoint: &Path,
    ) -> Self {
        Self {
            version: 1,
            id,
            boot_id,
            opened,
            definition,
            mountpoint: mountpoint.to_owned(),
            confined: Vec::new(),
            swap_before: Vec::new(),
            swap_priorities: BTreeMap::new(),
            keeps_swap: false,
            swap_made: None,
            settings: Vec::new(),
            device: None,
            ready: false,
            interruptions: 0,
            ending: None,
            policy: None,
            order: None,
            short: None,
            ended: None,
            receipted: false,
        }
    }

    /// What devices of ours are called; the kernel's names are for everybody to see.
    pub(super) fn name(&self) -> String {
        let id = self.id.to_string();
        format!("hanare-{}", id.get(..12).unwrap_or(&id))
    }

    /// Where the file system below is mounted, if that is not the mount point itself: out of everybody's sight.
    pub(super) fn below(&self, runtime: &Path) -> PathBuf {
        runtime.join("wipe").join(self.name())
    }

    /// Where its canaries are written down.
    pub(super) fn canaries(&self, runtime: &Path) -> PathBuf {
        self.below(runtime).with_extension("canaries")
    }

    fn mark(&self, runtime: &Path) -> PathBuf {
        self.below(runtime).with_extension("ending")
    }

    fn announced(&self, runtime: &Path) -> PathBuf {
        self.below(runtime).with_extension("announced")
    }

    /// Keeps what is known before the end: in memory, as the mark is, and as durable as the boot that it is about.
    pub(super) fn announce(&self, runtime: &Path, announced: &Announced) -> io::Result<()> {
        let path = self.announced(runtime);
        let new = path.with_extension("announcing");
        fs::write(&new, serde_json::to_vec(announced)?)?;
        fs::rename(new, path)
    }

    /// What was announced before this end, or before the one that was interrupted.
    pub(super) fn announcement(&self, runtime: &Path) -> Option<Announced> {
        serde_json::from_slice(&fs::read(self.announced(runtime)).ok()?).ok()
    }

    /// Marks it as being ended, so that whoever comes after this process goes on. In memory: a disk that stalls must not keep
    /// the key alive, and a reboot ends it anyhow.
    pub(super) fn begin_ending(&self, runtime: &Path) -> io::Result<()> {
        let mark = self.mark(runtime);
        let new = mark.with_extension("new");
        fs::write(&new, self.order.as_deref().unwrap_or_default())?;
        fs::rename(new, mark)
    }

    /// Takes the policy that it is ended by: one that was noted before, here or in the mark, stands. Where the power has ended it
    /// before anybody could, that is the one that it was opened by.
    pub(super) fn order_by(&mut self, given: Option<&Policy>, runtime: &Path, is_here: bool) -> Order {
        let mark = self.mark(runtime);
        let marked = || fs::read_to_string(mark).ok().filter(|text| !text.is_empty());
        let ordered = self.order.take().or_else(marked);
        let is_owed = ordered.is_none() && !is_here && self.policy.is_some();
        let noted = if is_owed { self.policy.clone() } else { ordered };
        let read: Option<Policy> = noted.as_deref().and_then(|text| text.parse().ok());
        let is_unreadable = noted.is_some() && read.is_none();
        let is_new = is_owed || read.is_none() && given.is_some();
        let policy = read.or_else(|| given.cloned());
        self.order = policy.as_ref().map(|policy| policy.text.clone()).or(noted);
        Order { policy, is_new, is_unreadable }
    }

    /// Whether somebody has begun to end it.
    pub(super) fn is_ending(&self, runtime: &Path) -> bool {
        self.ending.is_some() || self.mark(runtime).exists()
    }

    /// Writes it down, durably, and once more in memory for as long as its key can live: whatever becomes of the disk, it is found.
    pub(super) fn save(&self, places: Places<'_>) -> Result<(), VolumeError> {
        let path = place(places.state).join(FILE);
        let text =
            serde_json::to_vec(self).map_err(|source| VolumeError::Damaged { path: path.clone(), source })?;
        let written = records::write(places.state, &path, &text).map_err(VolumeError::io(Deed::Write, &path));
        // Also where the disk took nothing: then only this knows how far it has come.
        if let Err(error) = twin::write(places, &text) {
            tracing::warn!(%error, "the opening is on the disk only");
        }
        written
    }

    /// The opening that has not ended. Where its record cannot be read, or is gone, or is older than what is in memory, that counts.
    pub(super) fn load(places: Places<'_>) -> Result<Option<Self>, VolumeError> {
        let record: Result<Option<Self>, VolumeError> = read_json(&place(places.state).join(FILE));
        let Some(twin) = twin::read(places) else { return record };
        let is_newer = match &record {
            Ok(Some(opening)) => opening.id == twin.id && opening.progress() < twin.progress(),
            // Forgotten by somebody who has another runtime directory, unless there is something to be ended.
            Ok(None) => twin.is_there(places.runtime),
            Err(_) => true,
        };
        if is_newer {
            tracing::warn!(error = ?record.err(), "the opening's record on the disk is not the last one");
            return Ok(Some(twin));
        }
        record
    }

    /// How far it has come.
    fn progress(&self) -> (bool, bool, bool, bool, usize, usize) {
        let (ended, ending) = (self.ended.is_some(), self.ending.is_some());
        (self.receipted, ended, ending, self.ready, self.settings.len(), self.confined.len())
    }

    /// Whether anything of it is to be seen, or a key of it is not known to be gone.
    fn is_there(&self, runtime: &Path) -> bool {
        let key = medium::of(&self.definition, runtime).key(self);
        super::is_open(self) || !key.is_ok_and(|state| state == KeyState::Gone)
    }

    /// Forgets it: its receipt is written.
    pub(super) fn forget(&self, places: Places<'_>) -> Result<(), VolumeError> {
        // First what is looked at last: a crash in between must not bring it back.
        twin::remove(places).map_err(VolumeError::io(Deed::Remove, places.runtime))?;
        let path = place(places.state).join(FILE);
        files::remove(&path).map(drop).map_err(VolumeError::io(Deed::Remove, &path))?;
        let runtime = places.runtime;
        for path in [self.canaries(runtime), self.mark(runtime), self.announced(runtime)] {
            // Each has a name of its own and is in memory: one that stays misleads nobody.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}
