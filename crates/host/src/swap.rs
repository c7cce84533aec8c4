//! Where memory may be written to: swap areas, and taking them in and out of use.
#![expect(unsafe_code, reason = "neither the standard library nor rustix has swapon")]

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::deed::Deed;
use crate::error::HostError;

/// What memory that is swapped out becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapKind {
    /// Nothing is swapped out.
    None,
    /// Compressed memory; it never reaches a disk.
    Zram,
    /// A disk, under a random key that only the kernel holds.
    Encrypted,
    /// A disk, readable.
    Plain,
}

/// `SWAP_FLAG_PREFER` and `SWAP_FLAG_PRIO_MASK`: the lower bits are a priority.
const PREFER: i32 = 0x8000;
const PRIORITY: i32 = 0x7fff;

/// One area in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its device or file.
    pub path: PathBuf,
    /// What it is.
    pub kind: SwapKind,
    /// How large it is.
    pub bytes: u64,
    /// Its priority, if somebody has set one.
    pub priority: Option<i32>,
}

/// The areas in use.
///
/// # Errors
/// [`HostError::Io`] without `/proc`.
pub fn areas() -> Result<Vec<Area>, HostError> {
    let path = "/proc/swaps";
    match std::fs::read(path) {
        Ok(text) => Ok(text.split(|byte| *byte == b'\n').skip(1).filter_map(parse).collect()),
        // A kernel without swap.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(HostError::io(Deed::Read.of(path), &error)),
    }
}

/// The worst of them.
///
/// # Errors
/// As [`areas`].
pub fn worst() -> Result<SwapKind, HostError> {
    Ok(areas()?.iter().map(|area| area.kind).max().unwrap_or(SwapKind::None))
}

/// Takes an area out of use: what is in it comes back into memory first.
///
/// # Errors
/// [`HostError::Io`], for example if memory does not suffice.
pub fn off(path: &Path) -> Result<(), HostError> {
    let name = c_path(path)?;
    // SAFETY: swapoff reads a path that ends with a zero.
    if unsafe { libc::swapoff(name.as_ptr()) } == 0 { Ok(()) } else { Err(failed(Deed::SwapOff, path)) }
}

/// Puts an area into use, with this priority or the kernel's.
///
/// # Errors
/// [`HostError::Io`].
pub fn on(path: &Path, priority: Option<i32>) -> Result<(), HostError> {
    let name = c_path(path)?;
    let flags =
        priority.filter(|priority| *priority >= 0).map_or(0, |priority| PREFER | (priority & PRIORITY));
    // SAFETY: swapon reads a path that ends with a zero; the flags hold a priority and nothing else.
    if unsafe { libc::swapon(name.as_ptr(), flags) } == 0 { Ok(()) } else { Err(failed(Deed::SwapOn, path)) }
}

/// Writes the header that makes `bytes` of a device a swap area, as `mkswap` does.
///
/// # Errors
/// [`HostError::Io`].
pub fn make(path: &Path, bytes: u64) -> Result<(), HostError> {
    let page = rustix::param::page_size();
    let last = bytes / page as u64;
    let wrong = |error: &io::Error| HostError::io(Deed::MakeSwap.of(path.display()), error);
    let last =
        u32::try_from(last.saturating_sub(1)).map_err(|_| wrong(&io::ErrorKind::InvalidInput.into()))?;
    let mut header = vec![0u8; 1024];
    header.extend(1u32.to_ne_bytes());
    header.extend(last.to_ne_bytes());
    header.resize(page - 10, 0);
    header.extend(b"SWAPSPACE2");
    let mut device = OpenOptions::new().write(true).open(path).map_err(|error| wrong(&error))?;
    device
        .seek(SeekFrom::Start(0))
        .and_then(|_| device.write_all(&header))
        .and_then(|()| device.sync_all())
        .map_err(|error| wrong(&error))
}

/// Makes a new compressed-memory device of `bytes` and says which. It is a swap area once [`make`] and [`on`] were called.
///
/// # Errors
/// [`HostError::Io`] on a kernel without zram.
pub fn new_zram(bytes: u64) -> Result<PathBuf, HostError> {
    let control = "/sys/class/zram-control/hot_add";
    if !Path::new(control).exists() {
        // Where zram is a module nobody else loads it; whether it came is seen below.
        let mut load = Command::new("modprobe");
        load.args(["zram", "num_devices=0"]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let _ = load.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
    let number =
        std::fs::read_to_string(control).map_err(|error| HostError::io(Deed::Read.of(control), &error))?;
    let name = format!("zram{}", number.trim());
    let size = format!("/sys/block/{name}/disksize");
    let device = Path::new("/dev").join(name);
    if let Err(error) = std::fs::write(&size, bytes.to_string()) {
        // Nobody else knows of it.
        let _ = remove_zram(&device);
        return Err(HostError::io(Deed::Write.of(size), &error));
    }
    Ok(device)
}

/// Gives a compressed-memory device back.
///
/// # Errors
/// [`HostError::Io`] while it is in use.
pub fn remove_zram(path: &Path) -> Result<(), HostError> {
    let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("zram"));
    let control = "/sys/class/zram-control/hot_remove";
    std::fs::write(control, number.unwrap_or_default())
        .map_err(|error| HostError::io(Deed::Remove.of(path.display()), &error))
}

/// `/dev/dm-1   partition   8388604   0   -2`; blanks in a path are `\040`.
fn parse(line: &[u8]) -> Option<Area> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let path = PathBuf::from(std::ffi::OsString::from_vec(crate::mounts::unescape(words.next()?)));
    let kibibytes: u64 = std::str::from_utf8(words.nth(1)?).ok()?.parse().ok()?;
    // Below zero are those that the kernel gives by itself.
    let priority = words.nth(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    let priority = priority.filter(|priority| *priority >= 0);
    let kind = kind_of(&path);
    Some(Area { path, kind, bytes: kibibytes.saturating_mul(1024), priority })
}

fn kind_of(path: &Path) -> SwapKind {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A file's name says nothing, whatever it is.
    match real.strip_prefix("/dev") {
        Ok(name) if name.components().count() == 1 => described_by(&Path::new("/sys/block").join(name)),
        Ok(_) | Err(_) => SwapKind::Plain,
    }
}

/// What a device is by the kernel's own description. A mapped one counts as encrypted only if it is plain dm-crypt: a LUKS
/// volume's key lies on the disk. Compressed memory may be told to write itself back to a disk.
fn described_by(device: &Path) -> SwapKind {
    let says = |attribute: &str| std::fs::read_to_string(device.join(attribute));
    let writes_back = || says("backing_dev").is_ok_and(|backing| backing.trim() != "none");
    let is_zram = device.file_name().is_some_and(|name| name.as_bytes().starts_with(b"zram"));
    if is_zram && device.join("disksize").exists() && !writes_back() {
        SwapKind::Zram
    } else if says("dm/uuid").is_ok_and(|uuid| uuid.starts_with("CRYPT-PLAIN-")) {
        SwapKind::Encrypted
    } else {
        SwapKind::Plain
    }
}

fn c_path(path: &Path) -> Result<CString, HostError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|error| HostError::io(Deed::Read.of(path.display()), &error.into()))
}

fn failed(deed: Deed, path: &Path) -> HostError {
    HostError::io(deed.of(path.display()), &io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_on_a_disk_is_plain() {
        let area = parse(b"/no\\040such/swapfile                       file\t\t1048572\t\t0\t\t-2").unwrap();
        assert_eq!(area.path, PathBuf::from("/no such/swapfile"));
        assert_eq!((area.kind, area.bytes, area.priority), (SwapKind::Plain, 1_073_737_728, None));
        let area = parse(b"/dev/sda2 partition\t\t1048572\t\t0\t\t7").unwrap();
        assert_eq!(area.priority, Some(7));
        assert!(SwapKind::None < SwapKind::Zram && SwapKind::Encrypted < SwapKind::Plain);
    }

    #[test]
    fn only_the_kernel_s_description_makes_a_kind() {
        // Files in memory and on a disk, and in a directory of /dev, named like devices.
        for path in ["/zram.swap", "/zram0", "/dev/shm/zram0", "/var/hanare-swap"] {
            assert_eq!(kind_of(Path::new(path)), SwapKind::Plain, "{path}");
        }
        let folder = tempfile::tempdir().unwrap();
        let device = |name: &str, attributes: &[(&str, &str)]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.join("dm")).unwrap();
            for (attribute, text) in attributes {
                std::fs::write(path.join(attribute), text).unwrap();
            }
            described_by(&path)
        };
        assert_eq!(device("dm-0", &[("dm/name", "hanare--vg-swap"), ("dm/uuid", "LVM-x")]), SwapKind::Plain);
        assert_eq!(device("dm-1", &[("dm/name", "hanare-1"), ("dm/uuid", "")]), SwapKind::Plain);
        assert_eq!(device("dm-2", &[("dm/uuid", "CRYPT-LUKS2-x")]), SwapKind::Plain);
        assert_eq!(device("dm-3", &[("dm/uuid", "CRYPT-PLAIN-swap")]), SwapKind::Encrypted);
        assert_eq!(device("zram0", &[]), SwapKind::Plain);
        assert_eq!(device("zram1", &[("disksize", "1")]), SwapKind::Zram);
        assert_eq!(device("zram2", &[("disksize", "1"), ("backing_dev", "none\n")]), SwapKind::Zram);
        assert_eq!(device("zram3", &[("disksize", "1"), ("backing_dev", "/dev/sda2\n")]), SwapKind::Plain);
        assert_eq!(device("sda2", &[("disksize", "1")]), SwapKind::Plain);
    }

    #[test]
    fn compressed_memory_becomes_swap_and_is_given_back() {
        let device = new_zram(16 << 20).unwrap();
        make(&device, 16 << 20).unwrap();
        on(&device, Some(9)).unwrap();
        let found = areas().unwrap().into_iter().find(|area| area.path == device);
        off(&device).unwrap();
        remove_zram(&device).unwrap();
        let found = found.unwrap();
        assert_eq!((found.kind, found.priority), (SwapKind::Zram, Some(9)));
        assert!(areas().unwrap().iter().all(|area| area.path != device));
        // One whose size the kernel refuses is not left behind.
        let devices = || {
            let names = std::fs::read_dir("/sys/block").unwrap().flatten().map(|entry| entry.file_name());
            names.filter(|name| name.as_bytes().starts_with(b"zram")).count()
        };
        let before = devices();
        new_zram(0).unwrap_err();
        assert_eq!(devices(), before);
    }
}
