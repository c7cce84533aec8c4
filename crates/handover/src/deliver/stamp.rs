//! What is known of a file without reading it.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, StatxFlags};

/// ext4, XFS, btrfs, from <linux/magic.h>.
const KEEPING_TIME: [i64; 3] = [0xef53, 0x5846_5342, 0x9123_683e];

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A directory.
    Folder,
    /// A socket, a pipe, a device: no work.
    Other,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// What it is.
    pub kind: Kind,
    /// Inode.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Permission bits, of which only read, write and execute are handed over.
    pub mode: u32,
    /// User id of whose it is.
    pub owner: u32,
    /// Last change of the content: seconds and nanoseconds.
    pub modified: (i64, u32),
    /// Last change of anything; nobody but the kernel sets it.
    pub changed: (i64, u32),
}

/// What an open file is.
pub(super) fn stamp(file: impl AsFd) -> io::Result<Stamp> {
    let wanted = StatxFlags::BASIC_STATS;
    let found = rustix::fs::statx(file.as_fd(), "", AtFlags::EMPTY_PATH, wanted)?;
    let mode = u32::from(found.stx_mode);
    Ok(Stamp {
        kind: match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Link,
            FileType::Directory => Kind::Folder,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Other,
        },
        inode: found.stx_ino,
        size: found.stx_size,
        mode: mode & 0o777,
        owner: found.stx_uid,
        modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
        changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
    })
}

/// Whether a file system gives every file that is written to another time: one that is in memory is written to through a mapping
/// without a word.
pub(super) fn times_are_kept(file: impl AsFd) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| KEEPING_TIME.contains(&found.f_type))
}
