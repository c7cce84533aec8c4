//! The checked type: a directory that may be erased. Nothing reaches the eraser except through it.

mod bounds;
mod hold;
mod refusal;
mod remembered;
mod system;

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use hanare_host::mounts::{self, Mount};
use hanare_host::storage;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, StatVfsMountFlags, Statx, StatxAttributes, StatxFlags,
    fstatvfs, openat2, statx,
};
use rustix::io::Errno;

use crate::system::is_system;

use bounds::BENEATH;
pub use bounds::Bounds;
pub(crate) use bounds::patient;
pub use refusal::{Refusal, Refused};
pub(crate) use remembered::{Again, Place, Remembered};
pub(crate) use system::lies_at;

/// Which directory it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Number of the device.
    pub device: u64,
    /// Number of the inode on it.
    pub inode: u64,
}

/// A directory that may be erased, held open.
#[derive(Debug)]
pub struct Root {
    /// The directory it is in.
    pub(crate) parent: OwnedFd,
    /// Itself.
    pub(crate) top: OwnedFd,
    /// Its name in there.
    pub(crate) name: CString,
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) mount: Mount,
    /// What keeps the eraser inside it.
    pub(crate) bounds: Bounds,
    /// What keeps a second wipe away.
    held: OnceLock<File>,
}

impl Root {
    /// Judges all of `paths` before anything is touched: either all may be erased, or none is.
    ///
    /// # Errors
    /// The first path that may not be erased, and why.
    pub fn judge(paths: &[OsString], state: &Path) -> Result<Vec<Self>, Refused> {
        let line = state_line(state)
            .map_err(|source| Refused { path: state.to_owned(), refusal: Refusal::Unreadable(source) })?;
        let mut roots: Vec<Self> = Vec::new();
        for path in paths {
            let refused = |refusal| Refused { path: PathBuf::from(path), refusal };
            let (root, above) = open(path).map_err(refused)?;
            if line.contains(&root.identity) {
                return Err(refused(Refusal::HoldsState));
            }
            if line.first().is_some_and(|state| above.contains(state)) {
                return Err(refused(Refusal::InsideState));
            }
            let overlap = roots
                .iter()
                .any(|other| root.path.starts_with(&other.path) || other.path.starts_with(&root.path));
            if overlap {
                return Err(refused(Refusal::Overlap));
            }
            roots.push(root);
        }
        Ok(roots)
    }

    /// The same with other guards; only a test's binary has any.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

pub(crate) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Looks at `name` in `directory` (or at `directory` itself, for an empty name) without asking a server and without mounting.
pub(crate) fn look(directory: &OwnedFd, name: &std::ffi::CStr) -> Result<Statx, Errno> {
    let mut flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    if name.is_empty() {
        flags |= AtFlags::EMPTY_PATH;
    }
    statx(directory, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID)
}

/// Whether something is mounted at this path; what cannot be looked at is not.
pub(crate) fn is_mount_point(path: &Path) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    statx(CWD, path, flags, StatxFlags::BASIC_STATS)
        .is_ok_and(|seen| seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

pub(crate) fn identity_of(seen: &Statx) -> Identity {
    Identity { device: storage::number(seen.stx_dev_major, seen.stx_dev_minor), inode: seen.stx_ino }
}

/// The directory behind a path, link by link: the last component's parent, and the identities of everything above.
fn descend(path: &Path) -> Result<(OwnedFd, Vec<Identity>), Refusal> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut here = openat2(CWD, c"/", flags, Mode::empty(), resolve).map_err(Refusal::from)?;
    let mut above = vec![identity_of(&look(&here, c"").map_err(Refusal::from)?)];
    for component in path.components() {
        if let Component::Normal(name) = component {
            here = openat2(&here, name, flags, Mode::empty(), resolve).map_err(Refusal::from)?;
            above.push(identity_of(&look(&here, c"").map_err(Refusal::from)?));
        }
    }
    Ok((here, above))
}

fn open(path: &OsStr) -> Result<(Root, Vec<Identity>), Refusal> {
    let (folder, name) = spelled(path)?;
    let (holder, above) = descend(&folder)?;
    let whole = folder.join(&name);
    let name = CString::new(name.into_vec()).map_err(|_| Refusal::Absent)?;
    let seen = look(&holder, &name).map_err(Refusal::from)?;
    let kind = rustix::fs::FileType::from_raw_mode(u32::from(seen.stx_mode));
    if kind == rustix::fs::FileType::Symlink {
        return Err(Refusal::Link);
    }
    if kind != rustix::fs::FileType::Directory {
        return Err(Refusal::NotADirectory);
    }
    let identity = identity_of(&seen);
    let knows_mounts = seen.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    if !knows_mounts || seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Err(Refusal::MountPoint);
    }
    if is_system(&whole) || system::identities().contains(&identity) {
        return Err(Refusal::System);
    }
    let mount = mounts::by_id(seen.stx_mnt_id).ok().flatten().ok_or(Refusal::MountPoint)?;
    if system::holds(&mount, &whole) {
        return Err(Refusal::System);
    }
    if hanare_model::filesystem::is_kernels_own(&mount.kind) {
        return Err(Refusal::System);
    }
    let top = openat2(&holder, &name, READ, Mode::empty(), BENEATH).map_err(Refusal::from)?;
    // What was judged is what was opened.
    if identity_of(&look(&top, c"").map_err(Refusal::from)?) != identity {
        return Err(Refusal::Changed);
    }
    let parent = openat2(&holder, c".", READ, Mode::empty(), BENEATH).map_err(Refusal::from)?;
    let read_only = fstatvfs(&top).is_ok_and(|told| told.f_flag.contains(StatVfsMountFlags::RDONLY));
    if read_only {
        return Err(Refusal::ReadOnly);
    }
    let bounds = Bounds::default();
    Ok((Root { parent, top, name, path: whole, identity, mount, bounds, held: OnceLock::new() }, above))
}

/// Takes a path as it was typed apart: the folder and the name.
fn spelled(path: &OsStr) -> Result<(PathBuf, OsString), Refusal> {
    let bytes = path.as_bytes();
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.first() != Some(&b'/') {
        return Err(Refusal::Relative);
    }
    let mut folder = PathBuf::from("/");
    let mut name: Option<OsString> = None;
    // Not `Path::components`, which forgets `.` in the middle.
    for part in bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        if part == b"." || part == b".." {
            return Err(Refusal::Dots);
        }
        if let Some(name) = name.replace(OsStr::from_bytes(part).to_owned()) {
            folder.push(name);
        }
    }
    name.map(|name| (folder, name)).ok_or(Refusal::MountPoint)
}

/// The state directory and everything above it, innermost first; what is not made yet is left out. One that cannot be looked
/// at is not taken for one that is not there: a tree that holds it would be erased.
fn state_line(state: &Path) -> io::Result<Vec<Identity>> {
    let state = std::path::absolute(state)?;
    let is_there = state.try_exists()?;
    let mut existing = Err(io::ErrorKind::NotFound.into());
    for ancestor in state.ancestors() {
        existing = std::fs::canonicalize(ancestor);
        if !existing.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            break;
        }
    }
    let (_, mut line) = descend(&existing?).map_err(io::Error::other)?;
    line.reverse();
    if !is_there {
        // Nothing can be inside a directory that is not there.
        line.insert(0, Identity { device: 0, inode: 0 });
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path, state: &Path) -> Refusal {
        Root::judge(&[path.as_os_str().to_owned()], state).unwrap_err().refusal
    }

    #[test]
    fn a_path_must_be_spelled_out() {
        let state = Path::new("/nonexistent/state");
        for (path, wanted) in [
            ("", Refusal::Empty),
            ("tree", Refusal::Relative),
            ("/srv/./tree", Refusal::Dots),
            ("/srv/../tree", Refusal::Dots),
            ("/srv/tree/..", Refusal::Dots),
            ("/", Refusal::MountPoint),
            ("//", Refusal::MountPoint),
            ("/srv/no such tree", Refusal::Absent),
            ("/proc", Refusal::MountPoint),
            ("/etc", Refusal::System),
            ("/usr/lib", Refusal::System),
            ("/home/", Refusal::System),
        ] {
            let told = refused(Path::new(path), state);
            assert_eq!(std::mem::discriminant(&told), std::mem::discriminant(&wanted), "{path}: {told:?}");
        }
    }

    #[test]
    fn links_files_and_the_state_are_refused_and_a_directory_is_not() {
        let place = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        let (tree, state) = (place.join("tree"), place.join("state"));
        std::fs::create_dir_all(tree.join("inner")).unwrap();
        std::fs::create_dir_all(state.join("inner")).unwrap();
        std::fs::write(place.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&tree, place.join("link")).unwrap();
        assert!(matches!(refused(&place.join("link"), &state), Refusal::Link));
        assert!(matches!(refused(&place.join("link/"), &state), Refusal::Link));
        assert!(matches!(refused(&place.join("link/inner"), &state), Refusal::Link | Refusal::NotADirectory));
        assert!(matches!(refused(&place.join("file"), &state), Refusal::NotADirectory));
        assert!(matches!(refused(&tree, &tree), Refusal::HoldsState));
        assert!(matches!(refused(&tree, &tree.join("a/b")), Refusal::HoldsState));
        assert!(matches!(refused(&state.join("inner"), &state), Refusal::InsideState));
        let both = [tree.clone().into_os_string(), tree.join("inner").into_os_string()];
        assert!(matches!(Root::judge(&both, &state).unwrap_err().refusal, Refusal::Overlap));
        let roots = Root::judge(&[tree.join("").into_os_string()], &state).unwrap();
        assert_eq!(roots.first().map(|root| root.path.clone()), Some(tree));
    }

    #[test]
    fn a_state_directory_that_cannot_be_looked_at_is_not_taken_for_none() {
        let place = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(place.path()).unwrap();
        let (tree, state) = (place.join("tree"), place.join("state"));
        std::fs::create_dir(&tree).unwrap();
        std::os::unix::fs::symlink(&state, &state).unwrap();
        for state in [state.clone(), state.join("below")] {
            let refused = Root::judge(&[tree.clone().into_os_string()], &state).unwrap_err();
            assert!(matches!(refused.refusal, Refusal::Unreadable(_)), "{refused:?}");
            assert_eq!(refused.path, state);
        }
    }
}
