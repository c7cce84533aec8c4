//! What a file system does for the whole device: discard what is free, write its journal back and blank it.
#![expect(unsafe_code, reason = "rustix has neither FITRIM nor EXT4_IOC_CHECKPOINT")]

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};

/// `struct fstrim_range`.
#[repr(C)]
struct Range {
    start: u64,
    length: u64,
    least: u64,
}

/// `FITRIM`.
const TRIM: Opcode = opcode::read_write::<Range>(b'X', 121);
/// `EXT4_IOC_CHECKPOINT`.
const CHECKPOINT: Opcode = opcode::write::<u32>(b'f', 43);
/// `EXT4_IOC_CHECKPOINT_FLAG_ZEROOUT`: the journal's blocks are overwritten with zeros.
const ZEROOUT: u32 = 0x2;

/// Tells the device below the open directory's file system which blocks are free; how many bytes that were.
///
/// # Errors
/// `EOPNOTSUPP` where file system or device has no discard; otherwise what the system says.
pub fn trim<Fd: AsFd>(directory: Fd) -> io::Result<u64> {
    let mut range = Range { start: 0, length: u64::MAX, least: 0 };
    // SAFETY: the opcode is FITRIM, whose argument is a `struct fstrim_range` that the kernel reads and updates.
    unsafe { ioctl(directory, Updater::<TRIM, Range>::new(&mut range)) }?;
    Ok(range.length)
}

/// Writes ext4's journal back to where its blocks belong and overwrites the journal with zeros.
///
/// # Errors
/// `ENOTTY` from another file system or a kernel before 5.14, `ENODEV` where there is no journal; otherwise what the system
/// says.
pub fn checkpoint<Fd: AsFd>(directory: Fd) -> io::Result<()> {
    // SAFETY: the opcode is EXT4_IOC_CHECKPOINT, whose argument points to 32 bits of flags that the kernel only reads.
    unsafe { ioctl(directory, Setter::<CHECKPOINT, u32>::new(ZEROOUT)) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_kernels() {
        assert_eq!((TRIM, CHECKPOINT), (0xC018_5879, 0x4004_662B));
    }

    #[test]
    fn what_is_no_file_system_refuses() {
        let (end, _other) = io::pipe().unwrap();
        assert!(trim(&end).is_err() && checkpoint(&end).is_err());
    }
}
