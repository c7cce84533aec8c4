//! Overwriting what a file has on the device, where it has it, once.

use std::os::fd::OwnedFd;

use hanare_host::storage::{ALIGNMENT, AlignedBuffer, write_out};
use rustix::fs::{OFlags, SeekFrom, Stat, fcntl_getfl, fcntl_setfl, seek};
use rustix::io::{Errno, pwrite};

/// Files from this size are written past the page cache: below it, one write-back for all files together is faster.
const LARGE: u64 = 1 << 20;

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Overwritten {
    pub(super) bytes: u64,
    pub(super) failed: bool,
}

/// Whether a file is written past the page cache.
pub(super) fn is_large(stat: &Stat) -> bool {
    u64::try_from(stat.st_size).is_ok_and(|size| size >= LARGE)
}

/// Overwrites all of the file that has blocks; holes stay holes. The last write-back is the caller's. With `is_checked`
/// the device answers for a small file at once, too.
pub(super) fn overwrite(file: &OwnedFd, stat: &Stat, zeros: &AlignedBuffer, is_checked: bool) -> Overwritten {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let held = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
    let mut done = Overwritten::default();
    if !is_checked && size < LARGE && held >= size {
        // No holes to look for.
        range(file, 0, size, false, zeros, &mut done);
        return done;
    }
    let mut at = 0;
    while at < size {
        match seek(file, SeekFrom::Data(at)) {
            Ok(data) => {
                let end = seek(file, SeekFrom::Hole(data)).unwrap_or(size).min(size);
                let direct = size >= LARGE && set_direct(file, true);
                range(file, data, end, direct, zeros, &mut done);
                // ext4 takes what it could not write directly to the page cache, and says that it is written.
                if (direct || is_checked) && write_out(file, data, end - data).is_err() {
                    set_direct(file, false);
                    around_bad_blocks(file, data, end, zeros, &mut done);
                }
                at = end.max(data + 1);
            }
            // Only a hole up to the end.
            Err(Errno::NXIO) => break,
            Err(_) => {
                done.failed = true;
                break;
            }
        }
    }
    done
}

fn range(file: &OwnedFd, start: u64, end: u64, direct: bool, zeros: &AlignedBuffer, done: &mut Overwritten) {
    let page = u64::try_from(ALIGNMENT).unwrap_or(4096);
    let (mut direct, mut at, mut singly_until) = (direct, start, 0);
    while at < end {
        let to_page = page - at % page;
        // The rest of the last page goes through the page cache: blocks may be smaller than a page.
        let whole = (end - at) / page * page;
        if direct && (whole == 0 || to_page != page) {
            set_direct(file, false);
            direct = false;
        }
        let wanted = if direct { whole } else { end - at };
        let wanted = if at < singly_until { wanted.min(to_page) } else { wanted };
        let length = usize::try_from(wanted).unwrap_or(usize::MAX).min(zeros.bytes().len());
        let bytes = zeros.bytes().get(..length).unwrap_or_default();
        match pwrite(file, bytes, at) {
            Ok(written) if written > 0 => {
                let written = u64::try_from(written).unwrap_or(0);
                at += written;
                done.bytes += written;
            }
            Err(Errno::INTR) => {}
            // Not every file system can.
            Err(Errno::INVAL) if direct => {
                set_direct(file, false);
                direct = false;
            }
            Ok(_) | Err(_) if wanted > to_page => {
                // One bad block: everything around it is overwritten all the same, page by page.
                singly_until = at.saturating_add(u64::try_from(length).unwrap_or(0));
            }
            Ok(_) | Err(_) => {
                done.failed = true;
                at += to_page;
            }
        }
    }
}

/// Overwrites what was not written out, down to the pages that cannot be: one bad block makes the kernel drop all that it was
/// to write together with it.
fn around_bad_blocks(file: &OwnedFd, start: u64, end: u64, zeros: &AlignedBuffer, done: &mut Overwritten) {
    let page = u64::try_from(ALIGNMENT).unwrap_or(4096);
    let mut pieces = vec![(start, end)];
    while let Some((start, end)) = pieces.pop() {
        let length = end - start;
        let bytes = usize::try_from(length).ok().and_then(|length| zeros.bytes().get(..length));
        if bytes.is_some_and(|bytes| is_written_out(file, bytes, start)) {
            continue;
        }
        let middle = start + length / 2;
        let middle = (middle - middle % page).max(start - start % page + page);
        if middle < end {
            pieces.extend([(start, middle), (middle, end)]);
        } else {
            done.failed = true;
        }
    }
}

fn is_written_out(file: &OwnedFd, bytes: &[u8], at: u64) -> bool {
    let (mut bytes, mut offset) = (bytes, at);
    while !bytes.is_empty() {
        match pwrite(file, bytes, offset) {
            Ok(written) if written > 0 => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += u64::try_from(written).unwrap_or(0);
            }
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    write_out(file, at, offset - at).is_ok()
}

/// Whether writes now go past the page cache, as wanted.
fn set_direct(file: &OwnedFd, wanted: bool) -> bool {
    let Ok(flags) = fcntl_getfl(file) else { return false };
    let flags = if wanted { flags | OFlags::DIRECT } else { flags - OFlags::DIRECT };
    fcntl_setfl(file, flags).is_ok() && wanted
}
