//! Where a file's bytes lie on its device: `FS_IOC_FIEMAP`.
#![expect(unsafe_code, reason = "rustix has no FS_IOC_FIEMAP")]

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// A run of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Offset in the file.
    pub logical: u64,
    /// Offset on the device (in btrfs: in its own address space).
    pub physical: u64,
    /// Bytes.
    pub length: u64,
    /// Whether another file or a snapshot has the same blocks.
    pub shared: bool,
    /// Whether `physical` can be read as the file's bytes: written, at a known place, neither packed nor encrypted.
    pub plain: bool,
}

/// How many extents one call returns.
const AT_ONCE: usize = 32;
/// Extents of the kernel's answer that `physical` says nothing useful about: unknown place, delayed allocation, encoded,
/// encrypted, not aligned, inline, tail, unwritten.
const NOT_PLAIN: u32 = 0x2 | 0x4 | 0x8 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800;
const LAST: u32 = 0x1;
const SHARED: u32 = 0x2000;
/// `FIEMAP_FLAG_XATTR`: the attributes' places are asked for, not the contents'.
const ATTRIBUTES: u32 = 0x2;
/// Attributes are told as inline data, not aligned, also where their place is known.
const INLINE: u32 = 0x100 | 0x200;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Header {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Mapped {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    reserved_too: [u32; 3],
}

#[repr(C)]
struct Request {
    header: Header,
    extents: [Mapped; AT_ONCE],
}

const FIEMAP: Opcode = opcode::read_write::<Header>(b'f', 11);

/// The extents of an open file or directory, in order; at most `limit`. They are as the kernel has them now: what is not
/// written back yet has no place.
///
/// # Errors
/// What the system says; `EOPNOTSUPP` where the file system cannot tell.
pub fn extents<Fd: AsFd>(file: Fd, limit: usize) -> io::Result<Vec<Extent>> {
    let mut found = Vec::new();
    each_extent(file, |extent| {
        if found.len() < limit {
            found.push(extent);
        }
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

/// Shows `each` the extents of an open file or directory, in order, all of them unless it breaks off.
///
/// # Errors
/// As [`extents`].
pub fn each_extent<Fd: AsFd>(file: Fd, each: impl FnMut(Extent) -> ControlFlow<()>) -> io::Result<()> {
    each_of(file, 0, NOT_PLAIN, each)
}

/// Where a file's extended attributes lie on its device, with what else is in that record or block.
///
/// # Errors
/// As [`extents`]; `EBADR` where only the contents' places are told.
pub fn attributes<Fd: AsFd>(file: Fd) -> io::Result<Vec<Extent>> {
    let mut found = Vec::new();
    each_of(file, ATTRIBUTES, NOT_PLAIN & !INLINE, |extent| {
        found.push(extent);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn each_of<Fd: AsFd>(
    file: Fd,
    flags: u32,
    not_plain: u32,
    mut each: impl FnMut(Extent) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut start = 0;
    loop {
        let count = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        let header = Header { start, length: u64::MAX - start, flags, count, ..Header::default() };
        let mut request = Request { header, extents: [Mapped::default(); AT_ONCE] };
        // SAFETY: the opcode is FS_IOC_FIEMAP, whose argument is `struct fiemap` followed by as many `struct fiemap_extent`
        // as `fm_extent_count` says: `Request` has that layout, and room for as many.
        unsafe { ioctl(&file, Updater::<FIEMAP, Request>::new(&mut request)) }?;
        let mapped = usize::try_from(request.header.mapped).unwrap_or(AT_ONCE).min(AT_ONCE);
        let Some(last) = request.extents.iter().take(mapped).next_back() else { return Ok(()) };
        let next = last.logical.saturating_add(last.length);
        for extent in request.extents.iter().take(mapped) {
            let extent = Extent {
                logical: extent.logical,
                physical: extent.physical,
                length: extent.length,
                shared: extent.flags & SHARED != 0,
                plain: extent.flags & not_plain == 0,
            };
            if each(extent).is_break() {
                return Ok(());
            }
        }
        if last.flags & LAST != 0 {
            return Ok(());
        }
        if next <= start {
            return Err(io::Error::other("the extents of a file do not come to an end"));
        }
        start = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_kernels_layout() {
        assert_eq!((size_of::<Header>(), size_of::<Mapped>()), (32, 56));
        assert_eq!(FIEMAP, 0xC020_660B);
    }

    #[test]
    fn a_written_file_has_extents_or_the_file_system_says_that_it_cannot_tell() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &[7; 10_000]).unwrap();
        file.sync_all().unwrap();
        match extents(&file, 100) {
            Ok(found) => assert!(found.iter().map(|extent| extent.length).sum::<u64>() >= 10_000),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP)),
        }
    }

    #[test]
    fn a_file_in_many_pieces_is_shown_to_its_last() {
        use std::os::unix::fs::FileExt as _;

        let file = tempfile::tempfile().unwrap();
        // More than two answers of the kernel.
        let pieces = u64::try_from(2 * AT_ONCE + 5).unwrap();
        for piece in 0..pieces {
            file.write_all_at(&[7; 4096], piece * 8192).unwrap();
        }
        file.sync_all().unwrap();
        let mut seen = Vec::new();
        let shown = each_extent(&file, |extent| {
            seen.push(extent.logical);
            ControlFlow::Continue(())
        });
        match shown {
            Ok(()) => assert_eq!(seen, (0..pieces).map(|piece| piece * 8192).collect::<Vec<_>>()),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP)),
        }
    }
}
