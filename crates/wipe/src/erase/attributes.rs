//! Extended attributes, access lists among them: their values stand in the clear, also where the data is encrypted.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::buffer::spare_capacity;
use rustix::fs::{
    FileType, OFlags, flistxattr, fremovexattr, fstat, listxattr, llistxattr, lremovexattr, removexattr,
};
use rustix::io::Errno;

use super::NAME_OUTSIDE;
use crate::outcome::{SkipKind, Tally};
use crate::root::Bounds;

/// As much as the kernel lists (`XATTR_LIST_MAX`).
const LIST: usize = 64 * 1024;
/// Most lists are empty or short.
const SHORT: usize = 512;
/// Labels of the system, which holds no work data and keeps these.
const KEPT: &[u8] = b"security.";

/// Takes all attributes off an open file or directory.
pub(super) fn remove(file: &OwnedFd, tally: &mut Tally) {
    let names = list(|names| flistxattr(file, spare_capacity(names)));
    take_off(names, tally, |name| fremovexattr(file, name));
}

/// The same for a symbolic link or a node, which cannot be opened for that. By a path only names are read: meanwhile somebody can
/// have put a hard link to a file outside in its place, so what is changed is held first, and looked at.
pub(super) fn remove_from_special(directory: &OwnedFd, name: &CStr, bounds: Bounds, tally: &mut Tally) {
    let mut path = in_process(directory).into_os_string();
    path.push("/");
    path.push(OsStr::from_bytes(name.to_bytes()));
    let listed = list(|names| llistxattr(&path, spare_capacity(names)));
    if listed.as_ref().is_ok_and(|names| work(names).next().is_none()) {
        return;
    }
    if !bounds.holds_first {
        return take_off(listed, tally, |name| lremovexattr(&path, name));
    }
    let held = match bounds.open(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC) {
        Ok(held) => held,
        // Gone, or mounted over, which the removal counts.
        Err(Errno::NOENT | Errno::XDEV) => return,
        Err(_) => return tally.add(SkipKind::IoError, "attribute-not-removed", 1),
    };
    match fstat(&held) {
        // Something else by now: the next round sees it.
        Ok(stat) if is_opened(FileType::from_raw_mode(stat.st_mode)) => {}
        Ok(stat) if stat.st_nlink > 1 => tally.add(SkipKind::HardLinkOutside, NAME_OUTSIDE, 1),
        Ok(_) => {
            // This leads to what is held, and no further, also if that is a link.
            let path = in_process(&held);
            let names = list(|names| listxattr(&path, spare_capacity(names)));
            take_off(names, tally, |name| removexattr(&path, name));
        }
        Err(_) => tally.add(SkipKind::IoError, "attribute-not-removed", 1),
    }
}

fn is_opened(kind: FileType) -> bool {
    matches!(kind, FileType::RegularFile | FileType::Directory)
}

fn in_process(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// The names of what may be somebody's work.
fn work(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !name.starts_with(KEPT))
}

fn list(call: impl Fn(&mut Vec<u8>) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut names = Vec::with_capacity(SHORT);
    match call(&mut names) {
        Err(Errno::RANGE) => {
            let mut names = Vec::with_capacity(LIST);
            call(&mut names)?;
            Ok(names)
        }
        other => other.map(|_| names),
    }
}

fn take_off(
    names: Result<Vec<u8>, Errno>,
    tally: &mut Tally,
    remove: impl Fn(&CString) -> Result<(), Errno>,
) {
    let names = match names {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOENT) => return,
        Err(_) => return tally.add(SkipKind::IoError, "attribute-not-removed", 1),
    };
    for name in work(&names) {
        let Ok(name) = CString::new(name) else { continue };
        match remove(&name) {
            Ok(()) | Err(Errno::NODATA | Errno::NOENT) => {}
            Err(_) => tally.add(SkipKind::IoError, "attribute-not-removed", 1),
        }
    }
}
