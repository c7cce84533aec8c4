//! What the system needs, recognised by more than its name: a bind mount gives a directory another one.

use std::path::{Path, PathBuf};

use hanare_host::mounts::{self, Mount};

use super::{Identity, descend, look};
use crate::system::{directories, is_all_system};

/// What those directories are: a bind mount gives them other names.
pub(super) fn identities() -> Vec<Identity> {
    directories().filter_map(|directory| descend(directory).ok()?.1.last().copied()).collect()
}

/// Where something lies: its file system's device, as mounts are listed, and what that file system calls it. A bind mount changes
/// neither.
pub(crate) fn lies_at(path: &Path, mounts: &[Mount]) -> Option<(u64, PathBuf)> {
    let (directory, _) = descend(path).ok()?;
    let id = look(&directory, c"").ok()?.stx_mnt_id;
    let mount = mounts.iter().find(|mount| mount.id == id)?;
    Some((mount.device, mount.on_it(path)?))
}

/// Whether something seen at `path` through `mount` is in one of the directories that are the system's with all below, whatever
/// they are called there.
pub(super) fn holds(mount: &Mount, path: &Path) -> bool {
    let Some(own) = mount.on_it(path) else { return false };
    let mounts = mounts::list().unwrap_or_default();
    let mut theirs = directories().filter(|directory| is_all_system(directory));
    theirs.any(|directory| {
        lies_at(directory, &mounts)
            .is_some_and(|(device, theirs)| device == mount.device && own.starts_with(theirs))
    })
}
