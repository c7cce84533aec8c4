//! How a file system names itself and its inodes, beyond the numbers that it and its device happen to have in this boot.
#![expect(unsafe_code, reason = "rustix has neither FS_IOC_GETVERSION nor FS_IOC_GETFSUUID")]

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl, opcode};

/// `FS_IOC_GETVERSION`: its number says `long`, the kernel writes an `int`.
const GENERATION: Opcode = opcode::read::<libc::c_long>(b'v', 1);

/// `struct fsuuid2`.
#[repr(C)]
struct Uuid {
    length: u8,
    bytes: [u8; 16],
}

/// `FS_IOC_GETFSUUID`.
const UUID: Opcode = opcode::read::<Uuid>(0x15, 0);

/// The generation of an open file or directory: the next user of its inode's number has another one.
///
/// # Errors
/// `ENOTTY` from a file system that has none.
pub fn generation<Fd: AsFd>(file: Fd) -> io::Result<u32> {
    // SAFETY: the opcode is FS_IOC_GETVERSION, whose argument points to memory that the kernel writes 32 bits to.
    let value = unsafe { ioctl(file, Getter::<GENERATION, libc::c_int>::new()) }?;
    Ok(value.cast_unsigned())
}

/// The UUID of an open file's file system.
///
/// # Errors
/// `ENOTTY` from a kernel before 6.9, or a file system that has none.
pub fn uuid<Fd: AsFd>(file: Fd) -> io::Result<Vec<u8>> {
    // SAFETY: the opcode is FS_IOC_GETFSUUID, whose argument points to a `struct fsuuid2` that the kernel fills.
    let uuid = unsafe { ioctl(file, Getter::<UUID, Uuid>::new()) }?;
    Ok(uuid.bytes.iter().take(usize::from(uuid.length)).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_kernels() {
        assert_eq!((GENERATION, UUID), (0x8008_7601, 0x8011_1500));
    }

    #[test]
    fn what_is_no_file_system_refuses() {
        let (end, _other) = io::pipe().unwrap();
        assert!(generation(&end).is_err() && uuid(&end).is_err());
    }
}
