//! The pending marker: what a wipe is about to destroy, durable before it does, until its receipt is written.
//!
//! It is the only place where the path of a tree is kept, and no name inside a tree ever is.

use std::io;
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files};
use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::boot::BootId;
use crate::erase::{Diary, Setting};
use crate::outcome::{Skipped, Tally};
use crate::policy::Policy;
use crate::receipt::{Cause, Ending, WipeId};
use crate::records;
use crate::root::{Remembered, Root};

/// The version that this code writes and reads.
const FORMAT: u32 = 1;

/// Whoever erases holds it.
pub(crate) const LOCK: &str = "erase.lock";

/// Why the marker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// It could not be read or written.
    #[error("{path}: {action} failed")]
    Io {
        /// What was tried.
        action: Deed,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("{path} is damaged, or written by a newer hanare")]
    Damaged {
        /// The marker.
        path: PathBuf,
    },
    /// Another process erases.
    #[error("{path} is held by another process")]
    Held {
        /// The directory.
        path: PathBuf,
    },
}

/// How far the wipe had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    /// Contents are overwritten; every name is still there.
    Overwriting,
    /// Names go.
    Removing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    format: u32,
    id: WipeId,
    started: Timestamp,
    boot_id: BootId,
    cause: Cause,
    interruptions: u32,
    stage: Stage,
    trees: Vec<Remembered>,
    /// What had been left out when names began to go, and how much was overwritten by then.
    skipped: Vec<Skipped>,
    bytes: u64,
    /// Settings of the machine that are changed at the moment.
    setting: Option<Setting>,
    /// The text of the policy that is followed.
    #[serde(default)]
    policy: Option<String>,
    /// The work volume that ended before these trees, under the same receipt.
    #[serde(default)]
    volume: Option<Ending>,
    /// Trees of the policy that were not there.
    #[serde(default)]
    absent: u64,
}

/// What a wipe by policy has come to before its trees are begun.
#[derive(Debug)]
pub(crate) struct Ordered<'a> {
    /// What it follows.
    pub(crate) policy: &'a Policy,
    /// The work volume's end, which goes on under its own id.
    pub(crate) volume: Option<&'a Ending>,
    /// What was left out so far.
    pub(crate) skipped: Tally,
    /// Trees of the policy that are not there.
    pub(crate) absent: u64,
}

/// A wipe that was begun and has no receipt yet; nobody else erases while this is held.
#[derive(Debug)]
pub struct Pending {
    state: PathBuf,
    path: PathBuf,
    marker: Marker,
    _lock: std::fs::File,
}

fn failed(action: Deed, path: &Path) -> impl FnOnce(io::Error) -> PendingError {
    let path = path.to_path_buf();
    move |source| PendingError::Io { action, path, source }
}

/// Holds the state directory's part for wipes.
fn hold(state: &Path) -> Result<(PathBuf, std::fs::File), PendingError> {
    let folder = state.join("wipe");
    files::create_private_directory(&folder).map_err(failed(Deed::Create, &folder))?;
    match files::lock(&folder, LOCK) {
        Ok(lock) => Ok((folder.join("pending.json"), lock)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(PendingError::Held { path: folder }),
        Err(error) => Err(failed(Deed::Lock, &folder)(error)),
    }
}

impl Pending {
    /// Whether a wipe was interrupted below this state directory, without holding anything.
    ///
    /// # Errors
    /// [`PendingError::Io`] if nobody can tell: then nobody is told that none was.
    pub fn is_there(state: &Path) -> Result<bool, PendingError> {
        let path = state.join("wipe/pending.json");
        path.try_exists().map_err(failed(Deed::Read, &path))
    }

    /// How many trees an interrupted wipe owes; `None` if there is none. Changes nothing.
    ///
    /// # Errors
    /// See [`PendingError`].
    pub fn count(state: &Path) -> Result<Option<usize>, PendingError> {
        let path = state.join("wipe/pending.json");
        if !Self::is_there(state)? {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(failed(Deed::Read, &path))?;
        let marker: Option<Marker> = serde_json::from_slice(&text).ok();
        let marker = marker.filter(|marker| marker.format == FORMAT).ok_or(PendingError::Damaged { path })?;
        Ok(Some(marker.trees.len()))
    }

    /// Which wipe was interrupted below this state directory. A marker that cannot be read says nothing here: it is asked for
    /// before a key goes, which must not wait for that.
    pub(crate) fn id_of(state: &Path) -> Option<WipeId> {
        let text = std::fs::read(state.join("wipe/pending.json")).ok()?;
        serde_json::from_slice::<Marker>(&text).ok().map(|marker| marker.id)
    }

    /// Notes a wipe of these trees, durably. `None` if another one was interrupted: that comes first.
    ///
    /// # Errors
    /// See [`PendingError`]; nothing is noted then.
    pub(crate) fn begin(
        state: &Path,
        roots: &[Root],
        cause: Cause,
        ordered: Option<Ordered<'_>>,
        now: Timestamp,
    ) -> Result<Option<Self>, PendingError> {
        let (path, lock) = hold(state)?;
        if path.try_exists().map_err(failed(Deed::Read, &path))? {
            return Ok(None);
        }
        let random =
            |source| PendingError::Io { action: Deed::Read, path: PathBuf::from("/dev/random"), source };
        let mut marker = Marker {
            format: FORMAT,
            id: WipeId::random().map_err(random)?,
            started: now,
            boot_id: BootId::current()
                .map_err(failed(Deed::Read, Path::new("/proc/sys/kernel/random/boot_id")))?,
            cause,
            interruptions: 0,
            stage: Stage::Overwriting,
            trees: roots.iter().map(Remembered::of).collect(),
            skipped: Vec::new(),
            bytes: 0,
            setting: None,
            policy: None,
            volume: None,
            absent: 0,
        };
        if let Some(Ordered { policy, volume, skipped, absent }) = ordered {
            marker.absent = absent;
            marker.policy = Some(policy.text.clone());
            marker.skipped = skipped.into_skipped();
            if let Some(ending) = volume {
                marker.id = ending.id;
                marker.started = ending.started;
                marker.boot_id = ending.boot_id;
                marker.cause = ending.cause;
                marker.interruptions = ending.interruptions;
                marker.volume = Some(ending.clone());
            }
        }
        let pending = Self { state: state.to_owned(), path, marker, _lock: lock };
        pending.write().map_err(failed(Deed::Write, &pending.path))?;
        Ok(Some(pending))
    }

    /// Takes up the interrupted wipe, if there is one, and puts back what it had changed on the machine.
    ///
    /// # Errors
    /// See [`PendingError`].
    pub fn take_up(state: &Path) -> Result<Option<Self>, PendingError> {
        if !Self::is_there(state)? {
            return Ok(None);
        }
        let (path, lock) = hold(state)?;
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(Deed::Read, &path)(error)),
        };
        let marker: Option<Marker> = serde_json::from_slice(&text).ok();
        let mut marker = marker
            .filter(|marker| marker.format == FORMAT && marker.policy.as_deref().is_none_or(is_policy))
            .ok_or_else(|| PendingError::Damaged { path: path.clone() })?;
        marker.interruptions = marker.interruptions.saturating_add(1);
        if let Some(setting) = marker.setting.take() {
            setting.put_back();
        }
        let pending = Self { state: state.to_owned(), path, marker, _lock: lock };
        pending.write().map_err(failed(Deed::Write, &pending.path))?;
        Ok(Some(pending))
    }

    /// The wipe is done and has its receipt.
    ///
    /// # Errors
    /// See [`PendingError`]; the next resume comes to the same end.
    pub fn finish(self) -> Result<(), PendingError> {
        files::remove(&self.path).map_err(failed(Deed::Remove, &self.path))?;
        records::stock(&self.state);
        Ok(())
    }

    /// Which wipe.
    #[must_use]
    pub fn id(&self) -> WipeId {
        self.marker.id
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.marker.started
    }

    /// In which boot it began.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        self.marker.boot_id
    }

    /// What it was for.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.marker.cause
    }

    /// How often it was interrupted.
    #[must_use]
    pub fn interruptions(&self) -> u32 {
        self.marker.interruptions
    }

    /// The policy that is followed.
    pub(crate) fn policy(&self) -> Option<Policy> {
        self.marker.policy.as_deref().and_then(|text| text.parse().ok())
    }

    /// The work volume's end before these trees.
    pub(crate) fn volume(&self) -> Option<&Ending> {
        self.marker.volume.as_ref()
    }

    /// Trees of the policy that were not there.
    pub(crate) fn absent(&self) -> u64 {
        self.marker.absent
    }

    /// Whether names had begun to go.
    pub(crate) fn was_removing(&self) -> bool {
        self.marker.stage == Stage::Removing
    }

    /// What had been seen when names began to go.
    pub(crate) fn seen(&self) -> (&[Skipped], u64) {
        (&self.marker.skipped, self.marker.bytes)
    }

    /// The trees.
    pub(crate) fn trees(&self) -> &[Remembered] {
        &self.marker.trees
    }

    fn write(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.marker)?;
        records::write(&self.state, &self.path, &bytes)
    }
}

fn is_policy(text: &str) -> bool {
    text.parse::<Policy>().is_ok()
}

impl Diary for Pending {
    fn removing(&mut self, skipped: &Tally, bytes: u64) -> io::Result<()> {
        // What an interrupted run had seen is not forgotten: names of it may be gone by now.
        let mut all = Tally::from_skipped(&self.marker.skipped);
        all.merge_most(skipped);
        self.marker.skipped = all.into_skipped();
        self.marker.bytes = self.marker.bytes.max(bytes);
        self.marker.stage = Stage::Removing;
        self.write()
    }

    fn removed(&mut self, root: &Root) -> io::Result<()> {
        self.marker.trees.iter_mut().filter(|tree| tree.was_at(root)).for_each(Remembered::remove);
        self.write()
    }

    fn setting(&mut self, setting: Option<&Setting>) -> io::Result<()> {
        self.marker.setting = setting.cloned();
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_cannot_be_looked_at_are_not_taken_for_none() {
        let state = tempfile::tempdir().unwrap();
        assert!(!Pending::is_there(state.path()).unwrap());
        assert!(Pending::take_up(state.path()).unwrap().is_none());
        std::os::unix::fs::symlink("wipe", state.path().join("wipe")).unwrap();
        assert!(matches!(Pending::is_there(state.path()), Err(PendingError::Io { .. })));
        assert!(matches!(Pending::take_up(state.path()), Err(PendingError::Io { .. })));
        std::fs::remove_file(state.path().join("wipe")).unwrap();
        // The marker alone.
        std::fs::create_dir(state.path().join("wipe")).unwrap();
        std::os::unix::fs::symlink("pending.json", state.path().join("wipe/pending.json")).unwrap();
        let begun = Pending::begin(state.path(), &[], Cause::Command, None, Timestamp::from_seconds(0));
        assert!(matches!(begun, Err(PendingError::Io { .. })));
    }
}
