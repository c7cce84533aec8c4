//! Where data lay, and a print of what it was: enough to recognise it, not enough to tell it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use hanare_host::storage::Extent;
use rustix::io::{ReadWriteFlags, pread, preadv2};

/// Bytes that a print is taken of: the least that a device writes at once.
pub(super) const PRINTED: usize = 512;
/// Samples kept, 16 bytes each: a million files' first blocks are 16 MiB.
const MOST: usize = 1 << 20;
/// Samples whose bytes may be read from the device; of the rest only what is in memory anyway is taken.
const READ: usize = 1 << 14;
/// Distance of samples in a large extent.
const STEP: u64 = 1 << 20;

/// A place on the device and a print of the bytes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sample {
    pub(super) place: u64,
    pub(super) print: u64,
}

/// Takes samples, with a key that exists only in this process's memory.
#[derive(Debug)]
pub(crate) struct Recorder {
    key: RandomState,
    taken: AtomicUsize,
}

impl Recorder {
    /// As many extents of a file as are sampled.
    pub(crate) const EXTENTS: usize = 512;

    pub(crate) fn new() -> Self {
        Self { key: RandomState::new(), taken: AtomicUsize::new(0) }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < MOST
    }

    /// Samples an open file at these extents.
    pub(crate) fn sample(&self, file: &OwnedFd, extents: &[Extent]) -> Vec<Sample> {
        let mut samples = Vec::new();
        for extent in extents.iter().filter(|extent| extent.plain && !extent.shared) {
            let mut offset = 0;
            while offset < extent.length && self.has_room() {
                if let Some(print) = self.print_of(file, extent.logical + offset) {
                    samples.push(Sample { place: extent.physical + offset, print });
                    self.taken.fetch_add(1, Ordering::Relaxed);
                }
                offset += STEP;
            }
        }
        samples
    }

    fn print_of(&self, file: &OwnedFd, at: u64) -> Option<u64> {
        let mut bytes = [0; PRINTED];
        let read = if self.taken.load(Ordering::Relaxed) < READ {
            pread(file, &mut bytes, at)
        } else {
            preadv2(file, &mut [IoSliceMut::new(&mut bytes)], at, ReadWriteFlags::NOWAIT)
        };
        // The rest of a block behind a file's end is zeros.
        if read.ok()? == 0 { None } else { self.print(&bytes) }
    }

    /// The print of a block; `None` if it is nobody's: all bytes alike.
    fn print(&self, bytes: &[u8]) -> Option<u64> {
        let first = bytes.first()?;
        if bytes.iter().all(|byte| byte == first) { None } else { Some(self.key.hash_one(bytes)) }
    }
}

impl Sample {
    /// Whether these bytes, from the sample's place, are what was there.
    pub(super) fn is_found(&self, bytes: &[u8], recorder: &Recorder) -> bool {
        recorder.print(bytes) == Some(self.print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_recognises_its_bytes_and_no_others() {
        let recorder = Recorder::new();
        let bytes: Vec<u8> = (0..PRINTED).map(|number| u8::try_from(number % 251).unwrap()).collect();
        let sample = Sample { place: 0, print: recorder.print(&bytes).unwrap() };
        assert!(sample.is_found(&bytes, &recorder));
        assert!(!sample.is_found(&[0; PRINTED], &recorder));
        assert!(!sample.is_found(&bytes, &Recorder::new()));
        assert_eq!(recorder.print(&[7; PRINTED]), None);
    }
}
