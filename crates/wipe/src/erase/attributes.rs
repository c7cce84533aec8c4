//! Extended attributes, access lists among them: their values stand in the clear, also where the data is encrypted.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::buffer::spare_capacity;
use rustix::fs::{flistxattr, fremovexattr, llistxattr, lremovexattr};
use rustix::io::Errno;

use crate::outcome::{SkipKind, Tally};

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

/// The same for a symbolic link, which cannot be opened.
pub(super) fn remove_from_link(directory: &OwnedFd, name: &CStr, tally: &mut Tally) {
    let mut path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).into_os_string();
    path.push("/");
    path.push(OsStr::from_bytes(name.to_bytes()));
    let names = list(|names| llistxattr(&path, spare_capacity(names)));
    take_off(names, tally, |name| lremovexattr(&path, name));
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
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !name.starts_with(KEPT)) {
        let Ok(name) = CString::new(name) else { continue };
        match remove(&name) {
            Ok(()) | Err(Errno::NODATA | Errno::NOENT) => {}
            Err(_) => tally.add(SkipKind::IoError, "attribute-not-removed", 1),
        }
    }
}
