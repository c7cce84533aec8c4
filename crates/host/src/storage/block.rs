//! The block device below a file system, as `/sys` describes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, major, makedev, minor};

/// How far below a device others are looked for: dm on dm on a partition, and some to spare.
const DEPTH: usize = 8;

/// A device's number as the kernel writes it in its own structures (`new_encode_dev`).
#[must_use]
pub fn encoded(number: u64) -> u64 {
    let (major, minor) = (u64::from(major(number)), u64::from(minor(number)));
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// A block device: a disk, a partition, a loop or mapped device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    number: u64,
    /// Its directory in `/sys`, links resolved.
    directory: PathBuf,
}

impl BlockDevice {
    /// The device with this number (`st_dev` of a file on it); `None` if there is none: not every file system has one.
    #[must_use]
    pub fn by_number(number: u64) -> Option<Self> {
        let link = format!("/sys/dev/block/{}:{}", major(number), minor(number));
        let directory = std::fs::canonicalize(link).ok()?;
        Some(Self { number, directory })
    }

    /// The device behind a node in `/dev`.
    #[must_use]
    pub fn by_node(node: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(node).ok()?;
        if metadata.file_type().is_block_device() { Self::by_number(metadata.rdev()) } else { None }
    }

    /// Its name in the kernel, such as `nvme0n1p2`.
    #[must_use]
    pub fn name(&self) -> String {
        self.directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The most that one discard can take, in bytes; 0 where the device has none.
    #[must_use]
    pub fn discard_limit(&self) -> u64 {
        self.queue("discard_max_bytes").unwrap_or(0)
    }

    /// The least that a discard must take to have an effect, in bytes.
    #[must_use]
    pub fn discard_granularity(&self) -> u64 {
        self.queue("discard_granularity").unwrap_or(0)
    }

    /// Whether unencrypted data ends up on flash, which keeps copies of its own in a spare area that nobody else reaches.
    #[must_use]
    pub fn keeps_spare_area(&self) -> bool {
        self.ends_on_flash(DEPTH)
    }

    fn ends_on_flash(&self, depth: usize) -> bool {
        let disk = self.disk();
        let uuid = std::fs::read_to_string(disk.join("dm/uuid")).unwrap_or_default();
        if depth == 0 || uuid.starts_with("CRYPT-") {
            return false;
        }
        let solid = self.rotates() == Some(false) || self.is_on_usb();
        (self.is_hardware() && solid) || self.below().any(|device| device.ends_on_flash(depth - 1))
    }

    /// The devices that this one is made of: none, if it is a disk.
    fn below(&self) -> impl Iterator<Item = Self> {
        let below = std::fs::read_dir(self.disk().join("slaves")).into_iter().flatten().flatten();
        below.filter_map(|entry| {
            let directory = std::fs::canonicalize(entry.path()).ok()?;
            Some(Self { number: 0, directory })
        })
    }

    /// This device and all that it is made of.
    #[must_use]
    pub fn all(&self) -> Vec<Self> {
        let mut found = vec![self.clone()];
        let mut next = 0;
        while let Some(device) = found.get(next).filter(|_| next < DEPTH * DEPTH).cloned() {
            let below: Vec<Self> = device.below().filter(|device| !found.contains(device)).collect();
            found.extend(below);
            next += 1;
        }
        found
    }

    /// The device mapper's name for it, if it is a mapping.
    #[must_use]
    pub fn mapped_name(&self) -> Option<String> {
        self.told(&["dm/name"])
    }

    /// The file that it is, if it is a loop device.
    #[must_use]
    pub fn backing_file(&self) -> Option<PathBuf> {
        self.told(&["loop/backing_file"]).map(PathBuf::from)
    }

    /// Whether it is behind a USB bridge or in a USB stick: those say that they rotate, whatever they are.
    #[must_use]
    pub fn is_on_usb(&self) -> bool {
        self.disk().components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"))
    }

    /// The whole disks that this device ends on.
    #[must_use]
    pub fn disks(&self) -> Vec<Self> {
        let mut found = Vec::new();
        self.add_disks(DEPTH, &mut found);
        found
    }

    fn add_disks(&self, depth: usize, found: &mut Vec<Self>) {
        let before = found.len();
        if depth > 0 {
            self.below().for_each(|device| device.add_disks(depth - 1, found));
        }
        if found.len() == before {
            let disk = Self { number: 0, directory: self.disk().to_owned() };
            if !found.contains(&disk) {
                found.push(disk);
            }
        }
    }

    /// The maker's name for the disk.
    #[must_use]
    pub fn model(&self) -> Option<String> {
        self.told(&["device/model"])
    }

    /// The maker.
    #[must_use]
    pub fn vendor(&self) -> Option<String> {
        self.told(&["device/vendor"])
    }

    /// What tells the disk from all others: the number on its label, or the name that it has in the whole world.
    #[must_use]
    pub fn serial(&self) -> Option<String> {
        self.told(&["device/serial", "serial", "device/wwid", "wwid"])
    }

    /// The first of these files that says something.
    fn told(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let text = std::fs::read_to_string(self.disk().join(name)).ok()?;
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        })
    }

    /// Whether there is hardware, or a virtual machine's idea of it, right behind the disk.
    #[must_use]
    pub fn is_hardware(&self) -> bool {
        self.disk().join("device").exists()
    }

    /// Whether the disk says that it rotates; `None` if it does not say.
    #[must_use]
    pub fn rotates(&self) -> Option<bool> {
        self.queue("rotational").map(|value| value != 0)
    }

    /// Opens the device itself for reading, past the page cache, which may hold what the device no longer does.
    ///
    /// # Errors
    /// `NotFound` if its node in `/dev` is missing or another device's; otherwise what the system says.
    pub fn open(&self) -> io::Result<File> {
        let event = std::fs::read_to_string(self.directory.join("uevent"))?;
        let name = event.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        let node = Path::new("/dev").join(name.ok_or(io::ErrorKind::NotFound)?);
        let flags = (OFlags::DIRECT | OFlags::NOFOLLOW | OFlags::CLOEXEC).bits();
        let file =
            OpenOptions::new().read(true).custom_flags(i32::try_from(flags).unwrap_or(0)).open(node)?;
        let metadata = file.metadata()?;
        let ours = metadata.file_type().is_block_device() && metadata.rdev() == self.number;
        if ours { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn queue(&self, name: &str) -> Option<u64> {
        let text = std::fs::read_to_string(self.disk().join("queue").join(name)).ok()?;
        text.trim().parse().ok()
    }

    /// The directory of the whole disk: a partition's is below it.
    fn disk(&self) -> &Path {
        match self.directory.parent() {
            Some(parent) if self.directory.join("partition").exists() => parent,
            Some(_) | None => &self.directory,
        }
    }
}

/// The number of a device from `statx`'s two halves.
#[must_use]
pub fn number(major: u32, minor: u32) -> u64 {
    makedev(major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_kernel_does() {
        assert_eq!(encoded(makedev(7, 3)), 0x703);
        assert_eq!(encoded(makedev(259, 0x12345)), 0x1231_0345);
    }

    #[test]
    fn memory_has_no_block_device() {
        let metadata = std::fs::metadata("/proc").unwrap();
        assert_eq!(BlockDevice::by_number(metadata.dev()), None);
        assert_eq!(BlockDevice::by_node(Path::new("/dev/null")), None);
    }
}
