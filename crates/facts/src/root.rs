//! Reading below a root and nowhere else: bounded, never blocking, never touching a device.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use hanare_model::Timestamp;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::fact::{Gap, GapKind};

/// No file of a system's configuration or state that is read here is longer (8 MiB).
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// No directory that is looked into holds more names that matter.
const MAX_NAMES: usize = 4096;

/// A tree that is read as if it were `/`. Nothing outside it is ever opened: the kernel resolves every name inside
/// (`RESOLVE_IN_ROOT`), links that lead out included.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    live: bool,
}

/// Why a directory cannot be a root.
#[derive(Debug, thiserror::Error)]
#[error("{path} is not a directory that can be read")]
pub struct RootError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

impl Root {
    /// The running machine.
    ///
    /// # Errors
    /// If `/` cannot be opened.
    pub fn live() -> Result<Self, RootError> {
        Self::open(Path::new("/"), true)
    }

    /// Another system's files: an image, a mounted disk.
    ///
    /// # Errors
    /// If it is no directory, or cannot be opened.
    pub fn of(path: &Path) -> Result<Self, RootError> {
        Self::open(path, false)
    }

    fn open(path: &Path, live: bool) -> Result<Self, RootError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty())
            .map(|directory| Self { directory, live })
            .map_err(|errno| RootError { path: path.to_owned(), source: errno.into() })
    }

    /// Whether this is the running machine.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Gap> {
        let bytes = self.at_most(path, MAX_FILE.saturating_add(1))?;
        let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE);
        is_whole.then_some(bytes).ok_or_else(|| Gap::new(GapKind::TooLarge, path))
    }

    /// The first bytes of a file, however long it is.
    pub(crate) fn beginning(&self, path: &str, length: usize) -> Result<Vec<u8>, Gap> {
        self.at_most(path, u64::try_from(length).unwrap_or(u64::MAX))
    }

    fn at_most(&self, path: &str, length: u64) -> Result<Vec<u8>, Gap> {
        let gap = |kind| Gap::new(kind, path);
        let (handle, status) = self.handle(path)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(gap(GapKind::NotRegular));
        }
        // Only now that it is known to be a plain file: opening a device may change it, opening a FIFO may wait.
        let file = reopened(&handle, OFlags::RDONLY).map_err(|errno| gap(kind_of(errno)))?;
        let mut bytes = Vec::new();
        let read = File::from(file).take(length).read_to_end(&mut bytes);
        read.map_err(|error| gap(Errno::from_io_error(&error).map_or(GapKind::Failed, kind_of)))?;
        Ok(bytes)
    }

    /// A file's text.
    pub(crate) fn text(&self, path: &str) -> Result<String, Gap> {
        String::from_utf8(self.bytes(path)?).map_err(|_| Gap::new(GapKind::NotText, path))
    }

    /// The names in a directory, sorted; names that are not UTF-8 are a gap: a service may still read them.
    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>, Gap> {
        let gap = |kind| Gap::new(kind, path);
        let (handle, status) = self.handle(path)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
            return Err(gap(GapKind::NotRegular));
        }
        let directory = reopened(&handle, OFlags::RDONLY | OFlags::DIRECTORY);
        let directory = directory.and_then(Dir::new).map_err(|errno| gap(kind_of(errno)))?;
        let mut names = Vec::new();
        for entry in directory {
            let entry = entry.map_err(|errno| gap(kind_of(errno)))?;
            let name = entry.file_name().to_str().map_err(|_| gap(GapKind::NotText))?;
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
            if names.len() > MAX_NAMES {
                return Err(gap(GapKind::TooLarge));
            }
        }
        names.sort();
        Ok(names)
    }

    /// As [`Self::names`]; none for a directory that is not there.
    pub(crate) fn names_if_any(&self, path: &str) -> Result<Vec<String>, Gap> {
        if_any(self.names(path)).map(Option::unwrap_or_default)
    }

    /// Files named `*.conf`, sorted by name. One in an earlier directory masks its namesakes in the later ones, as systemd and
    /// modprobe have it.
    pub(crate) fn drop_ins(&self, directories: &[String]) -> Result<Vec<String>, Gap> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for directory in directories {
            for name in self.names_if_any(directory)? {
                if matches!(name.rsplit_once('.'), Some((_, "conf"))) {
                    let path = format!("{directory}/{name}");
                    files.entry(name).or_insert(path);
                }
            }
        }
        Ok(files.into_values().collect())
    }

    /// When a file was last changed; `None` if there is none.
    pub(crate) fn changed(&self, path: &str) -> Result<Option<Timestamp>, Gap> {
        if_any(self.handle(path).map(|(_, status)| Timestamp::from_seconds(status.st_mtime)))
    }

    /// Whether something of that name is there.
    pub(crate) fn exists(&self, path: &str) -> Result<bool, Gap> {
        if_any(self.handle(path)).map(|found| found.is_some())
    }

    fn handle(&self, path: &str) -> Result<(OwnedFd, rustix::fs::Stat), Gap> {
        let gap = |errno| Gap::new(kind_of(errno), path);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let handle = rustix::fs::openat2(self.directory.as_fd(), path, flags, Mode::empty(), resolve);
        let handle = handle.map_err(gap)?;
        let status = rustix::fs::fstat(&handle).map_err(gap)?;
        Ok((handle, status))
    }
}

/// Nothing instead of a gap, if nothing is there.
pub(crate) fn if_any<T>(found: Result<T, Gap>) -> Result<Option<T>, Gap> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(gap) if gap.kind == GapKind::Absent => Ok(None),
        Err(gap) => Err(gap),
    }
}

/// The same file again, for reading: a handle of `O_PATH` names it and nothing else.
fn reopened(handle: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    let name = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::openat(CWD, name, flags, Mode::empty())
}

/// Why something could not be read.
pub(crate) fn kind_of(errno: Errno) -> GapKind {
    match errno {
        Errno::NOENT | Errno::NOTDIR => GapKind::Absent,
        Errno::ACCESS | Errno::PERM => GapKind::Permission,
        _ => GapKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{Mode, mkfifoat};

    use super::*;

    #[test]
    fn nothing_outside_is_read_and_nothing_odd_blocks() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "outside").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink(outside.path().join("secret"), at("absolute")).unwrap();
        symlink("../../../../../../etc/passwd", at("upward")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("/inside", at("inward")).unwrap();
        std::fs::write(at("inside"), "inside").unwrap();
        std::fs::write(at("binary"), [0xff, 0xfe]).unwrap();
        mkfifoat(CWD, at("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        File::create(at("large")).unwrap().set_len(100 * 1024 * 1024).unwrap();
        let root = Root::of(dir.path()).unwrap();
        let kind = |name: &str| root.text(name).map_err(|gap| gap.kind);
        assert_eq!(kind("absolute"), Err(GapKind::Absent));
        assert_eq!(kind("upward"), Err(GapKind::Absent));
        assert_eq!(kind("/../../etc/passwd"), Err(GapKind::Absent));
        assert_eq!(kind("loop"), Err(GapKind::Failed));
        assert_eq!(kind("inward"), Ok("inside".to_owned()));
        assert_eq!(kind("binary"), Err(GapKind::NotText));
        assert_eq!(kind("fifo"), Err(GapKind::NotRegular));
        assert_eq!(kind("large"), Err(GapKind::TooLarge));
        assert_eq!(kind("."), Err(GapKind::NotRegular));
        assert_eq!(root.names("fifo").unwrap_err().kind, GapKind::NotRegular);
        assert!(Root::of(&at("inside")).is_err() && Root::of(&at("nothing")).is_err());
    }

    #[test]
    fn a_device_is_not_read() {
        let root = Root::live().unwrap();
        assert_eq!(root.bytes("/dev/zero").unwrap_err().kind, GapKind::NotRegular);
        assert!(!root.text("/proc/self/mountinfo").unwrap().is_empty());
    }
}
