//! Loop devices: a file as a block device.
#![expect(unsafe_code, reason = "loop devices are controlled by ioctls")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::HostError;
use crate::ioctl;

const CLEAR: u32 = 0x4C01;
const CONFIGURE: u32 = 0x4C0A;
const GET_FREE: u32 = 0x4C82;

/// `struct loop_info64` of `linux/loop.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of `linux/loop.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<Config>() == 304);

/// Makes `file` a block device and says which.
///
/// # Errors
/// [`HostError::Io`] without loop devices or the right to make them.
pub fn attach(file: &Path) -> Result<PathBuf, HostError> {
    let failed = |what: &str, error: &io::Error| HostError::io(format!("{what} {}", file.display()), error);
    let backing = OpenOptions::new().read(true).write(true).open(file).map_err(|e| failed("opening", &e))?;
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| HostError::io("opening /dev/loop-control", &error))?;
    let patient_until = Instant::now() + Duration::from_secs(5);
    loop {
        // SAFETY: LOOP_CTL_GET_FREE takes no argument and touches no memory of ours.
        let number = unsafe { ioctl::call(control.as_fd(), GET_FREE, std::ptr::null_mut::<u8>()) }
            .map_err(|error| failed("finding a loop device for", &error))?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        match configure(&path, &backing) {
            Ok(()) => return Ok(path),
            // Somebody else took the number in between.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < patient_until => {}
            Err(error) => return Err(failed(&format!("attaching {} to", path.display()), &error)),
        }
    }
}

fn configure(device: &Path, backing: &File) -> io::Result<()> {
    let device = OpenOptions::new().read(true).write(true).open(device)?;
    let info = Info {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let fd = u32::try_from(backing.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut config = Config { fd, block_size: 0, info, reserved: [0; 8] };
    // SAFETY: LOOP_CONFIGURE reads a `struct loop_config`, which `Config` is in size and layout.
    unsafe { ioctl::call(device.as_fd(), CONFIGURE, &raw mut config) }.map(drop)
}

/// Gives the device back; one that has no file any more is good. A device that is still in use is given back when it is not.
///
/// # Errors
/// [`HostError::Io`].
pub fn detach(device: &Path) -> Result<(), HostError> {
    let failed = |error: &io::Error| HostError::io(format!("detaching {}", device.display()), error);
    let file = OpenOptions::new().read(true).open(device).map_err(|error| failed(&error))?;
    // SAFETY: LOOP_CLR_FD takes no argument and touches no memory of ours.
    match unsafe { ioctl::call(file.as_fd(), CLEAR, std::ptr::null_mut::<u8>()) } {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// The loop devices whose file is `file`, as the kernel tells it.
///
/// # Errors
/// [`HostError::Io`] if the kernel does not tell.
pub fn of(file: &Path) -> Result<Vec<PathBuf>, HostError> {
    let entries =
        std::fs::read_dir("/sys/block").map_err(|error| HostError::io("reading /sys/block", &error))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        if Path::new(backing.trim_end_matches('\n')) == file {
            found.push(Path::new("/dev").join(name));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_a_device_and_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        let device = attach(&path).unwrap();
        let path = path.canonicalize().unwrap();
        assert_eq!(of(&path).unwrap(), std::slice::from_ref(&device));
        std::fs::write(&device, b"through the device").unwrap();
        File::open(&device).unwrap().sync_all().unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"through the device"));
        detach(&device).unwrap();
        assert!(of(&path).unwrap().is_empty());
        detach(&device).unwrap();
    }
}
