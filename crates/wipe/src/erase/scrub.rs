//! Before anything is removed: takes extended attributes off and overwrites what files have on the device, once.

use std::ffi::CString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use hanare_host::storage::{AlignedBuffer, Extent, each_extent};
use rustix::fs::{FileType, Gid, IFlags, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat};
use rustix::io::Errno;

use super::ahead::Ahead;
use super::attributes;
use super::crew::{Batch, spread};
use super::filesystem::Filesystem;
use super::held::Held;
use super::links::Links;
use super::overwrite::{Overwritten, is_large, overwrite};
use super::walk::{Entry, FILE};
use crate::outcome::{SkipKind, Tally};
use crate::root::{Bounds, Root};
use crate::verify::{Recorder, Sample};

/// What scrubbing wants to know.
pub(super) struct Scrub<'s> {
    pub(super) links: &'s Links,
    /// What keeps it inside the tree.
    pub(super) bounds: Bounds,
    pub(super) recorder: &'s Recorder,
    pub(super) held: &'s Held,
    /// The number of the tree's device.
    pub(super) device: u64,
    pub(super) zeros: &'s AlignedBuffer,
    /// What writing over old bytes does there.
    pub(super) filesystem: &'s Filesystem,
    /// Who writes back meanwhile.
    pub(super) ahead: &'s Ahead,
    /// Whose batch is written: the kernel writes files back in the order in which they were written.
    pub(super) turn: Mutex<()>,
    /// Whether there is time left for whoever keeps a file from being opened.
    pub(super) is_patient: bool,
    /// Whether the write-back of what was overwritten has failed, so that each file's is waited for.
    pub(super) is_checked: bool,
}

/// Large files waiting for their thread: while it waits for the device, the others are busy with small ones.
const WAITING: usize = 8;

/// A file that is open for overwriting.
struct Whole {
    file: OwnedFd,
    stat: Stat,
}

/// A file whose contents are recorded, to be overwritten.
struct Recorded {
    whole: Whole,
    samples: Vec<Sample>,
    /// All its extents, if it is watched, to be held.
    watched: Option<Vec<Extent>>,
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
            seal(directory);
            attributes::remove(directory, &mut directories);
        };
        let (large, waiting) = sync_channel::<Whole>(WAITING);
        let (kept, unread) = std::thread::scope(|scope| {
            let apart = scope.spawn(move || {
                let mut kept = Scrubbed::default();
                for whole in waiting {
                    self.waited(&mut kept, whole);
                }
                kept
            });
            let (mut kept, unread) = spread(root, |kept, batch| self.batch(kept, &batch, &large), enter);
            drop(large);
            // A thread that panicked has said so; the process ends with the status of a bug.
            kept.extend(apart.join());
            (kept, unread)
        });
        all.unread = unread;
        all.skipped.merge(directories);
        // Once, in one piece: growing would for a moment take three times as much.
        all.samples.reserve_exact(kept.iter().map(|kept| kept.samples.len()).sum());
        for kept in kept {
            all.bytes += kept.bytes;
            all.skipped.merge(kept.skipped);
            all.samples.extend(kept.samples);
        }
        all
    }

    fn batch(&self, kept: &mut Scrubbed, batch: &Batch, large: &SyncSender<Whole>) {
        let mut recorded = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            // Of everything else nothing is on the device but the name and attributes.
            if entry.kind == FileType::RegularFile {
                recorded.extend(self.file(kept, &batch.directory, entry, large));
            } else {
                attributes::remove_from_special(
                    &batch.directory,
                    &entry.name,
                    self.bounds,
                    &mut kept.skipped,
                );
            }
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for recorded in &mut recorded {
            self.blank(kept, recorded);
        }
        drop(turn);
    }

    /// Opens and records a file; a large one is passed on if there is room for it.
    fn file(
        &self,
        kept: &mut Scrubbed,
        directory: &OwnedFd,
        entry: &Entry,
        large: &SyncSender<Whole>,
    ) -> Option<Recorded> {
        let opened = match open(directory, &entry.name, self.bounds) {
            Ok(Opened::Linked { inode, names }) => {
                self.links.note(inode, names);
                return None;
            }
            other => other,
        };
        if matches!(opened, Err(Errno::AGAIN)) && self.is_patient {
            // Somebody has a lease on it, which the kernel ends after a while: its name stays until then.
            self.links.wait(entry.inode);
            return None;
        }
        self.links.done(entry.inode);
        let whole = match opened {
            Ok(Opened::Whole(whole)) => whole,
            // Gone, or something else by now; or mounted over, which the removal counts. A running program (TXTBSY) cannot be
            // overwritten: once it has no name, it is found among the files in use.
            Ok(Opened::Linked { .. })
            | Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::XDEV | Errno::ISDIR | Errno::TXTBSY) => {
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, "a file cannot be opened");
                kept.skipped.add(SkipKind::IoError, "file-unreadable", 1);
                return None;
            }
        };
        if !is_large(&whole.stat) {
            return self.record(kept, whole);
        }
        if let Err(TrySendError::Full(whole) | TrySendError::Disconnected(whole)) = large.try_send(whole)
            && let Some(mut recorded) = self.record(kept, whole)
        {
            self.blank(kept, &mut recorded);
        }
        None
    }

    /// A file that waited: by now it may have a name outside.
    fn waited(&self, kept: &mut Scrubbed, whole: Whole) {
        match fstat(&whole.file).map(|stat| (linked(&stat, self.bounds), stat)) {
            Ok((Some(Opened::Linked { inode, names }), _)) => self.links.note(inode, names),
            Ok((_, stat)) => {
                if let Some(mut recorded) = self.record(kept, Whole { stat, ..whole }) {
                    self.blank(kept, &mut recorded);
                }
            }
            Err(_) => kept.skipped.add(SkipKind::IoError, "file-unreadable", 1),
        }
    }

    fn record(&self, kept: &mut Scrubbed, whole: Whole) -> Option<Recorded> {
        let Whole { file, stat } = &whole;
        attributes::remove(file, &mut kept.skipped);
        let wants_extents = self.filesystem.shares || self.recorder.has_room();
        let layout = match stat.st_blocks {
            0 => Layout { complete: true, ..Layout::default() },
            _ if wants_extents => self.layout(file).unwrap_or_else(|error| {
                tracing::debug!(%error, "a file's blocks are not told");
                // Overwritten all the same: what is shared would be copied first, and stay.
                kept.skipped.add(
                    SkipKind::NotEvaluated,
                    "sharing-unknown",
                    u64::from(self.filesystem.shares),
                );
                Layout::default()
            }),
            _ => Layout::default(),
        };
        if layout.shared {
            kept.skipped.add(SkipKind::SharedExtent, "shared-blocks", 1);
            return None;
        }
        let samples = self.recorder.sample(file, &layout.places, layout.complete);
        let watched = (self.filesystem.in_place
            && !self.is_checked
            && layout.complete
            && Held::watch(file, &layout.places))
        .then_some(layout.places);
        Some(Recorded { whole, samples, watched })
    }

    /// Overwrites a file.
    fn blank(&self, kept: &mut Scrubbed, recorded: &mut Recorded) {
        let Recorded { whole: Whole { file, stat }, samples, watched } = recorded;
        if self.filesystem.in_place {
            let Overwritten { bytes, failed } = overwrite(file, stat, self.zeros, self.is_checked);
            kept.bytes += bytes;
            if !is_large(stat) {
                self.ahead.add(bytes);
            }
            if failed {
                return kept.skipped.add(SkipKind::IoError, "file-not-overwritten", 1);
            }
            if let Some(extents) = watched {
                self.held.keep(self.device, file, extents);
            }
        }
        kept.samples.append(samples);
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
            layout.shared |= self.filesystem.shares && extent.shared;
            if layout.places.len() < Recorder::EXTENTS {
                layout.places.push(extent);
            } else {
                layout.complete = false;
            }
            let enough = layout.shared || !(self.filesystem.shares || layout.complete);
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(layout)
    }
}

enum Opened {
    /// To be overwritten: it has one name.
    Whole(Whole),
    /// It has more.
    Linked { inode: u64, names: u32 },
}

/// Opens a file for writing. Flags that forbid it are taken off, unless the file has other names.
fn open(directory: &OwnedFd, name: &CString, bounds: Bounds) -> Result<Opened, Errno> {
    let writable = FILE | OFlags::RDWR;
    let file = match bounds.open(directory, name, writable) {
        Err(Errno::PERM | Errno::ACCESS) => {
            let reader = bounds.open(directory, name, FILE | OFlags::RDONLY)?;
            if let Some(linked) = linked(&fstat(&reader)?, bounds) {
                return Ok(linked);
            }
            soften(&reader);
            bounds.open(directory, name, writable)?
        }
        other => other?,
    };
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::NXIO);
    }
    Ok(linked(&stat, bounds).unwrap_or(Opened::Whole(Whole { file, stat })))
}

fn linked(stat: &Stat, bounds: Bounds) -> Option<Opened> {
    bounds.other_names(stat).map(|names| Opened::Linked { inode: stat.st_ino, names })
}

/// Takes a directory from everybody else: who has it open, or works in it, makes and moves no names there any more.
fn seal(directory: &OwnedFd) {
    const OTHERS_WRITE: u32 = 0o022;
    // A disk that takes nothing more is not asked for what changes nothing. Who is not root has nobody to keep out; where it
    // fails, what they do is seen later.
    let is_theirs = fstat(directory).is_ok_and(|seen| seen.st_uid != 0 || seen.st_mode & OTHERS_WRITE != 0);
    if is_theirs && rustix::process::geteuid().is_root() {
        let _ = fchown(directory, Some(Uid::ROOT), Some(Gid::ROOT));
        let _ = fchmod(directory, Mode::RWXU);
    }
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
