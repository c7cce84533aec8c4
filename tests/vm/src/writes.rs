//! What dm-log-writes has recorded of a disk, and the disk as it was after any of it: what a power cut leaves where nothing
//! behind it had been written yet.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// "jsfwshr", as the kernel's `dm-log-writes.c` has it.
const MAGIC: u64 = 0x006a_7366_7773_6872;
/// What an entry is.
const FLUSH: u64 = 1;
const FUA: u64 = 1 << 1;
const DISCARD: u64 = 1 << 2;
const MARK: u64 = 1 << 3;

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// On the disk, in bytes.
    at: u64,
    length: u64,
    /// Where what was written is in the log; `None` for a discard.
    data: Option<u64>,
    /// What it is called, if it is a mark.
    pub mark: Option<String>,
    /// Whether all that was written before had reached the disk by then.
    pub is_barrier: bool,
}

/// A log.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// Its entries, in their order.
    pub entries: Vec<Entry>,
}

impl Log {
    /// Reads a log that is complete.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut reader = BufReader::new(File::open(path)?);
        let (magic, _version, count) = (word(&mut reader)?, word(&mut reader)?, word(&mut reader)?);
        let mut sector = [0; 4];
        reader.read_exact(&mut sector)?;
        let sector = u64::from(u32::from_le_bytes(sector));
        if magic != MAGIC || sector == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no log of dm-log-writes"));
        }
        let mut entries = Vec::new();
        let mut here = sector;
        for _ in 0..count {
            reader.seek(SeekFrom::Start(here))?;
            let (at, length) = (word(&mut reader)?, word(&mut reader)?);
            let (flags, inline) = (word(&mut reader)?, word(&mut reader)?);
            let mark = if flags & MARK == 0 {
                None
            } else {
                let mut name = vec![0; usize::try_from(inline.min(sector)).unwrap_or(0)];
                reader.read_exact(&mut name)?;
                Some(String::from_utf8_lossy(&name).into_owned())
            };
            here += sector;
            let data = (flags & DISCARD == 0).then_some(here);
            let length = length * sector;
            here += data.map_or(0, |_| length);
            let is_barrier = flags & (FLUSH | FUA) != 0;
            entries.push(Entry { at: at * sector, length, data, mark, is_barrier });
        }
        Ok(Self { file: reader.into_inner(), entries })
    }

    /// Does to a disk what these entries did.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn replay(&self, entries: std::ops::Range<usize>, disk: &File) -> io::Result<()> {
        for entry in self.entries.get(entries).unwrap_or_default() {
            match entry.data {
                _ if entry.length == 0 => {}
                None => {
                    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                    fallocate(disk, hole, entry.at, entry.length)?;
                }
                Some(data) => {
                    let mut bytes = vec![0; usize::try_from(entry.length).map_err(io::Error::other)?];
                    self.file.read_exact_at(&mut bytes, data)?;
                    disk.write_all_at(&bytes, entry.at)?;
                }
            }
        }
        Ok(())
    }
}

fn word(reader: &mut impl io::Read) -> io::Result<u64> {
    let mut word = [0; 8];
    reader.read_exact(&mut word)?;
    Ok(u64::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(words: &[u64], rest: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(rest);
        bytes.resize(512, 0);
        bytes
    }

    #[test]
    fn a_disk_is_what_was_written_up_to_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = [
            sector(&[MAGIC, 1, 4, 512], &[]),
            sector(&[0, 0, MARK, 5], b"begin"),
            sector(&[1, 1, 0, 0], &[]),
            vec![7; 512],
            sector(&[0, 8, DISCARD, 0], &[]),
            sector(&[2, 1, FLUSH, 0], &[]),
            vec![8; 512],
        ];
        std::fs::write(&path, log.concat()).unwrap();
        let log = Log::open(&path).unwrap();
        assert_eq!(log.entries[0].mark.as_deref(), Some("begin"));
        let barriers: Vec<bool> = log.entries.iter().map(|entry| entry.is_barrier).collect();
        assert_eq!(barriers, [false, false, false, true]);
        let disk = folder.path().join("disk");
        let disk = File::options().create_new(true).read(true).write(true).open(disk).unwrap();
        disk.write_all_at(&[1; 4096], 0).unwrap();
        let seen = || {
            let mut bytes = [9; 1536];
            disk.read_exact_at(&mut bytes, 0).unwrap();
            [bytes[0], bytes[512], bytes[1024]]
        };
        log.replay(0..2, &disk).unwrap();
        assert_eq!(seen(), [1, 7, 1]);
        log.replay(2..3, &disk).unwrap();
        assert_eq!(seen(), [0, 0, 0]);
        log.replay(3..4, &disk).unwrap();
        assert_eq!(seen(), [0, 0, 8]);
        assert!(Log::open(&folder.path().join("disk")).is_err());
    }
}
