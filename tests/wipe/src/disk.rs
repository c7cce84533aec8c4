//! A block device of its own below an image, with discard or without; nothing of it outlives it.

use std::path::{Path, PathBuf};

use hanare_host::loops;

use crate::Result;
use crate::image::{Image, Mounted};

/// What an image is to be as a block device.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    /// Whether it discards; if not, by its own switch, `discard_max_bytes`.
    pub is_discarding: bool,
    /// Whether it writes past the page cache of the machine, as a disk does; otherwise most writes end in memory.
    pub is_direct: bool,
}

/// An image that is a block device.
#[derive(Debug)]
pub struct Disk {
    image: Image,
    device: PathBuf,
    is_gone: bool,
}

impl Disk {
    /// Makes an image a block device.
    ///
    /// # Errors
    /// If it cannot be made, or the kernel says of it something else than what was asked for.
    pub fn attach(image: Image, nature: Nature) -> Result<Self> {
        let disk = Self { device: loops::attach(image.path(), nature.is_direct)?, image, is_gone: false };
        let switch = disk.told_in("queue/discard_max_bytes");
        if !nature.is_discarding {
            // It could not be put back: the kernel then takes no other value. The device goes away as a whole instead.
            std::fs::write(&switch, "0")?;
        }
        for (place, wanted) in [(switch, nature.is_discarding), (disk.told_in("loop/dio"), nature.is_direct)]
        {
            let told = std::fs::read_to_string(&place)?;
            if (told.trim() != "0") != wanted {
                return Err(format!("{} is {}, wanted was {wanted}", place.display(), told.trim()).into());
            }
        }
        Ok(disk)
    }

    fn told_in(&self, place: &str) -> PathBuf {
        Path::new("/sys/block").join(self.device.file_name().unwrap_or_default()).join(place)
    }

    /// Mounts it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn mount(&self) -> Result<Mounted> {
        self.image.mount_from(&self.device, "rw")
    }

    /// Takes the device away; the image stays.
    ///
    /// # Errors
    /// If it is still in use.
    pub fn detach(mut self) -> Result<Image> {
        loops::forget(&self.device)?;
        // By now the number may be somebody else's.
        self.is_gone = true;
        Ok(self.image.clone())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.is_gone {
            // What fails here is left for `clear`.
            let _ = loops::forget(&self.device);
        }
    }
}

/// Takes away whatever a run that was killed has left of images in `place`: their devices, then the place itself.
///
/// # Errors
/// If a device is still in use or a file cannot be removed.
pub fn clear(place: &Path) -> Result<()> {
    for entry in std::fs::read_dir("/sys/block")?.flatten() {
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        if Path::new(backing.trim_end_matches('\n')).starts_with(place) {
            loops::forget(&Path::new("/dev").join(entry.file_name()))?;
        }
    }
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
