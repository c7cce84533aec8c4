//! The kind `ram`: files in memory that is never written to a disk. There is no key; ending it overwrites every page.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use hanare_host::mounts;
use rustix::fs::{OFlags, SeekFrom, seek};

use super::definition::memory_may_leak;
use super::error::VolumeError;
use super::holders::{self, Holders};
use super::medium::{KeyState, Medium};
use super::opening::Opening;
use crate::outcome::{Method, Verified};

/// Written and read at once.
const STEP: usize = 1 << 20;

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

    fn destroy(&self, opening: &Opening, holders: &Holders) -> Result<Verified, VolumeError> {
        let mut verified = Verified::default();
        // Nameless files first: emptied through whoever holds them.
        for link in opening.device.into_iter().flat_map(|device| holders.open_files(device)) {
            // A directory, a pipe, or a process that is gone: nothing that holds data.
            if let Ok(file) = OpenOptions::new().read(true).write(true).custom_flags(no_wait()).open(&link) {
                blank(&file, &mut verified)
                    .map_err(VolumeError::io("overwriting in", &opening.mountpoint))?;
            }
        }
        if self.is_mounted(opening)? {
            empty(&opening.mountpoint, &mut verified)
                .map_err(VolumeError::io("overwriting in", &opening.mountpoint))?;
        }
        Ok(verified)
    }

    /// While it is mounted the kernel counts the pages in use; afterwards it is gone if nobody has it mounted or open.
    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError> {
        if self.is_mounted(opening)? {
            let point = &opening.mountpoint;
            let counts =
                rustix::fs::statvfs(point).map_err(|error| VolumeError::io("asking", point)(error.into()))?;
            let used = counts.f_blocks.saturating_sub(counts.f_bfree);
            return Ok(if used == 0 { KeyState::Gone } else { KeyState::Present });
        }
        let left =
            opening.device.map_or(0, |device| holders::mounts_left(device) + holders::find(device).len());
        Ok(if left == 0 { KeyState::Gone } else { KeyState::Busy })
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
    /// Whether what is mounted there is this opening's, and not what lies below or somebody else's.
    #[expect(clippy::unused_self, reason = "reads as a question to the volume")]
    fn is_mounted(&self, opening: &Opening) -> Result<bool, VolumeError> {
        let found = mounts::at(&opening.mountpoint)?;
        Ok(found.is_some_and(|mount| mount.kind == "tmpfs" && mount.source == opening.name()))
    }
}

/// Overwrites and removes everything below a directory of a file system in memory, whose links lead nowhere else.
fn empty(directory: &Path, verified: &mut Verified) -> io::Result<()> {
    let mut folders = vec![(directory.to_owned(), false)];
    while let Some((folder, emptied)) = folders.pop() {
        if emptied {
            fs::remove_dir(&folder)?;
            continue;
        }
        if folder != directory {
            folders.push((folder.clone(), true));
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push((entry.path(), false));
                continue;
            }
            if kind.is_file() {
                let flags = no_wait() | i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
                let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(entry.path());
                match file {
                    Ok(file) => blank(&file, verified)?,
                    // A program that runs cannot be opened for writing: its process is stopped and ends, and the page goes then.
                    Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
                    Err(error) => return Err(error),
                }
            }
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
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
        let mut verified = Verified::default();
        empty(directory.path(), &mut verified).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(verified.reread_bytes >= 10_003 && verified.remnants == 0);
        assert_eq!(open.metadata().unwrap().len(), 0);
        assert!(Path::new("/etc/hostname").exists());
    }
}
