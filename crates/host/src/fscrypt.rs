//! Encryption of directories by the file system itself: keys go in and out by ioctl, and the kernel says whether one is left.
#![expect(unsafe_code, reason = "the kernel's file encryption is controlled by ioctls")]

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::deed::Deed;
use crate::error::HostError;
use crate::ioctl;

const GROUP: u8 = b'f';
const SET_POLICY: u32 = 0x800c_6613;
const GET_POLICY: u32 = 0xc009_6616;
const ADD_KEY: u32 = ioctl::read_write(GROUP, 23, 80);
const REMOVE_KEY: u32 = ioctl::read_write(GROUP, 25, 64);
const KEY_STATUS: u32 = ioctl::read_write(GROUP, 26, 128);

/// Keys of the second version are named by what the kernel computes from them.
const BY_IDENTIFIER: u32 = 2;
const CONTENTS_AES_256_XTS: u8 = 1;
const NAMES_AES_256_CTS: u8 = 4;
const PAD_NAMES_TO_32: u8 = 3;

/// What the kernel calls a key by.
pub type Identifier = [u8; 16];

/// What the kernel says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// It is there.
    Present,
    /// It was taken away, but files that are open can still be read.
    FilesBusy,
    /// It is gone.
    Absent,
}

/// `struct fscrypt_key_specifier`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Specifier {
    kind: u32,
    reserved: u32,
    identifier: Identifier,
    unused: [u8; 16],
}

/// `struct fscrypt_add_key_arg`, with room for the key behind it.
#[repr(C)]
#[derive(ZeroizeOnDrop)]
struct Add {
    #[zeroize(skip)]
    key: Specifier,
    size: u32,
    key_id: u32,
    reserved: [u32; 8],
    raw: [u8; 64],
}

#[repr(C)]
struct Remove {
    key: Specifier,
    flags: u32,
    reserved: [u32; 5],
}

#[repr(C)]
struct Status {
    key: Specifier,
    reserved: [u32; 6],
    state: u32,
    flags: u32,
    users: u32,
    out_reserved: [u32; 13],
}

/// `struct fscrypt_policy_v2`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Policy {
    version: u8,
    contents: u8,
    names: u8,
    flags: u8,
    data_unit: u8,
    reserved: [u8; 3],
    identifier: Identifier,
}

#[repr(C)]
struct PolicyOf {
    size: u64,
    policy: Policy,
}

const _: () = assert!(size_of::<Add>() == 80 + 64 && size_of::<Remove>() == 64 && size_of::<Status>() == 128);
const _: () = assert!(size_of::<Policy>() == 24);

/// Gives the file system mounted at `mount` a key, and says what it calls it.
///
/// # Errors
/// [`HostError::Io`]: a file system that cannot encrypt says so here.
pub fn add_key(mount: &Path, secret: &[u8; 64]) -> Result<Identifier, HostError> {
    let mut argument =
        Add { key: by_identifier([0; 16]), size: 64, key_id: 0, reserved: [0; 8], raw: *secret };
    let directory = open(mount)?;
    // SAFETY: FS_IOC_ADD_ENCRYPTION_KEY reads a `struct fscrypt_add_key_arg` and the 64 bytes behind it, which `Add` is, and
    // writes the identifier into it.
    let added = unsafe { ioctl::call(directory.as_fd(), ADD_KEY, &raw mut argument) };
    argument.raw.zeroize();
    added.map_err(|error| failed(Deed::Encrypt, mount, &error))?;
    Ok(argument.key.identifier)
}

/// Encrypts everything that is made in the empty `directory` from now on.
///
/// # Errors
/// [`HostError::Io`].
pub fn encrypt(directory: &Path, key: Identifier) -> Result<(), HostError> {
    let mut policy = Policy {
        version: 2,
        contents: CONTENTS_AES_256_XTS,
        names: NAMES_AES_256_CTS,
        flags: PAD_NAMES_TO_32,
        data_unit: 0,
        reserved: [0; 3],
        identifier: key,
    };
    let opened = open(directory)?;
    // SAFETY: FS_IOC_SET_ENCRYPTION_POLICY reads the version and then a policy of that version, which `Policy` is.
    unsafe { ioctl::call(opened.as_fd(), SET_POLICY, &raw mut policy) }
        .map(drop)
        .map_err(|error| failed(Deed::Encrypt, directory, &error))
}

/// The key of an encrypted directory; `None` if it is not encrypted.
///
/// # Errors
/// [`HostError::Io`].
pub fn key_of(directory: &Path) -> Result<Option<Identifier>, HostError> {
    let policy = Policy {
        version: 0,
        contents: 0,
        names: 0,
        flags: 0,
        data_unit: 0,
        reserved: [0; 3],
        identifier: [0; 16],
    };
    let mut argument = PolicyOf { size: 24, policy };
    let opened = open(directory)?;
    // SAFETY: FS_IOC_GET_ENCRYPTION_POLICY_EX writes at most as many bytes as `size` says, which `policy` has.
    match unsafe { ioctl::call(opened.as_fd(), GET_POLICY, &raw mut argument) } {
        Ok(_) if argument.policy.version == 2 => Ok(Some(argument.policy.identifier)),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)) => Ok(None),
        Err(error) => Err(failed(Deed::Encrypt, directory, &error)),
    }
}

/// Takes a key away and says what is left of it. Repeating it is how files that were busy are asked about again.
///
/// # Errors
/// [`HostError::Io`].
pub fn remove_key(mount: &Path, key: Identifier) -> Result<KeyStatus, HostError> {
    let mut argument = Remove { key: by_identifier(key), flags: 0, reserved: [0; 5] };
    let directory = open(mount)?;
    // SAFETY: FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS reads and writes a `struct fscrypt_remove_key_arg`, which `Remove` is.
    match unsafe { ioctl::call(directory.as_fd(), REMOVE_KEY, &raw mut argument) } {
        Ok(_) => {}
        // There is none.
        Err(error) if error.raw_os_error() == Some(libc::ENOKEY) => {}
        Err(error) => return Err(failed(Deed::Encrypt, mount, &error)),
    }
    key_status(mount, key)
}

/// What the kernel says of a key.
///
/// # Errors
/// [`HostError::Io`].
pub fn key_status(mount: &Path, key: Identifier) -> Result<KeyStatus, HostError> {
    let mut argument = Status {
        key: by_identifier(key),
        reserved: [0; 6],
        state: 0,
        flags: 0,
        users: 0,
        out_reserved: [0; 13],
    };
    let directory = open(mount)?;
    // SAFETY: FS_IOC_GET_ENCRYPTION_KEY_STATUS reads and writes a `struct fscrypt_get_key_status_arg`, which `Status` is.
    unsafe { ioctl::call(directory.as_fd(), KEY_STATUS, &raw mut argument) }
        .map_err(|error| failed(Deed::Encrypt, mount, &error))?;
    match argument.state {
        1 => Ok(KeyStatus::Absent),
        2 => Ok(KeyStatus::Present),
        3 => Ok(KeyStatus::FilesBusy),
        _ => Err(failed(Deed::Encrypt, mount, &io::ErrorKind::InvalidData.into())),
    }
}

const fn by_identifier(identifier: Identifier) -> Specifier {
    Specifier { kind: BY_IDENTIFIER, reserved: 0, identifier, unused: [0; 16] }
}

fn open(path: &Path) -> Result<File, HostError> {
    File::open(path).map_err(|error| failed(Deed::Open, path, &error))
}

fn failed(deed: Deed, path: &Path, error: &io::Error) -> HostError {
    HostError::io(deed.of(path.display()), error)
}
