//! Taking names away, once what they name is overwritten: first everything but directories, then directories from the
//! deepest upward.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, OFlags, ioctl_setflags, unlinkat};
use rustix::io::Errno;

use super::crew::{Batch, spread};
use super::links::Links;
use super::scrub::soften;
use super::walk::{Entry, FILE, Visit, walk};
use crate::outcome::{SkipKind, Tally};
use crate::root::{Bounds, Root, look};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Things removed, directories not counted.
    pub(super) files: u64,
    pub(super) directories: u64,
    /// What would not go.
    pub(super) left: Tally,
}

/// Removes what is in the tree, as far as it goes; the root's own directory stays.
pub(super) fn contents(root: &Root, links: &Links) -> Removed {
    let followed = !links.is_empty();
    let each = |kept: &mut Removed, batch: Batch| {
        for entry in &batch.entries {
            remove(kept, &batch.directory, entry, followed.then_some(links), root.bounds);
        }
    };
    let (kept, _counted_below) = spread(root, each, |_| {});
    let mut removed = Removed::default();
    for kept in kept {
        removed.files += kept.files;
        removed.left.merge(kept.left);
    }
    let mut upward = Upward::default();
    let left = walk(&root.top, root.bounds, &mut upward);
    removed.left.merge(left);
    removed.directories = upward.directories;
    removed
}

fn remove(
    kept: &mut Removed,
    directory: &Arc<OwnedFd>,
    entry: &Entry,
    links: Option<&Links>,
    bounds: Bounds,
) {
    let held =
        links.filter(|_| entry.kind == FileType::RegularFile).and_then(|links| links.hold(entry.inode));
    if let Some(mut held) = held {
        // Held until the name is gone, so that nobody else takes the last but one away meanwhile.
        match look(directory, &entry.name) {
            Ok(seen) if seen.stx_nlink == 1 && seen.stx_ino == entry.inode && !held.is_done(entry.inode) => {
                // The only name anywhere: it waits to be overwritten in the next round.
                held.is_ours(entry.inode);
                return;
            }
            seen => {
                if seen.is_ok_and(|seen| seen.stx_nlink > 1 && seen.stx_ino == entry.inode) {
                    held.has_others(entry.inode);
                }
                take(kept, directory, &entry.name, bounds);
            }
        }
        return;
    }
    take(kept, directory, &entry.name, bounds);
}

fn take(kept: &mut Removed, directory: &Arc<OwnedFd>, name: &CString, bounds: Bounds) {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) => kept.files += 1,
        // Gone, or a directory by now: the next round sees it as one.
        Err(Errno::NOENT | Errno::ISDIR) => {}
        Err(Errno::BUSY) => kept.left.add(SkipKind::Mount, "mounted-inside", 1),
        Err(Errno::PERM) => match take_softened(directory, name, bounds) {
            Ok(()) => kept.files += 1,
            Err(Errno::NOENT) => {}
            Err(_) => kept.left.add(SkipKind::IoError, "not-removed", 1),
        },
        Err(error) => {
            tracing::debug!(%error, "a name cannot be removed");
            kept.left.add(SkipKind::IoError, "not-removed", 1);
        }
    }
}

/// Removes a name that flags protect. A file that goes on elsewhere gets its flags back.
fn take_softened(directory: &Arc<OwnedFd>, name: &CStr, bounds: Bounds) -> Result<(), Errno> {
    soften(directory);
    let file = bounds.open(directory, name, FILE | OFlags::RDONLY).ok();
    let had = file.as_ref().and_then(soften);
    let gone = unlinkat(directory, name, AtFlags::empty());
    if let (Some(file), Some(had)) = (file, had)
        && rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_nlink > 0)
    {
        // Its other names are outside, where nothing changes.
        let _ = ioctl_setflags(&file, had);
    }
    gone
}

#[derive(Debug, Default)]
struct Upward {
    directories: u64,
}

impl Visit for Upward {
    fn enter(&mut self, _: &Arc<OwnedFd>) {}

    fn batch(&mut self, _: &Arc<OwnedFd>, _: Vec<Entry>) {}

    fn leave(&mut self, parent: &Arc<OwnedFd>, name: &CString) {
        // What is not empty stays, and is seen in the next round.
        if unlinkat(parent, name, AtFlags::REMOVEDIR).is_ok() {
            self.directories += 1;
        }
    }
}

/// Removes the emptied root itself; whether it is gone.
pub(super) fn top(root: &Root) -> bool {
    let still_it =
        look(&root.parent, &root.name).is_ok_and(|seen| crate::root::identity_of(&seen) == root.identity);
    still_it && unlinkat(&root.parent, &root.name, AtFlags::REMOVEDIR).is_ok()
}
