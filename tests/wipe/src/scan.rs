//! The scanner: counts canaries in a raw image, wherever they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::Result;
use crate::canary::{Kind, Seed};

/// Canaries found, by kind.
pub type Found = BTreeMap<Kind, u64>;

const AT_ONCE: usize = 8 << 20;
/// Longer than any pattern: what lies across two pieces is found in the second.
const OVERLAP: u64 = 256;

/// Reads all of a file or device that is not a hole, and counts what it finds.
///
/// # Errors
/// If it cannot be read.
pub fn scan(image: &Path, seed: Seed) -> Result<Found> {
    let file = File::open(image)?;
    let patterns = Patterns::new(seed);
    let mut found = Found::new();
    let mut buffer = vec![0; AT_ONCE];
    let mut at = 0;
    loop {
        let start = match seek(&file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Only a hole up to the end.
            Err(Errno::NXIO) => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        let end = seek(&file, SeekFrom::Hole(start))?;
        let mut here = start;
        while here < end {
            let from = here.saturating_sub(OVERLAP).max(start.saturating_sub(OVERLAP));
            let length = usize::try_from(end - from)?.min(AT_ONCE);
            let piece = buffer.get_mut(..length).unwrap_or_default();
            file.read_exact_at(piece, from)?;
            patterns.count(piece, usize::try_from(here - from)?, &mut found);
            here = from + u64::try_from(length)?;
        }
        at = end;
    }
}

struct Patterns {
    plain: Vec<u8>,
    wide: Vec<u8>,
    base64: Vec<u8>,
    list: Vec<u8>,
}

impl Patterns {
    fn new(seed: Seed) -> Self {
        Self {
            plain: [seed.mark(), b"-".to_vec()].concat(),
            wide: [seed.utf16(), b"-\0".to_vec()].concat(),
            base64: seed.base64().into_bytes(),
            list: seed.access_list(),
        }
    }

    /// Counts what ends behind `new`: what ends before was counted with the piece before.
    fn count(&self, bytes: &[u8], new: usize, found: &mut Found) {
        let mut add = |kind: Kind| *found.entry(kind).or_default() += 1;
        for end in ends(bytes, &self.plain, 1, new) {
            let letter = bytes.get(end - 1).copied();
            if let Some(kind) = Kind::ALL.into_iter().find(|kind| Some(kind.letter()) == letter) {
                add(kind);
            }
        }
        ends(bytes, &self.wide, 0, new).for_each(|_| add(Kind::Utf16));
        ends(bytes, &self.base64, 0, new).for_each(|_| add(Kind::Base64));
        ends(bytes, &self.list, 0, new).for_each(|_| add(Kind::AccessList));
    }
}

/// Where `wanted` and `more` bytes behind it end, if that is behind `new`.
fn ends<'b>(bytes: &'b [u8], wanted: &'b [u8], more: usize, new: usize) -> impl Iterator<Item = usize> + 'b {
    let first = wanted.first().copied().unwrap_or_default();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(at..)?;
            at += rest.iter().position(|byte| *byte == first)?;
            let begins = bytes.get(at..).is_some_and(|rest| rest.starts_with(wanted));
            at += 1;
            let end = at - 1 + wanted.len() + more;
            if begins && end > new && end <= bytes.len() {
                return Some(end);
            }
        }
    })
}
