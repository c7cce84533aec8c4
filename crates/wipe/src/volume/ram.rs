//! The kind `ram`: files in memory that is never written to a disk. There is no key; ending it overwrites every page.

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use hanare_host::{Deed, mounts};
use rustix::fs::{AtFlags, CWD, FileType, OFlags, SeekFrom, fstat, seek, unlinkat};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::definition::memory_may_leak;
use super::error::VolumeError;
use super::holders::{self, Holders};
use super::medium::{KeyState, Medium};
use super::opening::Opening;
use crate::erase::walk::{Entry, FILE, Visit, walk};
use crate::outcome::{Method, SkipKind, Tally, Verified};
use crate::root::Bounds;

/// Written and read at once.
const STEP: usize = 1 << 20;
/// How often what is left is gone after.
const ROUNDS: u32 = 16;

/// Files in memory.
pub(super) struct Ram {
    pub(super) size: u64,
}

impl Medium for Ram {
    fn make(&self, opening: &Opening) -> Result<(), VolumeError> {
        let source = opening.name();
        let options = format!("size={},mode=0755", self.size);
        let point = &opening.mountpoint;
        // Linux 6.4, and only outside user namespaces.
        if mounts::mount(Path::new(&source), point, "tmpfs", &format!("{options},noswap")).is_ok() {
            return Ok(());
        }
        if memory_may_leak()? {
            return Err(VolumeError::PlainSwap);
        }
        Ok(mounts::mount(Path::new(&source), point, "tmpfs", &options)?)
    }

    fn destroy(
        &self,
        opening: &Opening,
        holders: &Holders,
        tally: &mut Tally,
    ) -> Result<Verified, VolumeError> {
        let mut emptied = Emptied::default();
        // Whoever let nobody write may be gone.
        if mounts::at(&opening.mountpoint)?
            .is_some_and(|mount| mount.read_only && Some(mount.device) == opening.device)
        {
            mounts::set_read_only(&opening.mountpoint, false)
                .map_err(VolumeError::io(Deed::Open, &opening.mountpoint))?;
        }
        // Nameless files first: emptied through whoever holds them.
        if let Some(device) = opening.device {
            for link in holders.open_files(device) {
                // A directory, a pipe, or a process that is gone: nothing that holds data.
                let Ok(file) = OpenOptions::new().read(true).write(true).custom_flags(no_wait()).open(&link)
                else {
                    continue;
                };
                // Whoever it was may have another one there by now.
                if file.metadata().is_ok_and(|seen| seen.dev() == device) {
                    let blanked = blank(&file, &mut emptied.verified);
                    emptied.take(blanked);
                }
            }
        }
        if let Some(device) = self.mounted(opening)? {
            match alone(&opening.mountpoint, device) {
                Ok(top) => empty(&top, &mut emptied),
                Err(error) => emptied.take(Err(error)),
            }
        }
        tally.add(SkipKind::Mount, "mounted-inside", emptied.mounted_on);
        match emptied.first {
            None => Ok(emptied.verified),
            Some(error) => Err(VolumeError::io(Deed::Overwrite, &opening.mountpoint)(error)),
        }
    }

    /// While it is mounted the kernel counts the pages in use; afterwards it is gone if nobody has it mounted or open.
    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError> {
        if self.mounted(opening)?.is_some() {
            let point = &opening.mountpoint;
            let counts = rustix::fs::statvfs(point)
                .map_err(|error| VolumeError::io(Deed::Read, point)(error.into()))?;
            let used = counts.f_blocks.saturating_sub(counts.f_bfree);
            return Ok(if used == 0 { KeyState::Gone } else { KeyState::Present });
        }
        let device = opening.device.filter(|_| self.is_ours(opening).unwrap_or(true));
        let left = device.map_or(0, |device| holders::mounts_left(device) + holders::find(device).len());
        Ok(if left == 0 { KeyState::Gone } else { KeyState::Busy })
    }

    /// Whoever holds anything of it keeps its number; where that is mounted under another name, nobody holds anything.
    fn is_ours(&self, opening: &Opening) -> Result<bool, VolumeError> {
        let others = opening.device.is_some_and(|device| {
            holders::mounts_of(device).iter().any(|mount| mount.source != opening.name())
        });
        Ok(!others)
    }

    fn release(&self, _: &Opening) -> Result<(), VolumeError> {
        Ok(())
    }

    fn dismantle(&self, _: &Opening) -> Result<bool, VolumeError> {
        Ok(true)
    }

    fn raw(&self) -> Option<&Path> {
        None
    }

    fn method(&self) -> Method {
        Method::Clear
    }
}

impl Ram {
    /// The device of what is mounted there, if it is this opening's, and not what lies below or somebody else's.
    #[expect(clippy::unused_self, reason = "reads as a question to the volume")]
    fn mounted(&self, opening: &Opening) -> Result<Option<u64>, VolumeError> {
        let ours = |mount: &mounts::Mount| {
            let known = opening.device.is_none_or(|device| device == mount.device);
            known && mount.kind == "tmpfs" && mount.source == opening.name()
        };
        Ok(mounts::at(&opening.mountpoint)?.filter(ours).map(|mount| mount.device))
    }
}

/// What was done, and the first of what went wrong: it keeps nothing else from being overwritten.
#[derive(Debug, Default)]
struct Emptied {
    verified: Verified,
    first: Option<io::Error>,
    /// How many names were taken away.
    removed: u64,
    /// How many had something mounted on them when they were last tried.
    mounted_on: u64,
}

impl Emptied {
    fn take(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "emptying");
            self.first.get_or_insert(error);
        }
    }
}

/// The file system at `point` as nobody else sees it: without what is mounted in it, so that what lies below is reached and
/// nothing outside is.
fn alone(point: &Path, device: u64) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW
        | OpenTreeFlags::AT_NO_AUTOMOUNT;
    let top = open_tree(CWD, point, flags)?;
    if fstat(&top)?.st_dev == device {
        Ok(top)
    } else {
        Err(io::Error::other("something else is mounted there"))
    }
}

/// Overwrites and removes everything below a directory, from descriptor to descriptor.
fn empty(top: &OwnedFd, emptied: &mut Emptied) {
    for round in 1..=ROUNDS {
        let before = emptied.removed;
        emptied.mounted_on = 0;
        let missed = walk(top, Bounds::default(), emptied);
        // Whoever goes on moving directories about is walked after, but not for ever.
        if missed.is_empty() && emptied.removed == before {
            return;
        }
        if round == ROUNDS || emptied.removed == before {
            return emptied.take(Err(io::Error::other("a directory could not be read")));
        }
    }
}

impl Visit for Emptied {
    fn enter(&mut self, _: &Arc<OwnedFd>) {}

    fn batch(&mut self, directory: &Arc<OwnedFd>, entries: Vec<Entry>) {
        for entry in entries {
            if entry.kind == FileType::RegularFile {
                let flags = FILE | OFlags::RDWR;
                match Bounds::default().open(directory, &entry.name, flags) {
                    Ok(file) => {
                        let blanked = blank(&File::from(file), &mut self.verified);
                        if blanked.is_err() {
                            self.take(blanked);
                            continue;
                        }
                    }
                    // Something else has its name by now: the next round sees what. A program that runs cannot be opened for
                    // writing: once its process has ended, it is met again.
                    Err(Errno::NOENT | Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::TXTBSY) => continue,
                    Err(error) => {
                        self.take(Err(error.into()));
                        continue;
                    }
                }
            }
            self.remove(directory, &entry.name, AtFlags::empty());
        }
    }

    fn leave(&mut self, parent: &Arc<OwnedFd>, name: &CString) {
        self.remove(parent, name, AtFlags::REMOVEDIR);
    }
}

impl Emptied {
    fn remove(&mut self, directory: &Arc<OwnedFd>, name: &CStr, flags: AtFlags) {
        match unlinkat(directory, name, flags) {
            Ok(()) => self.removed += 1,
            // Something is mounted on it: what it had is overwritten, and its name goes with the file system.
            Err(Errno::BUSY) => self.mounted_on += 1,
            // Something else has its name by now, or something is in it again.
            Err(Errno::NOENT | Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY) => {}
            Err(error) => self.take(Err(error.into())),
        }
    }
}

/// Overwrites what a file has, reads it again, and gives its pages back. A hole has no page.
fn blank(file: &File, verified: &mut Verified) -> io::Result<()> {
    let zeros = vec![0; STEP];
    let mut read = vec![0; STEP];
    let end = file.metadata()?.len();
    let mut at = 0;
    while at < end {
        let Ok(data) = seek(file, SeekFrom::Data(at)) else { break };
        let hole = seek(file, SeekFrom::Hole(data)).unwrap_or(end);
        at = data;
        while at < hole {
            let length = usize::try_from(hole - at).unwrap_or(STEP).min(STEP);
            let (Some(zeros), Some(read)) = (zeros.get(..length), read.get_mut(..length)) else { break };
            file.write_all_at(zeros, at)?;
            file.read_exact_at(read, at)?;
            verified.reread_bytes += length as u64;
            verified.remnants += u64::from(*read != *zeros);
            at += length as u64;
        }
    }
    file.set_len(0)
}

fn no_wait() -> i32 {
    i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;

    use rustix::fs::Mode;

    fn emptied(directory: &Path) -> Emptied {
        let mut emptied = Emptied::default();
        let device = fs::metadata(directory).unwrap().dev();
        empty(&alone(directory, device).unwrap(), &mut emptied);
        emptied
    }

    #[test]
    fn everything_is_overwritten_read_again_and_removed() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let below = directory.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("secret"), [7u8; 10_000]).unwrap();
        let sparse = File::create(below.join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        sparse.write_all_at(b"far", 1 << 39).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", below.join("link")).unwrap();
        let open = File::open(below.join("secret")).unwrap();
        let Emptied { verified, first, .. } = emptied(directory.path());
        assert!(first.is_none(), "{first:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(verified.reread_bytes >= 10_003 && verified.remnants == 0);
        assert_eq!(open.metadata().unwrap().len(), 0);
        assert!(Path::new("/etc/hostname").exists());
    }

    #[test]
    fn a_path_longer_than_any_path_may_be_keeps_nothing() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let name = "n".repeat(200);
        let mut deepest = rustix::fs::open(directory.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..100 {
            rustix::fs::mkdirat(&deepest, &name, Mode::RWXU).unwrap();
            deepest = rustix::fs::openat(&deepest, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let flags = OFlags::CREATE | OFlags::RDWR;
        let file = File::from(rustix::fs::openat(&deepest, "secret", flags, Mode::RWXU).unwrap());
        file.write_all_at(&[7; 5000], 0).unwrap();
        fs::write(directory.path().join("beside"), "secret too").unwrap();
        let Emptied { verified, first, .. } = emptied(directory.path());
        assert!(first.is_none(), "{first:?}");
        assert_eq!((fs::read_dir(directory.path()).unwrap().count(), file.metadata().unwrap().len()), (0, 0));
        assert_eq!(verified.reread_bytes, 5010);
    }

    #[test]
    fn what_is_mounted_there_instead_is_not_touched() {
        let device = fs::metadata("/proc").unwrap().dev();
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        assert!(alone(directory.path(), device).is_err());
    }
}
