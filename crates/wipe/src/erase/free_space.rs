//! What is left in blocks that are free by now, and in the journal.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hanare_host::storage::{AlignedBuffer, BlockDevice, checkpoint, trim};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, fcntl_getfl, fcntl_setfl, fdatasync, openat};
use rustix::io::{Errno, write};

use super::filesystem::Filesystem;
use crate::boot::BootId;
use crate::outcome::{SkipKind, Tally};

/// Files that free space is filled with: more are never needed, and a disk that others keep emptying has no end.
const FILES: usize = 16;

/// Asked for at once: less than a file may have (16 TiB).
const LARGEST: u64 = 1 << 42;
/// The smallest block of any file system.
const SMALLEST: u64 = 512;

/// A setting of the machine that is changed for a while, to be put back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    /// Its file in `/sys`.
    pub path: PathBuf,
    /// What it held.
    pub value: String,
    /// In which boot: in another one it is what it always was, and its file another disk's perhaps.
    #[serde(default)]
    boot_id: Option<BootId>,
}

impl Setting {
    /// One that is about to be changed.
    pub(super) fn new(path: PathBuf, value: String) -> Self {
        Self { path, value, boot_id: BootId::current().ok() }
    }

    /// Puts it back, if it was changed in this boot.
    pub(crate) fn put_back(&self) {
        if self.boot_id.is_some() && self.boot_id != BootId::current().ok() {
            return;
        }
        if let Err(error) = std::fs::write(&self.path, &self.value) {
            tracing::warn!(%error, path = %self.path.display(), "a setting was not put back");
        }
    }
}

/// The free space of one file system.
pub(super) struct FreeSpace<'f> {
    /// An open directory on it.
    pub(super) directory: &'f OwnedFd,
    pub(super) kind: &'f Filesystem,
    pub(super) device: Option<&'f BlockDevice>,
    pub(super) zeros: &'f AlignedBuffer,
}

impl FreeSpace<'_> {
    /// Discards free blocks; whether that reached all of them. `before` is told of each setting before it is changed.
    pub(super) fn discard(
        &self,
        before: &mut dyn FnMut(Option<&Setting>) -> io::Result<()>,
        tally: &mut Tally,
    ) -> bool {
        let block = rustix::fs::fstatvfs(self.directory).map_or(u64::MAX, |told| told.f_frsize);
        // A loop device discards whole pages of its file: smaller blocks would stay behind, and nobody would say so.
        let coarse = self.device.is_some_and(|device| device.discard_granularity() > block);
        let without = self.device.is_some_and(|device| device.discard_limit() == 0);
        if coarse || without {
            return false;
        }
        if self.kind.has_checkpoint {
            let mut kept_back = Tally::default();
            // What is kept back is again before they are given back: others need it most while there is nothing else.
            let claimed = self.with_reserve(before, &mut kept_back, Self::claim);
            if claimed.map(drop).and_then(|()| rustix::fs::syncfs(self.directory)).is_err() {
                // What it reaches is gone all the same.
                let _ = trim(self.directory);
                return false;
            }
            tally.merge(kept_back);
        }
        trim(self.directory).is_ok()
    }

    /// Asks for all free blocks, and writes nothing to them: ext4 sets blocks aside for small files that may come, up to 2 MiB for
    /// each processor, which no discard reaches, and gives them up only when there are no others.
    fn claim(&self) -> Result<Vec<OwnedFd>, Errno> {
        let mut files = Vec::new();
        while files.len() < FILES {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = openat(self.directory, c".", flags, Mode::RUSR | Mode::WUSR)?;
            let mut end = 0;
            let mut length = self.free()?.next_power_of_two().clamp(1 << 20, LARGEST);
            let told = loop {
                match fallocate(&file, FallocateFlags::KEEP_SIZE, end, length) {
                    Ok(()) => end += length,
                    Err(Errno::INTR) => {}
                    // What there was of it is taken: there is less now, and at last nothing.
                    Err(Errno::NOSPC) if length > SMALLEST && self.free()? > 0 => length /= 2,
                    told => break told,
                }
            };
            files.push(file);
            match told {
                Err(Errno::NOSPC) => return Ok(files),
                // Larger than one file may be: the next one.
                Err(Errno::FBIG) => {}
                Err(error) => return Err(error),
                Ok(()) => return Err(Errno::AGAIN),
            }
        }
        Err(Errno::AGAIN)
    }

    /// Bytes that are free, also those that are kept back.
    fn free(&self) -> Result<u64, Errno> {
        let told = rustix::fs::fstatvfs(self.directory)?;
        Ok(told.f_bfree.saturating_mul(told.f_frsize))
    }

    /// Writes zeros into all free blocks. `before` is told of each setting before it is changed.
    pub(super) fn fill(&self, before: &mut dyn FnMut(Option<&Setting>) -> io::Result<()>, tally: &mut Tally) {
        match self.with_reserve(before, tally, Self::fill_all) {
            Ok(()) => {}
            Err(Errno::IO) => tally.add(SkipKind::IoError, "free-space-not-filled", 1),
            // The disk has free blocks that this process may not have.
            Err(Errno::DQUOT) => tally.add(SkipKind::NotEvaluated, "free-space-quota", 1),
            Err(error) => {
                tracing::debug!(%error, "free space was not filled");
                tally.add(SkipKind::Filesystem, "free-space-not-filled", 1);
            }
        }
    }

    /// Does something while no block is kept back. What can be had is dealt with all the same where some are; those hold what they
    /// held.
    fn with_reserve<T>(
        &self,
        before: &mut dyn FnMut(Option<&Setting>) -> io::Result<()>,
        tally: &mut Tally,
        deal: impl FnOnce(&Self) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut kept_back = |error: &io::Error| {
            tracing::debug!(%error, "blocks are kept back");
            tally.add(SkipKind::Filesystem, "free-space-not-filled", 1);
        };
        let reserve = self.reserve().inspect_err(&mut kept_back).ok().flatten();
        if let Some(reserve) = &reserve {
            before(Some(reserve)).map_err(|_| Errno::IO)?;
            if let Err(error) = std::fs::write(&reserve.path, "0") {
                kept_back(&error);
            }
        }
        let dealt = deal(self);
        if let Some(reserve) = &reserve {
            reserve.put_back();
            // The note of a setting that is back is harmless.
            let _ = before(None);
        }
        dealt
    }

    /// ext4 keeps blocks back even from root, for its own emergencies. The setting, if there are such blocks.
    fn reserve(&self) -> io::Result<Option<Setting>> {
        if !self.kind.has_checkpoint {
            return Ok(None);
        }
        let device = self.device.ok_or(io::ErrorKind::NotFound)?;
        let path = Path::new("/sys/fs/ext4").join(device.name()).join("reserved_clusters");
        let value = std::fs::read_to_string(&path)?.trim().to_owned();
        Ok((value != "0").then(|| Setting::new(path, value)))
    }

    /// Fills with file after file, until a new one takes nothing: a file that is in many pieces wants a block for its own map
    /// and stops before the last free one. Only a full disk is a good end.
    fn fill_all(&self) -> Result<(), Errno> {
        let mut files = Vec::new();
        while files.len() < FILES {
            let (file, written) = self.fill_one()?;
            files.push(file);
            if written == 0 {
                self.settle();
                return if self.has_room() { Err(Errno::IO) } else { Ok(()) };
            }
        }
        // Somebody else frees blocks as fast as they are filled.
        Err(Errno::AGAIN)
    }

    /// Whether there is room for what was refused as if there were none: it is the device, a thin one, that has none.
    fn has_room(&self) -> bool {
        let room = |told: rustix::fs::StatVfs| told.f_bavail.saturating_mul(told.f_frsize);
        let refused = u64::try_from(self.zeros.bytes().len()).unwrap_or(u64::MAX);
        rustix::fs::fstatvfs(self.directory).is_ok_and(|told| room(told) >= refused)
    }

    /// Brings the files' own maps from the journal to their blocks while they still have them: a block that is free again by
    /// then is never written, and keeps what it held before it was a map.
    fn settle(&self) {
        let _ = rustix::fs::syncfs(self.directory);
        if self.kind.has_checkpoint
            && let Err(error) = checkpoint(self.directory)
        {
            // The journal is blanked once more at the end, where a failure counts.
            tracing::debug!(%error, "maps were not written back");
        }
    }

    /// A file without a name: it is gone when this process is, however it ends. Also how much it took.
    fn fill_one(&self) -> Result<(OwnedFd, usize), Errno> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(self.directory, c".", flags, Mode::RUSR | Mode::WUSR)?;
        let mut all = 0_usize;
        let direct = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::DIRECT)).is_ok();
        let mut length = self.zeros.bytes().len();
        loop {
            match write(&file, self.zeros.bytes().get(..length).unwrap_or_default()) {
                Ok(written) if written > 0 => all = all.saturating_add(written),
                Err(Errno::INTR) => {}
                // Not so much in one piece: down to the last block.
                Err(Errno::NOSPC) if length > 512 => length /= 2,
                // As much as one file may have: there is another one.
                Err(Errno::NOSPC | Errno::FBIG) => break,
                Ok(_) => return Err(Errno::IO),
                // Blocks smaller than what the device writes at once.
                Err(Errno::INVAL) if direct && length < self.zeros.bytes().len() => {
                    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::DIRECT)?;
                }
                Err(error) => return Err(error),
            }
        }
        fdatasync(&file)?;
        Ok((file, all))
    }

    /// Blanks the journal.
    pub(super) fn blank_journal(&self, tally: &mut Tally) {
        if !self.kind.has_checkpoint {
            return;
        }
        match checkpoint(self.directory) {
            Ok(()) => {}
            // There is none.
            Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => {}
            Err(error) => {
                tracing::debug!(%error, "the journal was not blanked");
                let failed = error.raw_os_error() == Some(Errno::IO.raw_os_error());
                let kind = if failed { SkipKind::IoError } else { SkipKind::Filesystem };
                tally.add(kind, "journal-not-blanked", 1);
            }
        }
    }
}
