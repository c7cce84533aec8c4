//! What keeps the eraser inside a tree, in one place, so that a test's binary can show what each part is good for.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags, openat2, statx};
use rustix::io::Errno;

/// For a single name below a directory: no link, no mount, no way out.
pub(crate) const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// The guards of an eraser. `hanare` itself has no way to ask for other ones than [`Bounds::default`].
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// No link and no mount is followed, whatever stands at a name by then.
    pub stays_inside: bool,
    /// A file is overwritten only while it has one name.
    pub spares_other_names: bool,
    /// What cannot be opened for changing is held and looked at before it is changed.
    pub holds_first: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { stays_inside: true, spares_other_names: true, holds_first: true }
    }
}

impl Bounds {
    /// Opens what has this name in a directory; what `openat2` could not do for a passing reason is tried again.
    ///
    /// # Errors
    /// `XDEV` for a mount, `LOOP` for a link, and whatever the kernel says.
    pub(crate) fn open(self, directory: &OwnedFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let (flags, resolve) = if self.stays_inside {
            (flags, BENEATH)
        } else {
            (flags - OFlags::NOFOLLOW, ResolveFlags::empty())
        };
        patient(|| openat2(directory, name, flags, Mode::empty(), resolve))
    }

    /// What a name is, which the directory may have `told`.
    pub(crate) fn kind(self, directory: &OwnedFd, name: &CStr, told: FileType) -> FileType {
        if told != FileType::Unknown && self.stays_inside {
            return told;
        }
        let follows = if self.stays_inside { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() };
        let flags = follows | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
        let seen = statx(directory, name, flags, StatxFlags::TYPE);
        seen.map_or(told, |seen| FileType::from_raw_mode(u32::from(seen.stx_mode)))
    }

    /// How many names a file has, if it has others than the one by which it was opened.
    pub(crate) fn other_names(self, stat: &Stat) -> Option<u32> {
        let names = u32::try_from(stat.st_nlink).unwrap_or(u32::MAX);
        (names > 1 && self.spares_other_names).then_some(names)
    }
}

/// `openat2` gives up with `EAGAIN` if a rename was too near.
pub(crate) fn patient<T>(mut open: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 0..64 {
        match open() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    open()
}
