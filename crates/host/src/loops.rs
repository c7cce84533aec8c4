//! Loop devices: a file as a block device.
#![expect(unsafe_code, reason = "loop devices are controlled by ioctls")]

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::deed::Deed;
use crate::error::HostError;
use crate::ioctl;
use crate::storage::encoded;

const CLEAR: u32 = 0x4C01;
const GET_STATUS: u32 = 0x4C05;
const CONFIGURE: u32 = 0x4C0A;
const ADD: u32 = 0x4C80;
const REMOVE: u32 = 0x4C81;

/// `LO_FLAGS_DIRECT_IO`: past the page cache of the file's own file system.
const DIRECT: u32 = 16;

/// Where [`attach`] begins to look for numbers: whoever asks the kernel for a free device gets a low one.
const APART: u32 = 7000;
/// How many numbers it looks at.
const TRIED: u32 = 1000;

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

impl Info {
    const NONE: Self = Self {
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

/// Makes `file` a block device that did not exist before, and says which: its settings can be changed without anybody else
/// getting it afterwards. It goes away with [`detach`]. With `direct` its writes pass the page cache that `file` has, if its file
/// system can: `loop/dio` in `/sys` tells.
///
/// # Errors
/// [`HostError::Io`] without loop devices or the right to make them.
pub fn attach(file: &Path, direct: bool) -> Result<PathBuf, HostError> {
    let failed = |deed: Deed, error: &io::Error| HostError::io(deed.of(file.display()), error);
    let backing = OpenOptions::new().read(true).write(true).open(file).map_err(|e| failed(Deed::Open, &e))?;
    let control = control().map_err(|error| failed(Deed::LoopDevice, &error))?;
    for number in APART..APART + TRIED {
        match controlled(&control, ADD, number) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => continue,
            Err(error) => return Err(failed(Deed::LoopDevice, &error)),
        }
        let path = PathBuf::from(format!("/dev/loop{number}"));
        match configure(&path, &backing, if direct { DIRECT } else { 0 }) {
            Ok(()) => return Ok(path),
            // Somebody else was told that it is free.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(error) => {
                let _ = controlled(&control, REMOVE, number);
                return Err(failed(Deed::LoopDevice, &error));
            }
        }
    }
    Err(failed(Deed::LoopDevice, &io::ErrorKind::ResourceBusy.into()))
}

/// Lets a device have no more than this under way at once: whoever waits for what is under way waits for little, however slow
/// the disk below is. The setting goes away with the device.
///
/// # Errors
/// [`HostError::Io`] if the kernel takes no such setting.
pub fn bound(device: &Path, requests: u32, kibibytes: u32) -> Result<(), HostError> {
    let queue = told_in(device, "queue");
    for (name, value) in [("max_sectors_kb", kibibytes), ("nr_requests", requests)] {
        let path = queue.join(name);
        std::fs::write(&path, value.to_string())
            .map_err(|error| HostError::io(Deed::Write.of(path.display()), &error))?;
    }
    Ok(())
}

/// Takes a device away altogether, and with it every setting that would otherwise outlive its file. One that is not there is
/// good; one that is still in use is waited for.
///
/// # Errors
/// [`HostError::Io`] if it is no loop device, or in use for longer than ten seconds.
pub fn forget(device: &Path) -> Result<(), HostError> {
    let patient_until = Instant::now() + Duration::from_secs(10);
    loop {
        match clear(device).and_then(|()| remove(device)) {
            Ok(()) => return Ok(()),
            // An unmount in another namespace may still be on its way.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < patient_until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(HostError::io(Deed::Remove.of(device.display()), &error)),
        }
    }
}

/// Gives a device back, and takes it away altogether unless it is still in use: then its file is let go when it is not.
///
/// # Errors
/// [`HostError::Io`].
pub fn detach(device: &Path) -> Result<(), HostError> {
    clear(device).map_err(|error| HostError::io(Deed::LoopDevice.of(device.display()), &error))?;
    if !told_in(device, "loop/backing_file").exists() {
        // Its file is let go: a number that somebody else still looks at harms nobody.
        let _ = forget(device);
    }
    Ok(())
}

/// Where the kernel describes a device.
fn told_in(device: &Path, place: &str) -> PathBuf {
    Path::new("/sys/block").join(device.file_name().unwrap_or_default()).join(place)
}

fn control() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/loop-control")
}

/// Adds or removes the device with this number.
fn controlled(control: &File, request: u32, number: u32) -> io::Result<()> {
    let number = usize::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: LOOP_CTL_ADD and LOOP_CTL_REMOVE take a number, not an address.
    unsafe { ioctl::call(control.as_fd(), request, std::ptr::without_provenance_mut::<u8>(number)) }.map(drop)
}

fn configure(device: &Path, backing: &File, flags: u32) -> io::Result<()> {
    let device = OpenOptions::new().read(true).write(true).open(device)?;
    let info = Info { flags, ..Info::NONE };
    let fd = u32::try_from(backing.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut config = Config { fd, block_size: 0, info, reserved: [0; 8] };
    // SAFETY: LOOP_CONFIGURE reads a `struct loop_config`, which `Config` is in size and layout.
    unsafe { ioctl::call(device.as_fd(), CONFIGURE, &raw mut config) }.map(drop)
}

/// Lets the device's file go, at once or when nobody uses the device any more. One without a file is good, and so is none.
fn clear(device: &Path) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).open(device) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    // SAFETY: LOOP_CLR_FD takes no argument and touches no memory of ours.
    match unsafe { ioctl::call(file.as_fd(), CLEAR, std::ptr::null_mut::<u8>()) } {
        Err(error) if error.raw_os_error() != Some(libc::ENXIO) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Takes the device away; none is good.
fn remove(device: &Path) -> io::Result<()> {
    let number = device.to_str().and_then(|path| path.strip_prefix("/dev/loop")?.parse().ok());
    match controlled(&control()?, REMOVE, number.ok_or(io::ErrorKind::InvalidInput)?) {
        Err(error) if error.raw_os_error() != Some(libc::ENODEV) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The loop devices whose file is `file`, as the kernel tells it: another one can have the same path in another mount namespace.
///
/// # Errors
/// [`HostError::Io`] if the kernel does not tell.
pub fn of(file: &Path) -> Result<Vec<PathBuf>, HostError> {
    let entries = std::fs::read_dir("/sys/block")
        .map_err(|error| HostError::io(Deed::Read.of("/sys/block"), &error))?;
    let Ok(wanted) = std::fs::metadata(file) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        let device = Path::new("/dev").join(name);
        if Path::new(backing.trim_end_matches('\n')) == file && has(&device, &wanted) {
            found.push(device);
        }
    }
    found.sort();
    Ok(found)
}

/// How many loop devices have a file without a name on the file system with this device number.
#[must_use]
pub fn nameless_on(number: u64) -> u64 {
    let entries = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let nameless = entries.filter(|entry| {
        std::fs::read(entry.path().join("loop/backing_file"))
            .is_ok_and(|path| path.trim_ascii_end().ends_with(b" (deleted)"))
    });
    let there = nameless.filter(|entry| {
        // Where the kernel does not tell, it may be.
        info(&Path::new("/dev").join(entry.file_name())).is_none_or(|info| info.device == encoded(number))
    });
    u64::try_from(there.count()).unwrap_or(u64::MAX)
}

/// Whether a loop device's file is this one.
fn has(device: &Path, wanted: &Metadata) -> bool {
    info(device).is_some_and(|info| (info.device, info.inode) == (encoded(wanted.dev()), wanted.ino()))
}

/// What the kernel says of a loop device.
fn info(device: &Path) -> Option<Info> {
    let opened = File::open(device).ok()?;
    let mut info = Info::NONE;
    // SAFETY: LOOP_GET_STATUS64 fills a `struct loop_info64`, which `Info` is in size and layout.
    unsafe { ioctl::call(opened.as_fd(), GET_STATUS, &raw mut info) }.ok()?;
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(directory: &Path) -> PathBuf {
        let path = directory.join("image");
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        path.canonicalize().unwrap()
    }

    #[test]
    fn a_file_becomes_a_device_and_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path());
        for direct in [false, true] {
            let device = attach(&path, direct).unwrap();
            assert_eq!(of(&path).unwrap(), std::slice::from_ref(&device));
            std::fs::write(&device, b"through the device").unwrap();
            File::open(&device).unwrap().sync_all().unwrap();
            assert!(std::fs::read(&path).unwrap().starts_with(b"through the device"));
            detach(&device).unwrap();
            assert!(of(&path).unwrap().is_empty() && !device.exists());
            detach(&device).unwrap();
        }
    }

    #[test]
    fn a_file_that_took_the_path_of_another_has_no_device() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path());
        let device = attach(&path, false).unwrap();
        // The kernel tells the path that the file has now, in whatever mount namespace.
        let aside = directory.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        let aside = aside.canonicalize().unwrap();
        assert_eq!(of(&aside).unwrap(), std::slice::from_ref(&device));
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        assert!(of(&path).unwrap().is_empty());
        let other = std::fs::metadata(&path).unwrap();
        assert!(has(&device, &std::fs::metadata(&aside).unwrap()) && !has(&device, &other));
        detach(&device).unwrap();
    }

    #[test]
    fn a_device_that_is_in_use_is_given_back_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path());
        let device = attach(&path, false).unwrap();
        let user = File::open(&device).unwrap();
        detach(&device).unwrap();
        assert_eq!(of(&path).unwrap(), std::slice::from_ref(&device));
        drop(user);
        assert!(of(&path).unwrap().is_empty());
        forget(&device).unwrap();
    }

    #[test]
    fn a_device_takes_its_settings_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path());
        let told = |device: &Path, name: &str| {
            let text = std::fs::read_to_string(told_in(device, "queue").join(name)).unwrap();
            text.trim().parse::<u64>().unwrap()
        };
        let device = attach(&path, false).unwrap();
        let before = ["discard_max_bytes", "nr_requests", "max_sectors_kb"].map(|name| told(&device, name));
        assert_ne!(before[0], 0, "no discard here to switch off");
        std::fs::write(told_in(&device, "queue/discard_max_bytes"), "0").unwrap();
        bound(&device, 8, 64).unwrap();
        let set = ["discard_max_bytes", "nr_requests", "max_sectors_kb"].map(|name| told(&device, name));
        assert_eq!(set, [0, 8, 64]);
        // This is why: the settings outlive the file.
        clear(&device).unwrap();
        assert_eq!(told(&device, "nr_requests"), 8);
        forget(&device).unwrap();
        assert!(!device.exists() && !told_in(&device, "queue").exists());
        forget(&device).unwrap();
        let again = attach(&path, false).unwrap();
        let after = ["discard_max_bytes", "nr_requests", "max_sectors_kb"].map(|name| told(&again, name));
        assert_eq!(after, before);
        detach(&again).unwrap();
        assert!(!again.exists());
        assert!(forget(Path::new("/dev/null")).is_err());
        assert!(bound(Path::new("/dev/null"), 8, 64).is_err());
    }
}
