//! The one call that controls of devices and file systems go through.
#![expect(
    unsafe_code,
    reason = "ioctls have no safe form; each caller names the type that the kernel reads or fills"
)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Calls `ioctl(fd, request, argument)` and gives back its value.
///
/// # Safety
/// `argument` must be what `request` wants: a value, or a pointer to as much initialised memory as the kernel reads and writes.
pub(crate) unsafe fn call<T>(fd: BorrowedFd<'_>, request: u32, argument: *mut T) -> io::Result<u32> {
    // SAFETY: the descriptor is open for as long as it is borrowed; the caller promises the rest.
    let value = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(request), argument) };
    u32::try_from(value).map_err(|_| io::Error::last_os_error())
}

/// The number of a request that reads and writes a structure of `size` bytes.
pub(crate) const fn read_write(group: u8, number: u8, size: u32) -> u32 {
    0xc000_0000 | (size << 16) | ((group as u32) << 8) | number as u32
}
