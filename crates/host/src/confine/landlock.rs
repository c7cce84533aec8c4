//! Landlock (`landlock(7)`) by its three system calls, as much of it as the running kernel knows.

#![expect(unsafe_code, reason = "the C library has no functions for Landlock")]

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Access, Grants};
use crate::deed::Deed;
use crate::error::HostError;

// From <linux/landlock.h>.
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const TRUNCATE: u64 = 1 << 14;
/// Every right about files that a version of Landlock knows: the bits below this one.
const FILE_RIGHTS: [(u32, u64); 4] = [(1, 13), (2, 14), (3, 15), (5, 16)];
const BIND_TCP: u64 = 1 << 0;
const CONNECT_TCP: u64 = 1 << 1;
const NETWORK_SINCE: u32 = 4;
/// No abstract Unix socket and no signal to a process outside.
const SCOPES: u64 = 0b11;
const SCOPES_SINCE: u32 = 6;
const ASK_VERSION: u32 = 1;
const PATH_BENEATH: u32 = 1;
const NET_PORT: u32 = 2;

#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

/// Restricts this thread; the version in force, or `None` without Landlock.
pub(super) fn restrict(grants: &Grants) -> Result<Option<u32>, HostError> {
    let Some(version) = version()? else { return Ok(None) };
    let bits = FILE_RIGHTS.iter().rev().find(|(since, _)| version >= *since).map_or(0, |(_, bits)| *bits);
    let files = (1u64 << bits) - 1;
    let network = match version {
        _ if version < NETWORK_SINCE => 0,
        // Any port: the one that the kernel chooses is bound by number in other families too.
        _ if grants.listen.contains(&0) => CONNECT_TCP,
        _ => BIND_TCP | CONNECT_TCP,
    };
    let scopes = if version >= SCOPES_SINCE { SCOPES } else { 0 };
    let ruleset = create(&Ruleset { files, network, scopes })?;
    for (path, access) in &grants.paths {
        grant(&ruleset, path, *access, files)?;
    }
    let listen = grants.listen.iter().map(|port| (BIND_TCP, *port));
    let connect = grants.connect.iter().map(|port| (CONNECT_TCP, *port));
    for (allowed, port) in listen.chain(connect).filter(|(right, _)| network & right != 0) {
        let rule = NetPort { allowed, port: u64::from(port) };
        // SAFETY: `rule` is of the type that NET_PORT wants and lives through the call.
        let added = unsafe {
            libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), NET_PORT, &raw const rule, 0u32)
        };
        checked(added).map_err(failed("landlock_add_rule"))?;
    }
    // SAFETY: plain numbers; the descriptor is open.
    let restricted = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) };
    checked(restricted).map_err(failed("landlock_restrict_self"))?;
    Ok(Some(version))
}

/// The version that this kernel knows and has switched on.
fn version() -> Result<Option<u32>, HostError> {
    // SAFETY: asked for the version, the call reads no memory.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0usize, ASK_VERSION)
    };
    match checked(answer) {
        Ok(version) => Ok(u32::try_from(version).ok().filter(|version| *version > 0)),
        // Not built in, not switched on, or not let through by a container's own filter.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(None),
        Err(error) => Err(failed("landlock_create_ruleset")(error)),
    }
}

fn create(rules: &Ruleset) -> Result<OwnedFd, HostError> {
    // SAFETY: `rules` lives through the call and is as long as said; the kernel takes a longer one than it knows as long as
    // what it does not know is zero. The descriptor is new and owned once.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::from_ref(rules),
            size_of::<Ruleset>(),
            0u32,
        )
    };
    let raw = checked(made).map_err(failed("landlock_create_ruleset"))?;
    let raw = i32::try_from(raw).map_err(|_| failed("landlock_create_ruleset")(Errno::BADF))?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn grant(ruleset: &OwnedFd, path: &Path, access: Access, known: u64) -> Result<(), HostError> {
    let refused = |error: Errno| HostError::io(Deed::Confine.of(path.display()), &error.into());
    let file = match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) if matches!(access, Access::Read | Access::Sockets) => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    let found = rustix::fs::fstat(&file).map_err(refused)?;
    let is_tree = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
    let rights = match access {
        Access::Read if is_tree => READ_FILE | READ_DIR,
        Access::Read => READ_FILE,
        Access::List => READ_DIR,
        Access::Write if is_tree => READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE,
        Access::Write => READ_FILE | WRITE_FILE | TRUNCATE,
        Access::Sockets => MAKE_SOCK | REMOVE_FILE,
        Access::RemoveEmpty => REMOVE_DIR,
    };
    add(ruleset, file.as_fd(), rights & known).map_err(refused)
}

fn add(ruleset: &OwnedFd, file: BorrowedFd<'_>, allowed: u64) -> Result<(), Errno> {
    let rule = PathBeneath { allowed, parent: file.as_raw_fd() };
    // SAFETY: `rule` is of the type that PATH_BENEATH wants and lives through the call, as does the descriptor in it.
    let added = unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), PATH_BENEATH, &raw const rule, 0u32)
    };
    checked(added).map(drop)
}

fn checked(answer: libc::c_long) -> Result<libc::c_long, Errno> {
    if answer >= 0 {
        return Ok(answer);
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

fn failed(what: &'static str) -> impl Fn(Errno) -> HostError {
    move |error| HostError::io(Deed::Confine.of(what), &error.into())
}
