//! What undoing a confinement could not put back. It is owed until the machine restarts, which puts all of it back, and so is
//! written down in memory; every later opening and end tries again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files, swap};
use serde::{Deserialize, Serialize};

use super::error::VolumeError;
use super::opening::{MadeSwap, Opening, Setting};
use super::read_json;

/// What is to be put back.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owed {
    /// In the order in which they were changed.
    settings: Vec<Setting>,
    swap_made: Vec<MadeSwap>,
    /// With their priorities.
    swap_before: Vec<(PathBuf, Option<i32>)>,
}

fn place(runtime: &Path) -> PathBuf {
    runtime.join("wipe/owed.json")
}

impl Owed {
    /// What earlier openings of this boot have left.
    pub(super) fn load(runtime: &Path) -> Result<Self, VolumeError> {
        Ok(read_json(&place(runtime))?.unwrap_or_default())
    }

    /// And what this one has changed.
    pub(super) fn and(mut self, opening: &Opening) -> Self {
        for setting in &opening.settings {
            // The earlier one knows what it was before anything of ours.
            if self.original(&setting.path).is_none() {
                self.settings.push(setting.clone());
            }
        }
        self.swap_made.extend(opening.swap_made.clone());
        for path in &opening.swap_before {
            if self.swap_before.iter().all(|(known, _)| known != path) {
                self.swap_before.push((path.clone(), opening.swap_priorities.get(path).copied()));
            }
        }
        self
    }

    /// What a setting was before anything of ours, if that could not be put back.
    pub(super) fn original(&self, path: &Path) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.path == path)
    }

    /// Puts it back; what cannot be does not keep the rest from it, and stays owed.
    pub(super) fn put_back(mut self, runtime: &Path) -> Result<Self, VolumeError> {
        let mut first = Ok(());
        let mut stays = |outcome: Result<(), VolumeError>| {
            let failed = outcome.is_err();
            if first.is_ok() {
                first = outcome;
            }
            failed
        };
        self.settings.reverse();
        self.settings.retain(|setting| {
            let outcome = match &setting.before {
                Some(before) => fs::write(&setting.path, before),
                None => files::remove(&setting.path).map(drop),
            };
            stays(outcome.map_err(VolumeError::io(Deed::Write, &setting.path)))
        });
        self.settings.reverse();
        let areas = swap::areas()?;
        let in_use = |path: &Path| areas.iter().any(|area| area.path == *path);
        self.swap_made.retain(|made| {
            let off = if in_use(&made.path) { swap::off(&made.path) } else { Ok(()) };
            let removed = off.and_then(|()| swap::remove_zram(&made.path));
            made.path.exists() && stays(removed.map_err(VolumeError::from))
        });
        self.swap_before.retain(|(path, priority)| {
            !in_use(path) && stays(swap::on(path, *priority).map_err(VolumeError::from))
        });
        self.note(runtime)?;
        first.map(|()| self)
    }

    fn note(&self, runtime: &Path) -> Result<(), VolumeError> {
        let path = place(runtime);
        let noted = if *self == Self::default() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        } else {
            let text = serde_json::to_vec(self)
                .map_err(|source| VolumeError::Damaged { path: path.clone(), source })?;
            path.parent()
                .map_or(Ok(()), files::create_private_directory)
                .and_then(|()| files::write_atomic(&path, &text, 0o600))
        };
        noted.map_err(VolumeError::io(Deed::Write, &path))
    }
}
