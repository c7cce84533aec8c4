//! What a work volume is, as `create` decided it: kind, size, and what it lies on. No key, no name of a person.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files, swap};
use serde::{Deserialize, Serialize};

use super::error::VolumeError;
use crate::volume_kind::VolumeKind;

/// The least that a file system with a little room fits in.
const LEAST: u64 = 8 << 20;
/// A volume's own file in the state directory, where `create` was given none.
const FILE: &str = "work.volume";

/// What a work volume is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    version: u32,
    /// How its data is kept from surviving.
    pub kind: VolumeKind,
    /// Bytes.
    pub size: u64,
    /// The file or device that it lies on; `None` in memory.
    pub backing: Option<PathBuf>,
}

impl Definition {
    /// Decides what a new volume is and checks that it can be one. Nothing is changed.
    ///
    /// # Errors
    /// [`VolumeError`]: a size too small, nothing to lie on, a device in use, memory that reaches a disk.
    pub fn judge(
        kind: VolumeKind,
        size: u64,
        backing: Option<&Path>,
        state: &Path,
    ) -> Result<Self, VolumeError> {
        if size < LEAST {
            return Err(VolumeError::TooSmall { size });
        }
        let backing = match (kind, backing) {
            (VolumeKind::Ram, Some(_)) => return Err(VolumeError::Backing { kind, wanted: false }),
            (VolumeKind::Ram, None) => None,
            (VolumeKind::DmCrypt | VolumeKind::Fscrypt, None) => Some(super::place(state).join(FILE)),
            (VolumeKind::DmCrypt | VolumeKind::Fscrypt, Some(path)) => Some(fit(path, size)?),
        };
        Ok(Self { version: 1, kind, size, backing })
    }

    /// Whether it lies on a whole device, whose content goes.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.backing.as_deref().is_some_and(is_device)
    }

    /// Makes room for it: a file is allocated whole, so that a full disk cannot surprise it later.
    pub(super) fn make_room(&self) -> Result<(), VolumeError> {
        let Some(path) = self.backing.as_deref().filter(|path| !is_device(path)) else { return Ok(()) };
        if let Some(parent) = path.parent() {
            files::create_private_directory(parent).map_err(VolumeError::io(Deed::Create, parent))?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(VolumeError::io(Deed::Create, path))?;
        let allocated = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, self.size)
            .map_err(std::io::Error::from)
            .and_then(|()| file.sync_all());
        allocated.map_err(|error| {
            // The first error is the one worth reporting.
            let _ = std::fs::remove_file(path);
            VolumeError::io(Deed::Write, path)(error)
        })
    }
}

/// Whether memory that a volume lies in could reach a disk in the clear.
pub(super) fn memory_may_leak() -> Result<bool, VolumeError> {
    Ok(swap::worst()? == swap::SwapKind::Plain)
}

pub(super) fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_block_device())
}

/// A new file's path, or a device that nobody uses and that is large enough.
fn fit(path: &Path, size: u64) -> Result<PathBuf, VolumeError> {
    let unfit = || VolumeError::Unfit { path: path.to_owned() };
    if !path.is_absolute() {
        return Err(unfit());
    }
    if !is_device(path) {
        return match std::fs::symlink_metadata(path) {
            Ok(_) => Err(unfit()),
            Err(_) => Ok(path.to_owned()),
        };
    }
    let real = path.canonicalize().map_err(VolumeError::io(Deed::Read, path))?;
    // The kernel refuses an exclusive opening of a device that is mounted, mapped or swapped to.
    let opened = OpenOptions::new().read(true).write(true).custom_flags(libc_exclusive()).open(&real);
    opened.map_err(|error| {
        if error.kind() == std::io::ErrorKind::ResourceBusy {
            VolumeError::InUse { path: path.to_owned() }
        } else {
            VolumeError::io(Deed::Open, path)(error)
        }
    })?;
    let there = length(&real)?;
    if there < size { Err(unfit()) } else { Ok(real) }
}

/// `O_EXCL`, which on a block device means: only if nobody uses it.
fn libc_exclusive() -> i32 {
    i32::try_from(rustix::fs::OFlags::EXCL.bits()).unwrap_or(0)
}

/// Bytes of a file or device.
pub(super) fn length(path: &Path) -> Result<u64, VolumeError> {
    use std::io::Seek as _;
    File::open(path)
        .and_then(|mut file| file.seek(std::io::SeekFrom::End(0)))
        .map_err(VolumeError::io(Deed::Read, path))
}
