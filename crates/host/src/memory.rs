//! Giving back the memory that only the start of a process needed.
//!
//! Most of a daemon's resident memory is code: the kernel maps sixteen pages around each that is touched, and a start
//! touches much that is never run again (arguments, migrations, certificates). Measured on headquarters' worker: 13.6 MiB
//! when it is ready, 7.8 MiB afterwards. No unit test shows it: the kernel may map a small program back as a whole.

#![expect(unsafe_code, reason = "the program's own segments, madvise and malloc_trim have no safe form")]

use std::ffi::c_void;
use std::ops::Range;

/// Segments of code that a program has at most; linkers make one.
const SEGMENTS: usize = 4;

/// Unmaps this program's code, page by page to come back from the page cache as it is run, and returns free heap. Opens no
/// file, so that a confined process can do it too.
pub fn forget_start() {
    for range in code() {
        let pointer = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the range is a private mapping of this program's file that is executable and not writable, so nothing in
        // it differs from the file, and the kernel reads it again from there when it is next touched.
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

/// Whole pages of the program's own segments that are executable and not writable.
fn code() -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(SEGMENTS);
    // SAFETY: the callback gets `found` back as its last argument and is not called after this returns.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut found).cast()) };
    found
}

/// Called with the program itself first (`dl_iterate_phdr(3)`), and ends the iteration there.
unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> libc::c_int {
    // SAFETY: the linker gives a valid description for the time of the call, with `dlpi_phnum` headers, and `found` is the
    // vector of `code`, which nobody else uses meanwhile.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<usize>>>()) };
    // SAFETY: as above.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers {
        let is_code = header.p_flags & (libc::PF_X | libc::PF_W) == libc::PF_X;
        if header.p_type == libc::PT_LOAD && is_code {
            found.extend(whole_pages(info.dlpi_addr, header.p_vaddr, header.p_filesz));
        }
    }
    1
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
    fn the_code_is_where_this_function_is() {
        let here = forget_start as *const () as usize;
        assert!(code().iter().any(|range| range.contains(&here)), "{:x?} {here:x}", code());
    }
}
