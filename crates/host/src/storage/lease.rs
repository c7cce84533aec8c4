//! Leases: the kernel's word that nobody else has a file open, for as long as its holder wants to know.
#![expect(unsafe_code, reason = "rustix has no leases")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// `F_SETSIG` of `asm-generic/fcntl.h`, which libc leaves out.
const SET_SIGNAL: libc::c_int = 10;

/// Takes a lease on an open file. From now on whoever opens it waits, until the holder closes it or the kernel's patience
/// (`fs.lease-break-time`) ends, and [`is_sole`] says so. The signal that comes with it is one that nobody needs to expect.
///
/// # Errors
/// `EAGAIN` if anybody else has the file open or mapped, also by another descriptor of this process; `EINVAL` where the file
/// system has no leases.
pub fn take<Fd: AsFd>(file: Fd) -> io::Result<()> {
    let file = file.as_fd().as_raw_fd();
    // SAFETY: both calls take plain numbers and touch no memory of ours; the descriptor is open for as long as it is borrowed.
    let taken = unsafe {
        libc::fcntl(file, SET_SIGNAL, libc::SIGURG) == 0
            && libc::fcntl(file, libc::F_SETLEASE, libc::F_WRLCK) == 0
    };
    if taken { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether nobody else has opened the file since the lease was taken.
pub fn is_sole<Fd: AsFd>(file: Fd) -> bool {
    // SAFETY: the call takes plain numbers and touches no memory of ours.
    let held = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_GETLEASE) };
    held == libc::F_WRLCK
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    #[test]
    fn whoever_has_the_file_open_or_opens_it_is_told_of() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "content").unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let (file, other) = (open(), File::open(&path).unwrap());
        assert!(take(&file).is_err() && !is_sole(&file));
        drop(other);
        take(&file).unwrap();
        assert!(is_sole(&file) && is_sole(file.try_clone().unwrap()));
        let opening = std::thread::spawn({
            let path = path.clone();
            move || File::open(path).unwrap()
        });
        let patient_until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while is_sole(&file) {
            assert!(std::time::Instant::now() < patient_until, "nobody was told of");
            std::thread::yield_now();
        }
        drop(file);
        opening.join().unwrap();
    }
}
