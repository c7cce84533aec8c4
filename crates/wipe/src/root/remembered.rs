//! A tree that is remembered until its receipt is written, beyond a crash and a reboot: where it was, and what.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use hanare_host::mounts::{self, Mount};
use hanare_host::storage;
use rustix::fs::{Mode, StatxFlags, fstatvfs, openat2};
use serde::{Deserialize, Serialize};

use super::bounds::BENEATH;
use super::{READ, Refusal, Root, descend, identity_of, look, open};

/// A tree: its path as bytes in hexadecimal (paths need not be UTF-8), and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    path: String,
    device: u64,
    /// What its file system calls itself: the device below can have another number at the next boot. Records from before that was
    /// noted have none.
    #[serde(default)]
    filesystem: Option<Filesystem>,
    inode: u64,
    /// What tells it from another directory with the same number: file systems use the numbers of removed ones again. Records
    /// from before that was noted have none.
    #[serde(default)]
    made: Option<Made>,
    /// Whether it is removed: what has its name since is somebody else's.
    #[serde(default)]
    removed: bool,
}

/// When a directory was made, to the nanosecond, or how the file system counts the users of its number; whatever it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    at: Option<(i64, u32)>,
    generation: Option<u32>,
}

/// What a file system calls itself; whatever it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filesystem {
    uuid: Option<String>,
    /// The kernel's name for it, unless that is made of the device's number.
    id: Option<u64>,
}

/// What became of a remembered tree.
#[derive(Debug)]
pub(crate) enum Again {
    /// It is there.
    Same(Box<Root>),
    /// It is there no more; the directory that it was in is.
    Gone(Box<Place>),
    /// Something else is there, not to be touched: in the same directory, or what is around it changed too.
    Other(Option<Box<Place>>),
}

/// The directory that a tree was in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) parent: OwnedFd,
    pub(crate) mount: Mount,
    pub(crate) device: u64,
}

impl Remembered {
    pub(crate) fn of(root: &Root) -> Self {
        Self {
            path: hex::encode(root.path.as_os_str().as_bytes()),
            device: root.identity.device,
            filesystem: Some(Filesystem::of(&root.top, root.identity.device)),
            inode: root.identity.inode,
            made: Some(Made::of(&root.top)),
            removed: false,
        }
    }

    /// Whether it was where `root` was opened: no two trees of a wipe have the same path.
    pub(crate) fn was_at(&self, root: &Root) -> bool {
        self.path == hex::encode(root.path.as_os_str().as_bytes())
    }

    /// Notes that it is removed.
    pub(crate) fn remove(&mut self) {
        self.removed = true;
    }

    /// Opens it again, if it is still the same one.
    pub(crate) fn again(&self) -> Again {
        let Ok(path) = hex::decode(&self.path).map(OsString::from_vec).map(PathBuf::from) else {
            return Again::Other(None);
        };
        let place = || self.place(&path).map(Box::new);
        if self.removed {
            return place().map_or(Again::Other(None), Again::Gone);
        }
        match open(path.as_os_str()) {
            Ok((root, _)) if self.is(&root) => Again::Same(Box::new(root)),
            Err(Refusal::Absent) => place().map_or(Again::Other(None), Again::Gone),
            Ok(_) | Err(_) => Again::Other(place()),
        }
    }

    fn is(&self, root: &Root) -> bool {
        let same = root.identity.inode == self.inode && self.is_on(&root.top, root.identity.device);
        same && self.made.is_none_or(|made| made == Made::of(&root.top))
    }

    fn place(&self, path: &Path) -> Option<Place> {
        let (parent, _) = descend(path.parent()?).ok()?;
        let seen = look(&parent, c"").ok()?;
        let parent = openat2(&parent, c".", READ, Mode::empty(), BENEATH).ok()?;
        let mount = mounts::by_id(seen.stx_mnt_id).ok()??;
        let device = identity_of(&seen).device;
        self.is_on(&parent, device).then_some(Place { parent, mount, device })
    }

    /// Whether an open directory is on the file system that it was on.
    fn is_on(&self, directory: &OwnedFd, device: u64) -> bool {
        let now = Filesystem::of(directory, device);
        let known = self.filesystem.as_ref().and_then(|before| before.is(&now));
        known.unwrap_or(device == self.device)
    }
}

impl Filesystem {
    fn of(directory: &OwnedFd, device: u64) -> Self {
        let uuid = storage::uuid(directory).ok().map(hex::encode);
        let id = fstatvfs(directory).ok().map(|told| told.f_fsid);
        Self { uuid, id: id.filter(|id| *id != 0 && *id != storage::encoded(device)) }
    }

    /// Whether both are the same; `None` if they have nothing in common that tells.
    fn is(&self, other: &Self) -> Option<bool> {
        let same = |one: Option<bool>, other: Option<bool>| match (one, other) {
            (Some(one), Some(other)) => Some(one && other),
            (one, other) => one.or(other),
        };
        let uuid = self.uuid.as_ref().zip(other.uuid.as_ref()).map(|(one, other)| one == other);
        let id = self.id.zip(other.id).map(|(one, other)| one == other);
        same(uuid, id)
    }
}

impl Made {
    fn of(directory: &OwnedFd) -> Self {
        let seen = look(directory, c"").ok();
        let seen = seen.filter(|seen| seen.stx_mask & StatxFlags::BTIME.bits() != 0);
        Self {
            at: seen.map(|seen| (seen.stx_btime.tv_sec, seen.stx_btime.tv_nsec)),
            generation: storage::generation(directory).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(tree: &Path) -> Root {
        Root::judge(&[tree.as_os_str().to_owned()], Path::new("/nonexistent")).unwrap().remove(0)
    }

    #[test]
    fn a_tree_that_was_replaced_is_another_one() {
        let place = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        let tree = place.join("tree");
        std::fs::create_dir(&tree).unwrap();
        let remembered = Remembered::of(&judged(&tree));
        assert!(matches!(remembered.again(), Again::Same(_)));
        std::fs::create_dir(place.join("other")).unwrap();
        std::fs::remove_dir(&tree).unwrap();
        assert!(matches!(remembered.again(), Again::Gone(_)));
        std::fs::rename(place.join("other"), &tree).unwrap();
        assert!(matches!(remembered.again(), Again::Other(Some(_))));
    }

    #[test]
    fn a_file_system_is_known_by_its_own_name_not_by_the_device() {
        let named = |uuid: Option<&str>, id| Filesystem { uuid: uuid.map(str::to_owned), id };
        let before = named(Some("a"), Some(1));
        assert_eq!(before.is(&named(Some("a"), Some(1))), Some(true));
        // A snapshot has the same UUID.
        assert_eq!(before.is(&named(Some("a"), Some(2))), Some(false));
        assert_eq!(before.is(&named(Some("b"), Some(1))), Some(false));
        // A kernel that tells less.
        assert_eq!(before.is(&named(None, Some(1))), Some(true));
        assert_eq!(before.is(&named(None, None)), None);
    }

    #[test]
    fn what_has_the_name_and_the_number_of_a_removed_tree_is_another_one() {
        let place = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        let tree = place.join("tree");
        std::fs::create_dir(&tree).unwrap();
        let remembered = Remembered::of(&judged(&tree));
        std::fs::remove_dir(&tree).unwrap();
        // Time stamps can be as coarse as a tick of the kernel.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::create_dir(&tree).unwrap();
        let mut as_number = Remembered::of(&judged(&tree));
        as_number.made = remembered.made;
        assert!(matches!(as_number.again(), Again::Other(Some(_))), "{as_number:?}");
        // Records that know no more go by the number.
        as_number.made = None;
        assert!(matches!(as_number.again(), Again::Same(_)));
        as_number.remove();
        assert!(matches!(as_number.again(), Again::Gone(_)));
    }
}
