//! Reading the device again where data was.

use std::fs::File;
use std::io;

use hanare_host::storage::{ALIGNMENT, AlignedBuffer, BlockDevice};
use rustix::io::pread;

use super::canary::Canaries;
use super::sample::{PRINTED, Recorder, Sample};
use crate::outcome::Verified;

/// Read at once: a run of neighbouring samples.
const AT_ONCE: usize = 1 << 20;
/// A gap that is cheaper to read than to step over.
const GAP: u64 = 64 * 1024;

/// Reads the places of samples and canaries from the device; what is recognised is a remnant.
///
/// # Errors
/// If the device cannot be opened or read.
pub(crate) fn reread(
    device: &BlockDevice,
    samples: &[Sample],
    canaries: &[&Canaries],
    recorder: &Recorder,
) -> io::Result<Verified> {
    let device = device.open()?;
    let mut buffer = AlignedBuffer::zeroed(AT_ONCE);
    let mut verified = Verified::default();
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let mut rest = sorted.as_slice();
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
        let bytes = read(&device, start, until, &mut buffer)?;
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
                let bytes = read(&device, at, end.min(at + offset(AT_ONCE)), &mut buffer)?;
                if bytes.is_empty() {
                    break;
                }
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

/// Reads from `start`, a whole page, to `end` or a little further; less at the end of the device.
fn read<'b>(device: &File, start: u64, end: u64, buffer: &'b mut AlignedBuffer) -> io::Result<&'b [u8]> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or(AT_ONCE);
    let length = length.next_multiple_of(ALIGNMENT).min(AT_ONCE);
    let bytes = buffer.bytes_mut().get_mut(..length).unwrap_or_default();
    let read = pread(device, &mut *bytes, start)?;
    Ok(buffer.bytes().get(..read).unwrap_or_default())
}
