//! Reading the device again where data was.

use std::fs::File;
use std::io;

use hanare_host::storage::{ALIGNMENT, AlignedBuffer};
use rustix::io::{Errno, pread};

use super::canary::Canaries;
use super::sample::{PRINTED, Recorder, Sample};
use crate::outcome::Verified;

/// Read at once: a run of neighbouring samples.
const AT_ONCE: usize = 1 << 20;
/// A gap that is cheaper to read than to step over.
const GAP: u64 = 64 * 1024;

/// Reads the places of samples (in order) and canaries from the device; what is recognised is a remnant.
///
/// # Errors
/// If any of them cannot be read.
pub(crate) fn reread(
    device: &File,
    samples: &[Sample],
    canaries: &[&Canaries],
    recorder: &Recorder,
) -> io::Result<Verified> {
    let mut buffer = AlignedBuffer::zeroed(AT_ONCE);
    let mut verified = Verified::default();
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let start = down(first.place);
        let most = start + offset(AT_ONCE - PRINTED);
        let mut end = start;
        let together = rest
            .iter()
            .take_while(|sample| {
                let near = sample.place <= most && sample.place <= end + GAP;
                end = end.max(sample.place + offset(PRINTED));
                near
            })
            .count();
        let (run, behind) = rest.split_at(together.max(1));
        let until = run.last().map_or(start, |last| last.place + offset(PRINTED));
        let bytes = read(device, start, until, &mut buffer)?;
        verified.reread_bytes += offset(bytes.len());
        for sample in run {
            let at = usize::try_from(sample.place - start).unwrap_or(usize::MAX);
            let found = bytes
                .get(at..at.saturating_add(PRINTED))
                .is_some_and(|there| sample.is_found(there, recorder));
            verified.remnants += u64::from(found);
        }
        rest = behind;
    }
    for canaries in canaries {
        for (place, length) in canaries.places() {
            let (mut at, end) = (down(*place), place + length);
            while at < end {
                let bytes = read(device, at, end.min(at + offset(AT_ONCE)), &mut buffer)?;
                verified.reread_bytes += offset(bytes.len());
                verified.remnants += canaries.found_in(bytes);
                at += offset(bytes.len());
            }
        }
    }
    verified.sampled = recorder.is_sampled();
    Ok(verified)
}

fn down(place: u64) -> u64 {
    place - place % offset(ALIGNMENT)
}

fn offset(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Reads from `start`, a whole page, to `end` or a little further. What is not read is not known: less is an error.
fn read<'b>(device: &File, start: u64, end: u64, buffer: &'b mut AlignedBuffer) -> io::Result<&'b [u8]> {
    let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(AT_ONCE).min(AT_ONCE);
    let length = wanted.next_multiple_of(ALIGNMENT).min(AT_ONCE);
    let mut read = 0;
    // A device may end within a page.
    while read < wanted {
        let rest = buffer.bytes_mut().get_mut(read..length).unwrap_or_default();
        match pread(device, rest, start + offset(read)) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(buffer.bytes().get(..read).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn what_is_still_there_is_found_and_what_cannot_be_read_is_not_taken_for_clean() {
        let device = tempfile::tempfile().unwrap();
        let mut bytes = [7; PRINTED];
        bytes[3] = 8;
        device.write_all_at(&bytes, 1 << 16).unwrap();
        device.set_len((1 << 16) + 3 * 512).unwrap();
        let recorder = Recorder::new();
        let at = |place| Sample::of(&bytes, place, &recorder).unwrap();
        let told = reread(&device, &[at(0), at(1 << 16)], &[], &recorder).unwrap();
        assert_eq!((told.remnants, told.reread_bytes >= 1024), (1, true));
        // Behind the end, alone and in one piece with others.
        let gone = at((1 << 16) + 3 * 512);
        assert!(reread(&device, &[gone], &[], &recorder).is_err());
        assert!(reread(&device, &[at(0), at(1 << 16), gone], &[], &recorder).is_err());
    }
}
