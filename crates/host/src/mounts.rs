//! Mounting and unmounting, and what is mounted where.

use std::ffi::{CString, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::deed::Deed;
use crate::error::HostError;

/// One line of a `mountinfo` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number, unlike that of any other mount that there is now.
    pub id: u64,
    /// The file system's device, as `st_dev` has it.
    pub device: u64,
    /// What of the file system is shown.
    pub root: PathBuf,
    /// Where.
    pub point: PathBuf,
    /// The file system's type.
    pub kind: String,
    /// What it was mounted from, as it was said then.
    pub source: String,
    /// Options of the file system itself, comma-separated.
    pub options: String,
    /// Whether nothing can be written by way of this mount.
    pub read_only: bool,
}

impl Mount {
    /// What its file system itself calls something that is seen at `path` through this mount.
    #[must_use]
    pub fn on_it(&self, path: &Path) -> Option<PathBuf> {
        let below = path.strip_prefix(&self.point).ok()?;
        Some(if below.as_os_str().is_empty() { self.root.clone() } else { self.root.join(below) })
    }
}

/// What this process sees mounted, in the order of mounting.
///
/// # Errors
/// [`HostError::Io`] without `/proc`.
pub fn list() -> Result<Vec<Mount>, HostError> {
    seen_by("self")
}

/// What a process sees mounted; `pid` may be `self`.
///
/// # Errors
/// [`HostError::Io`] if the process is gone.
pub fn seen_by(pid: &str) -> Result<Vec<Mount>, HostError> {
    let path = format!("/proc/{pid}/mountinfo");
    let text = std::fs::read(&path).map_err(|error| HostError::io(Deed::Read.of(path), &error))?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// The mount with this number (`stx_mnt_id`); `None` if it is not in this process's namespace.
///
/// # Errors
/// As [`list`].
pub fn by_id(id: u64) -> Result<Option<Mount>, HostError> {
    Ok(list()?.into_iter().find(|mount| mount.id == id))
}

/// The mount that is seen at exactly this place: the latest one.
///
/// # Errors
/// As [`list`].
pub fn at(point: &Path) -> Result<Option<Mount>, HostError> {
    Ok(list()?.into_iter().rev().find(|mount| mount.point == point))
}

/// Mounts a file system for people's files: no set-user-id programs, no device nodes.
///
/// # Errors
/// [`HostError::Io`] as the kernel says.
pub fn mount(source: &Path, point: &Path, kind: &str, options: &str) -> Result<(), HostError> {
    let failed = |error: &io::Error| {
        HostError::io(Deed::Mount.of(format_args!("{} ({kind} {options})", point.display())), error)
    };
    let options = CString::new(options).map_err(|error| failed(&error.into()))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount(source, point, kind, flags, options.as_c_str())
        .map_err(|error| failed(&error.into()))
}

/// Shows `from` at `point` too.
///
/// # Errors
/// [`HostError::Io`] as the kernel says.
pub fn bind(from: &Path, point: &Path) -> Result<(), HostError> {
    rustix::mount::mount_bind(from, point)
        .map_err(|error| HostError::io(Deed::Mount.of(point.display()), &error.into()))
}

/// Lets nobody write by way of the mount that is seen at `point`, or lets everybody who may. What is seen of the same file system
/// elsewhere stays as it is. Only for mounts as [`mount`] makes them.
///
/// # Errors
/// As the kernel says: `EBUSY` while somebody has a file open for writing by way of it.
pub fn set_read_only(point: &Path, read_only: bool) -> io::Result<()> {
    let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
    let flags = if read_only { flags | MountFlags::RDONLY } else { flags };
    Ok(rustix::mount::mount_remount(point, flags, c"")?)
}

/// A directory that was reached through no link: it is the same one whatever becomes of its name.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    directory: File,
}

impl Place {
    /// Opens it. The file system is not asked for anything but the way there.
    ///
    /// # Errors
    /// `ELOOP` for a link anywhere in the path, `ENOTDIR` for anything but a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let directory = openat2(CWD, path, flags, Mode::empty(), resolve)?;
        Ok(Self { path: path.to_owned(), directory: directory.into() })
    }

    /// Its owner and mode.
    ///
    /// # Errors
    /// As its file system says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.directory.metadata()
    }

    /// Shows `from` here too.
    ///
    /// # Errors
    /// [`HostError::Io`] as the kernel says.
    pub fn bind(&self, from: &Path) -> Result<(), HostError> {
        rustix::mount::mount_bind(from, self.link())
            .map_err(|error| HostError::io(Deed::Mount.of(self.path.display()), &error.into()))
    }

    /// Takes the mount away that this is the top of; whoever uses it still can until he lets go.
    ///
    /// # Errors
    /// [`HostError::Io`] if it is none that is seen at this path, and as the kernel says.
    pub fn unmount(self) -> Result<(), HostError> {
        let failed = |error: &io::Error| HostError::io(Deed::Unmount.of(self.path.display()), error);
        let number = self.directory.as_raw_fd();
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
        let about = about.map_err(|error| failed(&error))?;
        let id = about.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
        if !list()?.iter().any(|mount| Some(mount.id) == id && mount.point == self.path) {
            return Err(failed(&io::ErrorKind::NotFound.into()));
        }
        // It is in use by this descriptor.
        rustix::mount::unmount(self.link(), UnmountFlags::DETACH).map_err(|error| failed(&error.into()))
    }

    fn link(&self) -> String {
        format!("/proc/self/fd/{}", self.directory.as_raw_fd())
    }
}

/// What became of an unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmounted {
    /// Nobody used it.
    Clean,
    /// It was in use: it is out of sight, and gone when the last user lets go.
    Lazily,
    /// Nothing was mounted there.
    Absent,
}

/// Takes the latest mount at `point` away, lazily if it is in use.
///
/// # Errors
/// [`HostError::Io`] as the kernel says.
pub fn unmount(point: &Path) -> Result<Unmounted, HostError> {
    let failed = |error: rustix::io::Errno| HostError::io(Deed::Unmount.of(point.display()), &error.into());
    match rustix::mount::unmount(point, UnmountFlags::NOFOLLOW) {
        Ok(()) => Ok(Unmounted::Clean),
        Err(rustix::io::Errno::BUSY) => {
            rustix::mount::unmount(point, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH).map_err(failed)?;
            Ok(Unmounted::Lazily)
        }
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(Unmounted::Absent),
        Err(error) => Err(failed(error)),
    }
}

/// How long another mount namespace may keep whoever unmounts something there.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// Takes the mounts of a file system out of a process's own mount namespace, at once. Those that it cannot give up, because it got
/// them with a user namespace of its own, stay.
///
/// # Errors
/// [`HostError::Io`] if the process is gone, its namespace may not be entered, or something there hangs.
#[expect(
    unsafe_code,
    reason = "a thread takes its own working directory, to be able to enter another namespace"
)]
pub fn unmount_in(pid: u32, device: u64) -> Result<(), HostError> {
    let path = format!("/proc/{pid}/ns/mnt");
    let failed = |error: &io::Error| HostError::io(Deed::Unmount.of(&path), error);
    let namespace = File::open(&path).map_err(|error| failed(&error))?;
    let points: Vec<PathBuf> = seen_by(&pid.to_string())?
        .into_iter()
        .filter(|mount| mount.device == device)
        .map(|mount| mount.point)
        .collect();
    let (tell, told) = channel();
    // A thread of its own, which ends there: a namespace is entered for good.
    std::thread::spawn(move || {
        let flags = UnmountFlags::NOFOLLOW | UnmountFlags::DETACH;
        // SAFETY: this thread shares nothing by way of its working directory with another.
        let entered = unsafe { unshare_unsafe(UnshareFlags::FS) }
            .and_then(|()| move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount)));
        let left = entered.map(|()| {
            // What lies on another is unmounted first. What stays is seen in the list.
            for point in points.iter().rev() {
                let _ = rustix::mount::unmount(point, flags);
            }
        });
        let _ = tell.send(left);
    });
    match told.recv_timeout(ELSEWHERE) {
        Ok(done) => done.map_err(|error| failed(&error.into())),
        Err(_) => Err(failed(&io::ErrorKind::TimedOut.into())),
    }
}

/// Takes the uppermost mount at this place away at once, whoever uses it. Nothing that is mounted there is asked.
///
/// # Errors
/// [`HostError::Io`] as the kernel says.
pub fn unmount_lazily(point: &Path) -> Result<(), HostError> {
    rustix::mount::unmount(point, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
        .map_err(|error| HostError::io(Deed::Unmount.of(point.display()), &error.into()))
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let (major, minor) = std::str::from_utf8(words.nth(1)?).ok()?.split_once(':')?;
    let device = rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?);
    let (root, point) = (path(words.next()?), path(words.next()?));
    let read_only = words.next()?.split(|byte| *byte == b',').any(|option| option == b"ro");
    let mut rest = words.skip_while(|word| *word != b"-").skip(1);
    let text = |word: &[u8]| path(word).to_string_lossy().into_owned();
    let (kind, source, options) = (text(rest.next()?), text(rest.next()?), text(rest.next()?));
    Some(Mount { id, device, root, point, kind, source, options, read_only })
}

/// The kernel writes blanks, tabs, newlines and backslashes as `\040` and the like.
pub(crate) fn unescape(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] = rest {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

fn path(word: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(unescape(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_odd_characters() {
        let line =
            br"36 35 98:3 /a\040b /mnt/\134x\012 rw,noatime master:1 shared:2 - ext4 /dev/root rw,noswap";
        let mount = parse(line).unwrap();
        assert_eq!(mount.id, 36);
        assert_eq!(mount.device, rustix::fs::makedev(98, 3));
        assert_eq!((mount.root, mount.point), (PathBuf::from("/a b"), PathBuf::from("/mnt/\\x\n")));
        assert_eq!((mount.kind.as_str(), mount.options.as_str()), ("ext4", "rw,noswap"));
    }

    #[test]
    fn what_is_seen_through_a_mount_has_a_name_on_its_file_system() {
        let mount = parse(b"36 35 98:3 /a /mnt rw - ext4 /dev/root rw").unwrap();
        assert_eq!(mount.on_it(Path::new("/mnt/b/c")), Some(PathBuf::from("/a/b/c")));
        assert_eq!(mount.on_it(Path::new("/mnt")), Some(PathBuf::from("/a")));
        assert_eq!(mount.on_it(Path::new("/mnt2/b")), None);
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(at(Path::new("/")).unwrap().is_some());
    }
}
