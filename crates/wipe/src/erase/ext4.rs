//! ext4's tables of inodes as they lie on the device, read only as far as asking for the records of removed files needs.
//!
//! Offsets and flags are those of the kernel's `fs/ext4/ext4.h` (`ext4_super_block`, `ext4_group_desc`, `ext4_inode`,
//! `ext4_xattr_ibody_header`), which are the format of the disk and do not change.

use std::fs::File;
use std::io;

use hanare_host::storage::{ALIGNMENT, AlignedBuffer};
use rustix::io::{Errno, pread};

/// Read at once.
const AT_ONCE: usize = 4 << 20;
/// So many numbers are told at once: 4 MiB of them, and half a minute to use them again.
const MOST: usize = 1 << 20;
/// Where the superblock begins, and how long it is.
const SUPERBLOCK: u64 = 1024;
const MAGIC: u16 = 0xef53;
/// Descriptors of groups lie in the groups themselves: no such file system is read here.
const META_BG: u32 = 0x10;
const WIDE: u32 = 0x80;
/// Descriptors have checksums, and say what of a group was never used.
const GDT_CSUM: u32 = 0x10;
const METADATA_CSUM: u32 = 0x400;
/// Nothing of this group's table was ever used.
const INODE_UNINIT: u16 = 1;

/// Where the tables are.
#[derive(Debug)]
pub(super) struct Tables {
    block: u64,
    inode_size: usize,
    per_group: u32,
    inodes: u32,
    first: u32,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    bitmap: u64,
    table: u64,
    /// Records that were ever used, from the first one.
    used: u32,
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

impl Tables {
    /// Reads where they are.
    ///
    /// # Errors
    /// `Unsupported` for a layout that is not read here, `InvalidData` for what is no such file system.
    pub(super) fn read(device: &File) -> io::Result<Self> {
        let mut reader = Reader::new(device);
        let head = reader.bytes(SUPERBLOCK, 1024)?;
        let short = |at| u16_at(head, at).ok_or_else(|| bad("a short superblock"));
        let long = |at| u32_at(head, at).ok_or_else(|| bad("a short superblock"));
        if short(0x38)? != MAGIC {
            return Err(bad("no superblock"));
        }
        let (incompatible, read_only) = (long(0x60)?, long(0x64)?);
        if incompatible & META_BG != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let is_dynamic = long(0x4c)? > 0;
        let block = 1024_u64.checked_shl(long(0x18)?).filter(|block| (1024..=65536).contains(block));
        let block = block.ok_or_else(|| bad("the size of blocks"))?;
        let inode_size = if is_dynamic { usize::from(short(0x58)?) } else { 128 };
        let first = if is_dynamic { long(0x54)? } else { 11 };
        let (inodes, per_group) = (long(0)?, long(0x28)?);
        if per_group == 0 || !(128..=4096).contains(&inode_size) || !inode_size.is_power_of_two() {
            return Err(bad("the size of inodes"));
        }
        let wide = incompatible & WIDE != 0;
        let length = if wide { usize::from(short(0xfe)?) } else { 32 };
        if !(32..=1024).contains(&length) {
            return Err(bad("the size of descriptors"));
        }
        let knows_unused = read_only & (GDT_CSUM | METADATA_CSUM) != 0;
        let at = (u64::from(long(0x14)?) + 1) * block;
        let count = inodes.div_ceil(per_group);
        let mut groups = Vec::new();
        for number in 0..count {
            let descriptor = reader.bytes(at + u64::from(number) * length as u64, length)?;
            let group = Group::of(descriptor, wide && length >= 64, knows_unused, per_group);
            groups.push(group.ok_or_else(|| bad("a short descriptor"))?);
        }
        Ok(Self { block, inode_size, per_group, inodes, first, groups })
    }

    /// The numbers of inodes that are free and whose records still hold something of what they were: all, or [`MOST`] of them.
    ///
    /// # Errors
    /// What the device says.
    pub(super) fn left(&self, device: &File) -> io::Result<Vec<u32>> {
        let (mut bitmaps, mut records) = (Reader::new(device), Reader::new(device));
        let mut left = Vec::new();
        for (group, first) in self.groups.iter().zip((0_u32..).step_by(self.per_group as usize)) {
            let length = usize::try_from(self.per_group.div_ceil(8)).unwrap_or(0);
            if group.used == 0 {
                continue;
            }
            let bitmap = bitmaps.bytes(group.bitmap * self.block, length)?.to_vec();
            let is_free =
                |index: u32| bitmap.get(index as usize / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 0);
            let per_read = u32::try_from(AT_ONCE / self.inode_size).unwrap_or(1);
            for start in (0..group.used).step_by(per_read as usize) {
                let count = per_read.min(group.used - start);
                if !(start..start + count).any(is_free) {
                    continue;
                }
                let at = group.table * self.block + u64::from(start) * self.inode_size as u64;
                let piece = records.bytes(at, count as usize * self.inode_size)?;
                let free =
                    piece.chunks_exact(self.inode_size).zip(start..).filter(|(_, index)| is_free(*index));
                let dirty = free.filter(|(record, _)| holds_something(record));
                let numbers = dirty.map(|(_, index)| first + index + 1);
                left.extend(numbers.filter(|number| *number >= self.first && *number <= self.inodes));
                if left.len() >= MOST {
                    return Ok(left);
                }
            }
        }
        Ok(left)
    }
}

impl Group {
    fn of(descriptor: &[u8], is_wide: bool, knows_unused: bool, per_group: u32) -> Option<Self> {
        let whole = |low: usize, high: usize| {
            let high = if is_wide { u32_at(descriptor, high)? } else { 0 };
            Some(u64::from(u32_at(descriptor, low)?) | u64::from(high) << 32)
        };
        let unused = u32::from(u16_at(descriptor, 0x1c)?);
        let unused = unused | if is_wide { u32::from(u16_at(descriptor, 0x32)?) << 16 } else { 0 };
        let is_empty = u16_at(descriptor, 0x12)? & INODE_UNINIT != 0;
        let used = match knows_unused {
            true if is_empty => 0,
            true => per_group.saturating_sub(unused),
            false => per_group,
        };
        Some(Self { bitmap: whole(0x4, 0x24)?, table: whole(0x8, 0x28)?, used })
    }
}

/// The short fields of an inode.
const MODE: usize = 0;
const FLAGS: usize = 0x20;
const BLOCKS: std::ops::Range<usize> = 0x28..0x64;
const LINK: u16 = 0o12_0000;
const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;
/// What is behind the fields of the first edition.
const EXTRA: usize = 128;
const ATTRIBUTES: u32 = 0xea02_0000;
/// Kinds of attribute whose values are no work: the system's labels.
const SECURITY: u8 = 6;
/// And the rest of contents that lie in the inode: what they are is in their value alone.
const SYSTEM: u8 = 7;

/// Whether the record of an inode that nobody uses says something of a file: its attributes, its access list, its contents or where
/// it led.
fn holds_something(record: &[u8]) -> bool {
    let is_blank = |bytes: Option<&[u8]>| bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0));
    let flags = u32_at(record, FLAGS).unwrap_or(0);
    let is_link = u16_at(record, MODE).unwrap_or(0) & 0o17_0000 == LINK && flags & EXTENTS == 0;
    if (flags & INLINE != 0 || is_link) && !is_blank(record.get(BLOCKS)) {
        return true;
    }
    let extra = usize::from(u16_at(record, EXTRA).unwrap_or(0));
    let at = EXTRA + if extra.is_multiple_of(4) && extra >= 4 { extra } else { 4 };
    let Some(behind) = record.get(at..).filter(|behind| behind.len() > 4) else { return false };
    if is_blank(Some(behind)) {
        return false;
    }
    // Not blank, and nothing that is known to be harmless: it counts.
    u32_at(behind, 0) != Some(ATTRIBUTES) || !is_harmless(behind.get(4..).unwrap_or_default())
}

/// Whether attributes in an inode are the system's labels, or blank contents, and nothing else is there.
fn is_harmless(area: &[u8]) -> bool {
    let mut rest = area.to_vec();
    let mut at = 0;
    // The end of the list is four zeros.
    while u32_at(area, at).is_some_and(|word| word != 0) {
        let (Some(entry), Some(value), Some(size)) =
            (area.get(at..at + 16), u16_at(area, at + 2), u32_at(area, at + 8))
        else {
            return false;
        };
        let (name, kind) = (usize::from(entry.first().copied().unwrap_or(0)), entry.get(1).copied());
        let value = usize::from(value);
        let Some(bytes) =
            usize::try_from(size).ok().and_then(|size| rest.get_mut(value..value.checked_add(size)?))
        else {
            return false;
        };
        match kind {
            Some(SECURITY) => {}
            Some(SYSTEM) if bytes.iter().all(|byte| *byte == 0) => {}
            _ => return false,
        }
        bytes.fill(0);
        let next = at + (16 + name).next_multiple_of(4);
        match rest.get_mut(at..next) {
            Some(entry) => entry.fill(0),
            None => return false,
        }
        at = next;
    }
    rest.iter().all(|byte| *byte == 0)
}

/// Reads a device past the page cache, a piece at a time.
struct Reader<'d> {
    device: &'d File,
    buffer: AlignedBuffer,
    /// What the buffer holds: from where, and how much.
    held: (u64, usize),
}

impl<'d> Reader<'d> {
    fn new(device: &'d File) -> Self {
        Self { device, buffer: AlignedBuffer::zeroed(AT_ONCE + 2 * ALIGNMENT), held: (0, 0) }
    }

    fn bytes(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let page = ALIGNMENT as u64;
        let start = at - at % page;
        let end = (at + length as u64).next_multiple_of(page);
        let whole = usize::try_from(end - start).unwrap_or(usize::MAX);
        if whole > self.buffer.bytes().len() {
            return Err(bad("more than is read at once"));
        }
        let (held, count) = self.held;
        if start < held || end > held + count as u64 {
            self.held = (start, 0);
            while self.held.1 < whole {
                let read = self.held.1;
                let rest = self.buffer.bytes_mut().get_mut(read..whole).unwrap_or_default();
                match pread(self.device, rest, start + read as u64) {
                    Ok(0) => break,
                    Ok(more) => self.held.1 += more,
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let from = usize::try_from(at - self.held.0).unwrap_or(usize::MAX);
        let bytes = self.buffer.bytes().get(from..from.saturating_add(length));
        // A device may end within a page; what is wanted of it may not.
        bytes.filter(|_| from + length <= self.held.1).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut record = vec![0; 256];
        record[EXTRA..EXTRA + 2].copy_from_slice(&32_u16.to_le_bytes());
        // A time stamp among the extra fields.
        record[EXTRA + 8..EXTRA + 12].copy_from_slice(&[7; 4]);
        record
    }

    fn with_attribute(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut record = record();
        let area = EXTRA + 32;
        record[area..area + 4].copy_from_slice(&ATTRIBUTES.to_le_bytes());
        let entry = area + 4;
        let offset = 92 - value.len();
        record[entry] = 4;
        record[entry + 1] = kind;
        record[entry + 2..entry + 4].copy_from_slice(&u16::try_from(offset).unwrap().to_le_bytes());
        record[entry + 8..entry + 12].copy_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        record[entry + 16..entry + 20].copy_from_slice(b"note");
        record[entry + offset..entry + offset + value.len()].copy_from_slice(value);
        record
    }

    #[test]
    fn a_record_holds_something_only_if_it_says_something_of_a_file() {
        assert!(!holds_something(&record()) && !holds_something(&[0; 128]) && !holds_something(&[0; 256]));
        assert!(holds_something(&with_attribute(1, b"plan")));
        assert!(!holds_something(&with_attribute(SECURITY, b"plan")), "the system's label");
        assert!(holds_something(&with_attribute(SYSTEM, b"plan")));
        assert!(!holds_something(&with_attribute(SYSTEM, &[0; 4])), "contents that are overwritten");
        // Behind a label, where an attribute was that was taken off without being blanked.
        let mut behind = with_attribute(SECURITY, b"plan");
        behind[EXTRA + 32 + 4 + 60] = 1;
        assert!(holds_something(&behind));
        let mut unknown = record();
        unknown[200] = 1;
        assert!(holds_something(&unknown));
        // An entry whose value is nowhere.
        let mut wrong = with_attribute(SECURITY, b"plan");
        wrong[EXTRA + 32 + 4 + 2] = 0xff;
        assert!(holds_something(&wrong));
        for (mode, flags, held) in [(LINK, 0, true), (LINK, EXTENTS, false), (0, INLINE, true), (0, 0, false)]
        {
            let mut record = record();
            record[MODE..MODE + 2].copy_from_slice(&mode.to_le_bytes());
            record[FLAGS..FLAGS + 4].copy_from_slice(&flags.to_le_bytes());
            record[BLOCKS.start] = 1;
            assert_eq!(holds_something(&record), held, "{mode:o} {flags:x}");
        }
    }

    #[test]
    fn what_is_no_such_file_system_is_an_error_and_no_panic() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Tables::read(file.as_file()).is_err());
        let mut random = 1_u32;
        for _ in 0..200 {
            let mut bytes = vec![0_u8; 8192];
            for byte in &mut bytes {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = random.to_be_bytes()[0];
            }
            bytes[1024 + 0x38..1024 + 0x3a].copy_from_slice(&MAGIC.to_le_bytes());
            bytes[1024 + 0x18..1024 + 0x1c].copy_from_slice(&2_u32.to_le_bytes());
            std::fs::write(file.path(), &bytes).unwrap();
            if let Ok(tables) = Tables::read(&File::open(file.path()).unwrap()) {
                let _ = tables.left(&File::open(file.path()).unwrap());
            }
        }
    }
}
