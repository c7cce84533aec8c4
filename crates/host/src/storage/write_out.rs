//! Writing a part of a file out, and being told what became of it.
#![expect(unsafe_code, reason = "rustix has no sync_file_range")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// Writes the dirty pages of a range to the device, without its flush, and waits for them.
///
/// # Errors
/// What the device said of any page of the file since this descriptor was asked last; the kernel's other reasons.
pub fn write_out(file: impl AsFd, offset: u64, length: u64) -> io::Result<()> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let offset = libc::off64_t::try_from(offset).map_err(invalid)?;
    let length = libc::off64_t::try_from(length).map_err(invalid)?;
    let all =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: the descriptor is borrowed for the call, which takes numbers only.
    let done = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), offset, length, all) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_range_is_written_out_and_a_pipe_has_none() {
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&[7; 8192]).unwrap();
        write_out(&file, 0, 8192).unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(write_out(&reader, 0, 1).unwrap_err().raw_os_error(), Some(libc::ESPIPE));
        assert_eq!(write_out(&file, u64::MAX, 1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
