//! Giving back the memory that only the start of a process needed.
//!
//! Most of a daemon's resident memory is code: the kernel maps sixteen pages around each that is touched, and a start
//! touches much that is never run again (arguments, migrations, certificates). Measured on headquarters' worker: 16.5 MiB
//! when it is ready, 7.8 MiB afterwards; so each stage of a start gives back what it alone touched, and the peak is the
//! largest stage's instead of their sum. No unit test shows it: the kernel may map a small program back as a whole.

#![expect(unsafe_code, reason = "the program's own segments, madvise and malloc_trim have no safe form")]

use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Segments without writing that a program and its libraries have: two each.
const SEGMENTS: usize = 16;

/// Page faults from which on a daemon that has nothing to do gives back what it touched; each maps 64 KiB of code at most.
const TOUCHED: i64 = 80;
/// So many are rare work, and no habit.
const MUCH: i64 = 5 * TOUCHED;
/// Whoever is busy for longer touches the same code again. Whoever touches it again and again needs it: then the pause grows to
/// the longest one. Giving back and mapping anew each few seconds took a resting agent 0.1 % of a processor.
const PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Page faults at the end of the last [`forget_start`], when that was, and how long no other one follows it; in milliseconds.
static FAULTS: AtomicI64 = AtomicI64::new(0);
static FORGOT: AtomicU64 = AtomicU64::new(0);
static PAUSED: AtomicU64 = AtomicU64::new(milliseconds(PAUSE));

/// Has a daemon's runtime give back what rare work touched (a join, an admin's command) when the work is done and it is about
/// to wait.
pub fn keep_small(runtime: &mut tokio::runtime::Builder) -> &mut tokio::runtime::Builder {
    runtime.on_thread_park(|| {
        let (since, pause) =
            (now().saturating_sub(FORGOT.load(Ordering::Relaxed)), PAUSED.load(Ordering::Relaxed));
        let touched = faults().saturating_sub(FAULTS.load(Ordering::Relaxed));
        if touched >= MUCH && since >= milliseconds(PAUSE) {
            forget_start();
        } else if touched >= TOUCHED && since >= pause {
            PAUSED.store(next_pause(pause, since), Ordering::Relaxed);
            forget_start();
        }
    })
}

/// The pause after one that lasted `since`: twice as long, unless nothing was touched for a while.
const fn next_pause(pause: u64, since: u64) -> u64 {
    let longest = milliseconds(LONGEST_PAUSE);
    if since > 2 * longest {
        return milliseconds(PAUSE);
    }
    if pause * 2 < longest { pause * 2 } else { longest }
}

/// Page faults of this process that needed no disk.
fn faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills a `struct rusage`, which all zeros is, too.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init().ru_minflt
    }
}

fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).map_or(0, milliseconds)
}

const fn milliseconds(duration: Duration) -> u64 {
    duration.as_secs() * 1000 + duration.subsec_millis() as u64
}

/// Unmaps the code and the constants of this program and its libraries, page by page to come back from the page cache as they
/// are used, and returns free heap. Opens no file, so that a confined process can do it too.
pub fn forget_start() {
    for range in unwritten() {
        let pointer = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the range is a private mapping of a file that was never writable, so nothing in it differs from the file,
        // and the kernel reads it again from there when it is next touched.
        let outcome = unsafe { rustix::mm::madvise(pointer, range.len(), rustix::mm::Advice::LinuxDontNeed) };
        if let Err(error) = outcome {
            tracing::debug!(%error, "code stays resident");
        }
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no memory of ours; the allocator returns only what it has free.
    unsafe {
        libc::malloc_trim(0);
    }
    FAULTS.store(faults(), Ordering::Relaxed);
    FORGOT.store(now(), Ordering::Relaxed);
}

/// Above this, memory is mapped for itself and unmapped when it is freed; glibc's own first value.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 * 1024;

/// Has large memory given back as soon as it is freed: once something large was freed, glibc by itself takes what is as large
/// from its heap from then on, and keeps it there (mallopt(3), `M_MMAP_THRESHOLD`). What hashes passwords takes 19 MiB now and
/// then.
pub fn give_back_large() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number of the allocator's; no memory is touched.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Whole pages of segments that are not writable, of the program and its libraries.
fn unwritten() -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(SEGMENTS);
    // SAFETY: the callback gets `found` back as its last argument and is not called after this returns.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut found).cast()) };
    found
}

/// Called with the program and each library (`dl_iterate_phdr(3)`).
unsafe extern "C" fn collect(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> libc::c_int {
    // SAFETY: the linker gives a valid description for the time of the call, with `dlpi_phnum` headers, and `found` is the
    // vector of `unwritten`, which nobody else uses meanwhile.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<usize>>>()) };
    // SAFETY: as above.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers {
        // What is written at the start and then closed (RELRO) counts as writable here.
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0 {
            found.extend(whole_pages(info.dlpi_addr, header.p_vaddr, header.p_filesz));
        }
    }
    0
}

fn whole_pages(base: u64, address: u64, length: u64) -> Option<Range<usize>> {
    let page = rustix::param::page_size();
    let start = usize::try_from(base.checked_add(address)?).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let range = start.checked_next_multiple_of(page)?..end - end % page;
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_are_given_back() {
        let size = rustix::param::page_size();
        let page = u64::try_from(size).expect("a page's length");
        let pages = |first: usize, last: usize| first * size..last * size;
        assert_eq!(whole_pages(page, 0, 3 * page), Some(pages(1, 4)));
        assert_eq!(whole_pages(page, 1, 3 * page), Some(pages(2, 4)));
        assert_eq!(whole_pages(0, 1, page), None);
        assert_eq!(whole_pages(u64::MAX, 1, page), None);
    }

    #[test]
    fn who_touches_the_same_again_and_again_keeps_it_and_who_rests_does_not() {
        let (shortest, longest) = (milliseconds(PAUSE), milliseconds(LONGEST_PAUSE));
        // Work each second: in the end it is given back once a minute.
        let (mut pause, mut times, mut now) = (shortest, 0, 0);
        while now < 10 * longest {
            let since = pause.max(1000);
            (pause, now, times) = (next_pause(pause, since), now + since, times + 1);
        }
        assert!(pause == longest && times < 25, "{pause} {times}");
        assert_eq!(next_pause(longest, 3 * longest), shortest);
    }

    #[test]
    fn a_runtime_gives_back_what_was_touched_once_it_waits() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = keep_small(builder.enable_time()).build().expect("a runtime");
        forget_start();
        let before = FORGOT.load(Ordering::Relaxed);
        runtime.block_on(async {
            tokio::time::sleep(PAUSE * 2).await;
            // Each a mapping of its own, and too small for the kernel to map it at one fault.
            let touched: Vec<Vec<u8>> = (0..TOUCHED).map(|_| vec![1; 256 * 1024]).collect();
            assert!(touched.iter().all(|block| block.last() == Some(&1)));
            tokio::time::sleep(PAUSE).await;
        });
        assert!(FORGOT.load(Ordering::Relaxed) > before);
    }

    #[test]
    fn code_and_constants_are_given_back_and_nothing_that_can_be_written() {
        static WRITTEN: AtomicU64 = AtomicU64::new(7);
        let ranges = unwritten();
        let given = |address: usize| ranges.iter().any(|range| range.contains(&address));
        assert!(given(forget_start as *const () as usize), "{ranges:x?}");
        assert!(given(libc::malloc_trim as *const () as usize), "{ranges:x?}");
        assert!(!given((&raw const WRITTEN).addr()), "{ranges:x?}");
        forget_start();
        assert_eq!(WRITTEN.load(Ordering::Relaxed), 7);
    }
}
