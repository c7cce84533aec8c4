//! Before anything is removed: takes extended attributes off and overwrites what files have on the device, once.

use std::ffi::CString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use hanare_host::storage::{AlignedBuffer, Extent, each_extent};
use rustix::fs::{FileType, IFlags, Mode, OFlags, Stat, openat2};
use rustix::io::Errno;

use super::attributes;
use super::crew::{Batch, spread};
use super::links::Links;
use super::overwrite::{Overwritten, overwrite};
use super::walk::{Entry, FILE, patient};
use crate::outcome::{SkipKind, Tally};
use crate::root::{BENEATH, Root};
use crate::verify::{Recorder, Sample};

/// What scrubbing wants to know.
pub(super) struct Scrub<'s> {
    pub(super) links: &'s Links,
    pub(super) recorder: &'s Recorder,
    pub(super) zeros: &'s AlignedBuffer,
    /// Whether new bytes go where the old ones are; otherwise writing would only make more copies.
    pub(super) in_place: bool,
    /// Whether files of this file system can share blocks.
    pub(super) shares: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Scrubbed {
    /// Bytes overwritten.
    pub(super) bytes: u64,
    pub(super) skipped: Tally,
    pub(super) samples: Vec<Sample>,
    /// What of the tree could not be read: of mounts, which stay, the removal tells.
    pub(super) unread: Tally,
}

impl Scrub<'_> {
    /// Scrubs the whole tree.
    pub(super) fn tree(&self, root: &Root) -> Scrubbed {
        let mut all = Scrubbed::default();
        let mut directories = Tally::default();
        let enter = |directory: &Arc<OwnedFd>| {
            // An immutable directory gives none of its names up.
            soften(directory);
            attributes::remove(directory, &mut directories);
        };
        let (kept, unread) = spread(root, |kept, batch| self.batch(kept, &batch), enter);
        all.unread = unread;
        all.skipped.merge(directories);
        for kept in kept {
            all.bytes += kept.bytes;
            all.skipped.merge(kept.skipped);
            all.samples.extend(kept.samples);
        }
        all
    }

    fn batch(&self, kept: &mut Scrubbed, batch: &Batch) {
        for entry in &batch.entries {
            // Of everything else nothing is on the device but the name.
            if entry.kind == FileType::RegularFile {
                self.file(kept, &batch.directory, entry);
            } else if entry.kind == FileType::Symlink {
                attributes::remove_from_link(&batch.directory, &entry.name, &mut kept.skipped);
            }
        }
    }

    fn file(&self, kept: &mut Scrubbed, directory: &OwnedFd, entry: &Entry) {
        let opened = match open(directory, &entry.name) {
            Ok(Opened::Linked { inode, names }) => return self.links.note(inode, names),
            other => other,
        };
        self.links.done(entry.inode);
        let (file, stat) = match opened {
            Ok(Opened::Whole(file, stat)) => (file, stat),
            // Gone, or something else by now; or mounted over, which the removal counts. A running program (TXTBSY) cannot be
            // overwritten: once it has no name, it is found among the files in use.
            Ok(Opened::Linked { .. })
            | Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::XDEV | Errno::ISDIR | Errno::TXTBSY) => {
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "a file cannot be opened");
                return kept.skipped.add(SkipKind::IoError, "file-unreadable", 1);
            }
        };
        attributes::remove(&file, &mut kept.skipped);
        let wants_extents = self.shares || self.recorder.has_room();
        let layout = match stat.st_blocks {
            0 => Layout { complete: true, ..Layout::default() },
            _ if wants_extents => self.layout(&file).unwrap_or_else(|error| {
                tracing::debug!(%error, "a file's blocks are not told");
                // Overwritten all the same: what is shared would be copied first, and stay.
                kept.skipped.add(SkipKind::NotEvaluated, "sharing-unknown", u64::from(self.shares));
                Layout::default()
            }),
            _ => Layout::default(),
        };
        if layout.shared {
            return kept.skipped.add(SkipKind::SharedExtent, "shared-blocks", 1);
        }
        let samples = self.recorder.sample(&file, &layout.places, layout.complete);
        if self.in_place {
            let Overwritten { bytes, failed } = overwrite(&file, &stat, self.zeros);
            kept.bytes += bytes;
            if failed {
                return kept.skipped.add(SkipKind::IoError, "file-not-overwritten", 1);
            }
        }
        kept.samples.extend(samples);
    }
}

/// Where a file lies.
#[derive(Default)]
struct Layout {
    /// Its first extents.
    places: Vec<Extent>,
    /// Whether they are all.
    complete: bool,
    /// Whether any extent, however many there are, is another file's too.
    shared: bool,
}

impl Scrub<'_> {
    fn layout(&self, file: &OwnedFd) -> io::Result<Layout> {
        let mut layout = Layout { complete: true, ..Layout::default() };
        each_extent(file, |extent| {
            layout.shared |= self.shares && extent.shared;
            if layout.places.len() < Recorder::EXTENTS {
                layout.places.push(extent);
            } else {
                layout.complete = false;
            }
            let enough = layout.shared || !(self.shares || layout.complete);
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(layout)
    }
}

enum Opened {
    /// To be overwritten: it has one name.
    Whole(OwnedFd, Stat),
    /// It has more.
    Linked { inode: u64, names: u32 },
}

/// Opens a file for writing. Flags that forbid it are taken off, unless the file has other names.
fn open(directory: &OwnedFd, name: &CString) -> Result<Opened, Errno> {
    let writable = FILE | OFlags::RDWR;
    let file = match patient(|| openat2(directory, name, writable, Mode::empty(), BENEATH)) {
        Err(Errno::PERM | Errno::ACCESS) => {
            let reader = patient(|| openat2(directory, name, FILE | OFlags::RDONLY, Mode::empty(), BENEATH))?;
            if let Some(linked) = linked(&rustix::fs::fstat(&reader)?) {
                return Ok(linked);
            }
            soften(&reader);
            patient(|| openat2(directory, name, writable, Mode::empty(), BENEATH))?
        }
        other => other?,
    };
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::NXIO);
    }
    Ok(linked(&stat).unwrap_or(Opened::Whole(file, stat)))
}

fn linked(stat: &Stat) -> Option<Opened> {
    let names = u32::try_from(stat.st_nlink).unwrap_or(u32::MAX);
    (names > 1).then_some(Opened::Linked { inode: stat.st_ino, names })
}

/// Takes the flags off that forbid changes (`chattr +i`, `+a`); the flags it had, if it had such ones.
pub(super) fn soften(file: &OwnedFd) -> Option<IFlags> {
    let flags = rustix::fs::ioctl_getflags(file).ok()?;
    let hard = IFlags::IMMUTABLE | IFlags::APPEND;
    if !flags.intersects(hard) {
        return None;
    }
    rustix::fs::ioctl_setflags(file, flags - hard).ok()?;
    Some(flags)
}
