//! Files of the tree that have no name any more while somebody still holds them: a process that has them open, mapped or
//! running, or the kernel, for which one is a disk.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hanare_host::loops;
use hanare_host::process::tables;
use hanare_host::storage::AlignedBuffer;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags, fstat, open, statx};
use rustix::io::Errno;

use super::leases::Patience;
use super::overwrite::overwrite;
use super::whereabouts::{Below, Process, Was};
use crate::root::{Identity, Root, identity_of};

/// What was found, and what of it could be overwritten.
#[derive(Debug, Default)]
pub(super) struct InUse {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// How often processes are looked at again: one can hand a file on to another that was looked at before.
const LOOKS: u32 = 4;

/// A search for what processes hold.
struct Search<'s> {
    root: &'s Root,
    zeros: &'s AlignedBuffer,
    below: Below,
    seen: BTreeSet<Identity>,
    found: InUse,
    /// What somebody keeps from being opened for now.
    waiting: Vec<(PathBuf, Identity)>,
}

impl Search<'_> {
    /// Looks at all processes; whether there was something new.
    fn look(&mut self) -> bool {
        let before = self.seen.len();
        let own = std::process::id();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for thread in numbers.filter(|number| *number != own).flat_map(tables) {
            let thread = Process::new(thread);
            for link in thread.links() {
                self.look_at(&thread, link);
            }
        }
        self.seen.len() > before
    }

    fn look_at(&mut self, thread: &Process, link: PathBuf) {
        let was = self.below.was(thread, &link);
        if was == Was::Elsewhere {
            return;
        }
        let on_device = |found: &Identity| found.device == self.root.identity.device;
        let Some(identity) = identity(&link).filter(on_device) else { return };
        if !self.seen.insert(identity) {
            return;
        }
        self.found.files += 1;
        // What may have been somebody else's is counted, and not touched.
        if was == Was::Below {
            match blank(&link, identity, self.zeros) {
                Err(Errno::AGAIN) => self.waiting.push((link, identity)),
                told => self.found.bytes += told.unwrap_or(0),
            }
        }
    }
}

/// Overwrites what processes still hold of files that were below a tree. They keep the blocks, and may write more: it is counted
/// whatever becomes of it.
pub(super) fn overwrite_in_use(root: &Root, zeros: &AlignedBuffer, patience: &mut Patience) -> InUse {
    let (below, seen, waiting) = (Below::of(root), BTreeSet::new(), Vec::new());
    let mut search = Search { root, zeros, below, seen, found: InUse::default(), waiting };
    for look in 1..=LOOKS {
        let is_new = search.look();
        // Once could have been too late for one process and too early for the next.
        if look > 1 && !is_new {
            break;
        }
    }
    let Search { mut found, mut waiting, .. } = search;
    // Somebody has a lease on these: all of them were wanted by now.
    while !waiting.is_empty() && patience.is_left() {
        patience.wait();
        waiting.retain(|(link, identity)| match blank(link, *identity, zeros) {
            Err(Errno::AGAIN) => true,
            told => {
                found.bytes += told.unwrap_or(0);
                false
            }
        });
    }
    // The kernel writes to these on its own, and who uses the disk does not know; so nothing is overwritten under it.
    // Whatever their paths were: one could have been reached by another mount.
    found.files += loops::nameless_on(root.identity.device);
    found
}

fn identity(link: &Path) -> Option<Identity> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let seen = statx(CWD, link, flags, StatxFlags::BASIC_STATS).ok()?;
    let is_file = FileType::from_raw_mode(u32::from(seen.stx_mode)) == FileType::RegularFile;
    // With a name left it is outside, where nothing is overwritten.
    (is_file && seen.stx_nlink == 0).then(|| identity_of(&seen))
}

/// Overwrites what is behind a link, if that is still the file that was looked at: a number in `/proc/PID/fd`, or the process
/// itself, may be another one by now.
fn blank(link: &Path, wanted: Identity, zeros: &AlignedBuffer) -> Result<u64, Errno> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: OwnedFd = open(link, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    Ok(if is_still(&stat, wanted) { overwrite(&file, &stat, zeros, false).bytes } else { 0 })
}

fn is_still(stat: &Stat, wanted: Identity) -> bool {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file && stat.st_nlink == 0 && Identity { device: stat.st_dev, inode: stat.st_ino } == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_to_another_file_by_now_is_not_overwritten() {
        use std::os::fd::AsRawFd as _;
        use std::os::unix::fs::FileExt as _;

        let zeros = AlignedBuffer::zeroed(1 << 20);
        let (wanted, other) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let link = |file: &fs::File| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        for file in [&wanted, &other] {
            file.write_all_at(&[7; 5000], 0).unwrap();
            file.sync_all().unwrap();
        }
        let seen = identity(&link(&wanted)).unwrap();
        let mut read = [0; 5000];
        // Between looking and opening, the number became another file's, which has no name either.
        assert_eq!(blank(&link(&other), seen, &zeros), Ok(0));
        other.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, [7; 5000]);
        assert_eq!(blank(&link(&wanted), seen, &zeros), Ok(5000));
        wanted.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, [0; 5000]);
    }
}
