//! What a work volume is, as `create` decided it: kind, size, and what it lies on. No key, no name of a person.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files, swap};
use rustix::fs::{Advice, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::error::VolumeError;
use super::{device, owners};
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
    /// What is written at the end of that device, so that no other one is taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
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
        Ok(Self { version: 1, kind, size, backing, mark: None })
    }

    /// Whether both are the same volume; what is only judged has no mark yet.
    pub(super) fn is_same(&self, judged: &Self) -> bool {
        *self == Self { mark: self.mark.clone(), ..judged.clone() }
    }

    /// Bytes for a file system on a device; in a file it takes up all of it.
    pub(super) fn room(&self) -> Option<u64> {
        self.is_device().then(|| device::place(self.size))
    }

    /// Whether a device is the one that it was created on, whatever that is called by now.
    ///
    /// # Errors
    /// [`VolumeError::AnotherDevice`] if not.
    pub(super) fn check(&self) -> Result<(), VolumeError> {
        let Some(path) = self.backing.as_deref().filter(|path| is_device(path)) else {
            return match &self.mark {
                // What was a device is something else now.
                Some(_) => Err(VolumeError::AnotherDevice { path: self.backing.clone().unwrap_or_default() }),
                None => Ok(()),
            };
        };
        device::check(path, self.size, self.mark.as_deref())
    }

    /// Whether it lies on a whole device, whose content goes.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.backing.as_deref().is_some_and(is_device)
    }

    /// Makes room for it, and has `keep` write down what it is. A file is written whole, so that a full disk cannot surprise it later,
    /// and so that it holds nothing that removed files have left: blocks that are only reserved (`fallocate`) keep that. It has no
    /// name until it is whole and written down: who dies before leaves nothing behind.
    pub(super) fn make_room(
        &self,
        keep: impl FnOnce(&Self) -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        let Some(path) = self.backing.as_deref() else { return keep(self) };
        if is_device(path) {
            return self.mark(path, keep);
        }
        let keep = || keep(self);
        let folder = path.parent().unwrap_or(Path::new("/"));
        files::create_private_directory(folder).map_err(VolumeError::io(Deed::Create, folder))?;
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                let file = File::from(file);
                blank(&file, self.size).map_err(VolumeError::io(Deed::Write, path))?;
                keep()?;
                let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
                rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)
                    .map_err(io::Error::from)
                    .and_then(|()| files::sync_directory(folder))
                    .map_err(VolumeError::io(Deed::Create, path))
            }
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => self.make_named(path, keep),
            Err(error) => Err(VolumeError::io(Deed::Create, path)(error.into())),
        }
    }

    /// Marks the device, then writes down what it is marked with: whoever dies between both has spoilt nothing that was not to go.
    fn mark(
        &self,
        path: &Path,
        keep: impl FnOnce(&Self) -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        let written = |error| VolumeError::io(Deed::Write, path)(error);
        let device = open_alone(path).map_err(written)?;
        let mark = device::new_mark().map_err(written)?;
        device::put(&device, self.size, &mark).map_err(written)?;
        keep(&Self { mark: Some(mark), ..self.clone() })
    }

    /// The same where the file system has no files without a name.
    fn make_named(
        &self,
        path: &Path,
        keep: impl FnOnce() -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(VolumeError::io(Deed::Create, path))?;
        let made = blank(&file, self.size).map_err(VolumeError::io(Deed::Write, path)).and_then(|()| keep());
        made.inspect_err(|_| {
            // The first error is the one worth reporting.
            let _ = std::fs::remove_file(path);
        })
    }

    /// Whether there is room for it: written down comes before that.
    pub(super) fn has_room(&self) -> bool {
        self.backing.as_deref().is_none_or(|path| path.exists() && self.check().is_ok())
    }
}

/// Written at once.
const STEP: u64 = 4 << 20;
/// And until the disk is waited for: so much memory and no more is taken up.
const AHEAD: u64 = 64 << 20;

/// Writes zeros, durably, and keeps none of them in memory.
fn blank(file: &File, size: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(STEP).unwrap_or(0)];
    let mut at = 0;
    while at < size {
        let length = usize::try_from(STEP.min(size - at)).unwrap_or(0);
        file.write_all_at(zeros.get(..length).unwrap_or_default(), at)?;
        at += STEP;
        if at % AHEAD == 0 || at >= size {
            file.sync_all()?;
            rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
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
            Err(_) => owners::nobody_else_can_replace(path).map(|()| path.to_owned()),
        };
    }
    owners::nobody_else_can_replace(path)?;
    let real = path.canonicalize().map_err(VolumeError::io(Deed::Read, path))?;
    open_alone(&real).map_err(|error| {
        if error.kind() == io::ErrorKind::ResourceBusy {
            VolumeError::InUse { path: path.to_owned() }
        } else {
            VolumeError::io(Deed::Open, path)(error)
        }
    })?;
    let there = length(&real)?;
    // As it was called: a link below `/dev/disk` leads to the same disk at every boot.
    if there < size { Err(unfit()) } else { Ok(path.to_owned()) }
}

/// Opens a block device if nobody uses it: the kernel refuses that of one that is mounted, mapped or swapped to.
pub(super) fn open_alone(device: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc_exclusive()).open(device)
}

/// `O_EXCL`, which on a block device means: only if nobody uses it.
fn libc_exclusive() -> i32 {
    i32::try_from(OFlags::EXCL.bits()).unwrap_or(0)
}

/// Bytes of a file or device.
pub(super) fn length(path: &Path) -> Result<u64, VolumeError> {
    use std::io::Seek as _;
    File::open(path)
        .and_then(|mut file| file.seek(io::SeekFrom::End(0)))
        .map_err(VolumeError::io(Deed::Read, path))
}
