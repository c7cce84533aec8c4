//! Walking a tree from file descriptor to file descriptor: no path strings, no recursion, little memory.
//!
//! However deep or wide the tree, the walk keeps at most [`OPEN`] directories open and about a page of names for each deeper
//! one. A directory that it closed is entered again from below (`..`) or, if it has moved, not at all.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, RawDir, ResolveFlags, SeekFrom, openat2, seek};
use rustix::io::Errno;

use crate::outcome::{SkipKind, Tally};
use crate::root::{Bounds, Identity, READ, identity_of, look, patient};

/// Directories held open at once, of the deepest levels.
const OPEN: usize = 64;
/// Bytes of names read at once; 128 KiB are 2,000 to 4,000 names, so that most directories come in one piece.
const WIDE: usize = 128 * 1024;
/// The same further down: what a thousand levels keep must stay small. One longest name fits.
const NARROW: usize = 2 * 1024;

/// A name in a directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: CString,
    pub(crate) kind: FileType,
    pub(crate) inode: u64,
}

/// What is done on the way. Directories come before and after their contents, everything else in batches.
pub(crate) trait Visit {
    /// A directory was entered.
    fn enter(&mut self, directory: &Arc<OwnedFd>);
    /// Things in it that are no directories.
    fn batch(&mut self, directory: &Arc<OwnedFd>, entries: Vec<Entry>);
    /// A directory was left, with all below it.
    fn leave(&mut self, parent: &Arc<OwnedFd>, name: &CString);
}

struct Level {
    name: CString,
    identity: Identity,
    open: Option<Arc<OwnedFd>>,
    /// Where reading goes on.
    cookie: u64,
    waiting: VecDeque<CString>,
    is_read: bool,
}

/// Walks through the tree below `root`, this directory included (but not left: its end is the caller's).
/// Returns what could not be entered.
pub(crate) fn walk(root: &OwnedFd, bounds: Bounds, visit: &mut impl Visit) -> Tally {
    let mut tally = Tally::default();
    // A descriptor of its own: positions in a directory belong to the descriptor.
    let (top, identity) = match enter(root, c".", bounds) {
        Ok((top, identity)) => (Arc::new(top), identity),
        Err(error) => {
            unreadable(&mut tally, error);
            return tally;
        }
    };
    visit.enter(&top);
    let mut buffer = vec![MaybeUninit::<u8>::uninit(); WIDE];
    let mut levels = vec![Level::new(c".".to_owned(), identity, top)];
    while let Some(level) = levels.last_mut() {
        let Some(directory) = level.open.clone() else {
            // Could not be entered again: what is left of it stays for the next round.
            tally.add(SkipKind::Busy, "moved", 1);
            levels.pop();
            continue;
        };
        if let Some(name) = level.waiting.pop_front() {
            match enter(&directory, &name, bounds) {
                Ok((inner, identity)) => {
                    let inner = Arc::new(inner);
                    visit.enter(&inner);
                    levels.push(Level::new(name, identity, inner));
                    close_far(&mut levels);
                }
                Err(Errno::XDEV) => tally.add(SkipKind::Mount, "mounted-inside", 1),
                // Gone, or no directory any more: the next round sees what is there then.
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {}
                Err(error) => unreadable(&mut tally, error),
            }
            continue;
        }
        if !level.is_read {
            let length = if levels.len() <= OPEN { WIDE } else { NARROW };
            let Some(level) = levels.last_mut() else { break };
            match read(&directory, level, bounds, buffer.get_mut(..length).unwrap_or_default()) {
                Ok(entries) if entries.is_empty() => {}
                Ok(entries) => visit.batch(&directory, entries),
                Err(error) => {
                    unreadable(&mut tally, error);
                    level.is_read = true;
                }
            }
            continue;
        }
        let Some(done) = levels.pop() else { break };
        reopen(&mut levels, &directory, root, bounds);
        if let Some(parent) = levels.last().and_then(|level| level.open.as_ref()) {
            visit.leave(parent, &done.name);
        }
    }
    tally
}

impl Level {
    fn new(name: CString, identity: Identity, open: Arc<OwnedFd>) -> Self {
        Self { name, identity, open: Some(open), cookie: 0, waiting: VecDeque::new(), is_read: false }
    }
}

fn unreadable(tally: &mut Tally, error: Errno) {
    tracing::debug!(%error, "a directory cannot be read");
    tally.add(SkipKind::IoError, "directory-unreadable", 1);
}

/// Opens a directory in a directory.
fn enter(parent: &OwnedFd, name: &CStr, bounds: Bounds) -> Result<(OwnedFd, Identity), Errno> {
    let inner = bounds.open(parent, name, READ)?;
    let seen = look(&inner, c"")?;
    Ok((inner, identity_of(&seen)))
}

/// Closes the directory that is [`OPEN`] levels above the deepest.
fn close_far(levels: &mut [Level]) {
    if let Some(far) = levels.len().checked_sub(OPEN + 1)
        && let Some(level) = levels.get_mut(far)
    {
        level.open = None;
    }
}

/// Opens the last of `levels` again, if it was closed: from `below`, which was in it, or else from the top.
fn reopen(levels: &mut [Level], below: &OwnedFd, root: &OwnedFd, bounds: Bounds) {
    let Some(level) = levels.last() else { return };
    if level.open.is_some() {
        return;
    }
    let upward = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let same =
        |directory: &OwnedFd| look(directory, c"").is_ok_and(|seen| identity_of(&seen) == level.identity);
    let found = patient(|| openat2(below, c"..", READ, Mode::empty(), upward)).ok().filter(same);
    let found = found.or_else(|| from_the_top(levels, root, bounds)).filter(same);
    if let (Some(level), Some(directory)) = (levels.last_mut(), found) {
        // It goes on where it stopped.
        if seek(&directory, SeekFrom::Start(level.cookie)).is_ok() {
            level.open = Some(Arc::new(directory));
        }
    }
}

fn from_the_top(levels: &[Level], root: &OwnedFd, bounds: Bounds) -> Option<OwnedFd> {
    let mut here = bounds.open(root, c".", READ).ok()?;
    for level in levels.iter().skip(1) {
        let (inner, identity) = enter(&here, &level.name, bounds).ok()?;
        if identity != level.identity {
            return None;
        }
        here = inner;
    }
    Some(here)
}

/// Reads one buffer of names: directories wait in the level, everything else is returned, in the order of the inodes. The
/// file system gives names in no order, and inodes and contents lie on the device about as they were made: in their order
/// the device gets a few long writes instead of many short ones.
fn read(
    directory: &Arc<OwnedFd>,
    level: &mut Level,
    bounds: Bounds,
    buffer: &mut [MaybeUninit<u8>],
) -> Result<Vec<Entry>, Errno> {
    let mut names = RawDir::new(directory.as_ref(), buffer);
    let mut entries = Vec::new();
    loop {
        let Some(entry) = names.next() else {
            level.is_read = true;
            break;
        };
        let entry = entry?;
        level.cookie = entry.next_entry_cookie();
        let (name, inode) = (entry.file_name().to_owned(), entry.ino());
        let kind = bounds.kind(directory, &name, entry.file_type());
        if name.as_bytes() == b"." || name.as_bytes() == b".." {
            // Not below this directory.
        } else if kind == FileType::Directory {
            level.waiting.push_back(name);
        } else {
            entries.push(Entry { name, kind, inode });
        }
        if names.is_buffer_empty() {
            break;
        }
    }
    entries.sort_unstable_by_key(|entry| entry.inode);
    Ok(entries)
}

/// Flags for opening a file in the tree: whatever stands there by then, nothing waits and nothing becomes a terminal.
pub(crate) const FILE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
