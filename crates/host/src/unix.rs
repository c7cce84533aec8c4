//! Unix sockets of any path length, and who is at their other end.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags};

/// The longest path that fits `sockaddr_un`, without the final zero.
const MAX_PATH: usize = 107;
/// Members may do what root may on our sockets.
const ADMIN_GROUP: &str = "hanare";

/// Listens at `path` with the given mode. A socket that nobody listens on any more is replaced; one in use is not.
///
/// # Errors
/// `AddrInUse` if somebody answers there; otherwise what the system says.
pub fn listen(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match connect(path) {
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = with_short(path, UnixListener::bind)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Connects to `path`.
///
/// # Errors
/// What the system says.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short(path, UnixStream::connect)
}

/// Makes a runtime directory that everybody may pass through, whatever the umask; who may do what is decided at the sockets
/// in it. One that is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn create_runtime_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives a socket of this process's user to the group `hanare`, so that its members can connect; nothing without such a
/// group. A worker has no capability for that, hence the host process does it.
///
/// # Errors
/// `InvalidInput` if something else is at `path`; otherwise what the system says.
pub fn give_to_admins(path: &Path) -> io::Result<()> {
    admin_group().map_or(Ok(()), |group| give(path, group))
}

fn give(path: &Path, group: u32) -> io::Result<()> {
    // The worker owns the directory's contents: whatever it put there instead of its socket is not touched.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let found = rustix::fs::fstat(&file)?;
    let is_socket = FileType::from_raw_mode(found.st_mode) == FileType::Socket;
    if !is_socket || found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    rustix::fs::chownat(file, "", None, Some(Gid::from_raw(group)), AtFlags::EMPTY_PATH)?;
    Ok(())
}

/// Calls `action` with a name of the same file that is short enough.
fn with_short<T>(path: &Path, action: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= MAX_PATH {
        return action(path.to_owned());
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let directory =
        rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    action(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

/// Who is at the other end of a connected Unix socket, as the kernel saw them when they connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The process; 0 for one that has no number here, because it lives in another namespace of process numbers than this
    /// process or one inside it.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
    /// Its groups, the primary one first.
    pub groups: Vec<u32>,
}

impl Peer {
    /// Asks the kernel.
    ///
    /// # Errors
    /// `NotConnected` for a socket without another end, which would be nobody's; otherwise what the system says, for example
    /// for a socket that is not a Unix one.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        let socket = socket.as_fd();
        let credentials = peer_credentials(socket)?;
        if credentials.uid == NOBODY {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let mut groups = vec![credentials.gid];
        groups.extend(peer_groups(socket)?);
        Ok(Self { pid: credentials.pid, uid: credentials.uid, groups })
    }

    /// Root, or a member of the group `hanare`.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.uid == 0 || admin_group().is_some_and(|group| self.groups.contains(&group))
    }
}

/// The group's number, once it was looked up for good.
static ADMINS: OnceLock<Option<u32>> = OnceLock::new();

/// Looks the group `hanare` up for as long as this process lives: a confined one may not read `/etc/group` later, which every
/// `usermod` replaces by another file. Who its members are is the kernel's to say, and new each time.
pub fn learn_admins() {
    ADMINS.get_or_init(read_admin_group);
}

fn admin_group() -> Option<u32> {
    ADMINS.get().copied().unwrap_or_else(read_admin_group)
}

fn read_admin_group() -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(ADMIN_GROUP)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// What the kernel says of a socket that was never connected; no user has this number.
const NOBODY: u32 = u32::MAX;

/// Not rustix's: its process number cannot be 0, which the kernel's can.
#[expect(unsafe_code, reason = "no safe wrapper of SO_PEERCRED admits a process number of 0")]
fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut credentials = libc::ucred { pid: 0, uid: NOBODY, gid: NOBODY };
    let mut length =
        libc::socklen_t::try_from(size_of_val(&credentials)).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: `credentials` is valid for `length` bytes of plain numbers, and the kernel writes at most so many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(credentials) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "no safe wrapper of SO_PEERGROUPS exists in the libraries we use")]
fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut length = libc::socklen_t::try_from(size_of_val(groups.as_slice()))
            .map_err(|_| io::ErrorKind::InvalidData)?;
        // SAFETY: `groups` is valid for `length` bytes, and the kernel writes at most `length` bytes of gid_t and the
        // length that it wants or used.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = length as usize / size_of::<libc::gid_t>();
        if result == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || count <= groups.len() {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_longer_than_the_kernel_takes_still_works() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join("node.sock");
        let listener = listen(&path, 0o600).unwrap();
        assert_eq!(listen(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let client = connect(&path).unwrap();
        let (served, _) = listener.accept().unwrap();
        let peer = Peer::of(&served).unwrap();
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
        assert_eq!(peer.uid, rustix::process::getuid().as_raw());
        assert_eq!(peer.is_admin(), peer.uid == 0 || peer.groups.iter().any(|g| Some(*g) == admin_group()));
        drop((client, served, listener));
        listen(&path, 0o600).unwrap();
    }

    #[test]
    fn a_socket_without_another_end_is_nobodys() {
        let alone = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let credentials = peer_credentials(alone.as_fd()).unwrap();
        assert_eq!((credentials.pid, credentials.uid), (0, NOBODY));
        assert_eq!(Peer::of(&alone).unwrap_err().kind(), io::ErrorKind::NotConnected);
    }

    #[test]
    fn a_socket_and_nothing_else_is_given_to_a_group() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let runtime = directory.path().join("deep").join("run");
        create_runtime_directory(&runtime).unwrap();
        create_runtime_directory(&runtime).unwrap();
        assert_eq!(runtime.metadata().unwrap().mode() & 0o7777, 0o755);
        let path = runtime.join("hq.sock");
        let _listener = listen(&path, 0o660).unwrap();
        // Another group than ours takes root; our own takes nobody.
        let own = rustix::process::getegid().as_raw();
        let group = if give(&path, own + 7).is_ok() { own + 7 } else { own };
        give(&path, group).unwrap();
        assert_eq!(path.metadata().unwrap().gid(), group);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o660);
        let (file, link) = (runtime.join("file"), runtime.join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for other in [file, link] {
            assert_eq!(give(&other, own).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
