//! Where data lay, and a print of what it was: enough to recognise it, not enough to tell it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hanare_host::storage::Extent;
use rustix::io::{ReadWriteFlags, pread, preadv2};

/// Bytes that a print is taken of: the least that a device writes at once.
pub(super) const PRINTED: usize = 512;
/// Prints kept, 16 bytes each: a million files' first blocks are 16 MiB.
const MOST: usize = 1 << 20;
/// Data that is recorded as a whole, in half of the prints. From more than that, samples are taken.
const WHOLE: u64 = 256 << 20;
/// Samples whose bytes may be read from the device; of the rest only what is in memory anyway is taken.
const READ: usize = 1 << 14;
/// Distance of samples in a large extent.
const STEP: u64 = 1 << 20;
/// Read at once of what is recorded as a whole.
const AT_ONCE: usize = 64 * 1024;

/// A place on the device and a print of the bytes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sample {
    pub(super) place: u64,
    pub(super) print: u64,
}

/// Takes prints, with a key that exists only in this process's memory: of all data while it is little, else of samples.
#[derive(Debug)]
pub(crate) struct Recorder {
    key: RandomState,
    taken: AtomicUsize,
    /// Bytes that may still be recorded as a whole.
    whole: AtomicU64,
    /// Samples that were read or tried.
    read: AtomicUsize,
    /// Whether anything was not recorded as a whole.
    sampled: AtomicBool,
}

impl Recorder {
    /// As many extents of a file as are sampled.
    pub(crate) const EXTENTS: usize = 512;

    pub(crate) fn new() -> Self {
        Self::up_to(WHOLE)
    }

    fn up_to(whole: u64) -> Self {
        Self {
            key: RandomState::new(),
            taken: AtomicUsize::new(0),
            whole: AtomicU64::new(whole),
            read: AtomicUsize::new(0),
            sampled: AtomicBool::new(false),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < MOST
    }

    /// Whether there was data of which only samples were recorded, or nothing.
    pub(crate) fn is_sampled(&self) -> bool {
        self.sampled.load(Ordering::Relaxed)
    }

    /// Records an open file at these extents; `all` says that it has no others.
    pub(crate) fn sample(&self, file: &OwnedFd, extents: &[Extent], all: bool) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut whole = all;
        for extent in extents.iter().filter(|extent| extent.plain && !extent.shared) {
            if !(self.claims(extent.length) && self.whole(file, extent, &mut samples)) {
                whole = false;
                self.some(file, extent, &mut samples);
            }
        }
        if !whole {
            self.sampled.store(true, Ordering::Relaxed);
        }
        self.taken.fetch_add(samples.len(), Ordering::Relaxed);
        samples
    }

    /// Whether an extent of this length may be recorded as a whole.
    fn claims(&self, length: u64) -> bool {
        self.whole.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length)).is_ok()
    }

    /// Records all of an extent; `false` if not all of it can be read.
    fn whole(&self, file: &OwnedFd, extent: &Extent, samples: &mut Vec<Sample>) -> bool {
        let mut bytes = vec![0; usize::try_from(extent.length).unwrap_or(AT_ONCE).min(AT_ONCE)];
        let mut at = 0;
        while at < extent.length {
            let wanted = usize::try_from(extent.length - at).unwrap_or(AT_ONCE).min(bytes.len());
            let Ok(read) = pread(file, bytes.get_mut(..wanted).unwrap_or_default(), extent.logical + at)
            else {
                return false;
            };
            // The rest of a block behind a file's end is zeros.
            let filled = read.next_multiple_of(PRINTED).min(bytes.len());
            bytes.get_mut(read..filled).unwrap_or_default().fill(0);
            let mut place = extent.physical + at;
            for sector in bytes.get(..filled).unwrap_or_default().chunks(PRINTED) {
                samples.extend(self.print(sector).map(|print| Sample { place, print }));
                place += PRINTED as u64;
            }
            if read == 0 || !read.is_multiple_of(PRINTED) {
                return true;
            }
            at += read as u64;
        }
        true
    }

    /// Records samples of an extent.
    fn some(&self, file: &OwnedFd, extent: &Extent, samples: &mut Vec<Sample>) {
        let mut offset = 0;
        while offset < extent.length && self.taken.load(Ordering::Relaxed) + samples.len() < MOST {
            if let Some(print) = self.print_of(file, extent.logical + offset) {
                samples.push(Sample { place: extent.physical + offset, print });
            }
            offset += STEP;
        }
    }

    fn print_of(&self, file: &OwnedFd, at: u64) -> Option<u64> {
        let mut bytes = [0; PRINTED];
        let read = if self.read.fetch_add(1, Ordering::Relaxed) < READ {
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
    #[cfg(test)]
    pub(super) fn of(bytes: &[u8], place: u64, recorder: &Recorder) -> Option<Self> {
        recorder.print(bytes).map(|print| Self { place, print })
    }

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

    #[test]
    fn little_data_is_recorded_as_a_whole_and_more_is_said_to_be_sampled() {
        let bytes: Vec<u8> = (0..9000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let file = OwnedFd::from(file);
        let extent = Extent { logical: 0, physical: 1 << 30, length: 36_864, shared: false, plain: true };
        let sectors = bytes.chunks(PRINTED).count();
        let recorder = Recorder::up_to(36_864);
        let samples = recorder.sample(&file, &[extent], true);
        assert_eq!((samples.len(), recorder.is_sampled()), (sectors, false));
        for (sample, sector) in samples.iter().zip(bytes.chunks_exact(PRINTED)) {
            assert!(sample.is_found(sector, &recorder));
        }
        assert_eq!(samples[3].place, (1 << 30) + 3 * 512);
        // The next one finds nothing left.
        assert_eq!(recorder.sample(&file, &[extent], true).len(), 1);
        assert!(recorder.is_sampled());
        // A file whose extents are not all known is sampled, however small.
        let recorder = Recorder::up_to(36_864);
        recorder.sample(&file, &[extent], false);
        assert!(recorder.is_sampled());
    }
}
