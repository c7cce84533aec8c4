//! What keeps copies of its own below a file system: whatever is overwritten there, the blocks before it stay.

use std::path::Path;

use hanare_host::device_mapper::Mapper;
use hanare_host::mounts::{self, Mount};
use hanare_host::storage::BlockDevice;

use super::filesystem::Filesystem;

/// Targets of the device mapper that write a block where it was, and nowhere else besides.
const IN_PLACE: [&str; 10] =
    ["linear", "striped", "crypt", "integrity", "multipath", "raid", "mirror", "delay", "flakey", "error"];

/// Whether a device, or one that it is made of, writes old blocks somewhere else before they are overwritten, or may.
pub(super) fn keeps_copies(device: &BlockDevice) -> bool {
    let mounts = mounts::list().unwrap_or_default();
    device.all().iter().any(|device| match (device.mapped_name(), device.backing_file()) {
        (Some(name), _) => {
            !kinds(&name).is_some_and(|kinds| kinds.iter().all(|kind| IN_PLACE.contains(&kind.as_str())))
        }
        (None, Some(file)) => copies_on_write(&file, &mounts),
        (None, None) => false,
    })
}

/// The targets of a mapping; `None` where the kernel does not tell.
fn kinds(name: &str) -> Option<Vec<String>> {
    Mapper::open().ok()?.kinds(name).ok().flatten()
}

/// Whether a disk image lies on a file system that never writes over what is there.
fn copies_on_write(file: &Path, mounts: &[Mount]) -> bool {
    let below = mounts.iter().filter(|mount| file.starts_with(&mount.point));
    // The latest of those that are as near.
    let nearest = below.max_by_key(|mount| mount.point.as_os_str().len());
    nearest.is_none_or(|mount| {
        let kind = Filesystem::of(&mount.kind);
        // An image can have been copied without copying its blocks.
        kind.on_device && (!kind.in_place || kind.shares) || mount.kind == "zfs"
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn an_image_is_judged_by_the_file_system_that_it_lies_on() {
        let mount = |point: &str, kind: &str| Mount {
            id: 0,
            device: 0,
            root: PathBuf::from("/"),
            point: PathBuf::from(point),
            kind: kind.to_owned(),
            source: String::new(),
            options: String::new(),
            read_only: false,
        };
        let mounts = [mount("/", "ext4"), mount("/data", "btrfs"), mount("/data/plain", "tmpfs")];
        for (file, copies) in
            [("/disk.img", false), ("/data/disk.img", true), ("/data/plain/disk.img", false)]
        {
            assert_eq!(copies_on_write(Path::new(file), &mounts), copies, "{file}");
        }
        assert!(copies_on_write(Path::new("/disk.img"), &[]), "nobody knows");
    }
}
