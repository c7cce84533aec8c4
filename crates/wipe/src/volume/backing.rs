//! What a volume's backing lies on: its disks, for the receipt, and what of it an overwriting does not reach.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use hanare_host::mounts::{self, Mount};
use hanare_host::storage::BlockDevice;

use super::definition::{Definition, is_device};
use crate::erase::{Filesystem, device_of, disks_below};
use crate::outcome::{SkipKind, Tally};
use crate::receipt::Medium;
use crate::root::{identity_of, look};
use crate::volume_kind::VolumeKind;

/// The disks that a volume's data ends on, as far as the kernel tells.
pub(super) fn media(definition: &Definition) -> Vec<Medium> {
    match (definition.kind, definition.backing.as_deref()) {
        (VolumeKind::Ram, _) | (_, None) => disks_below(None, "tmpfs"),
        (_, Some(path)) => {
            let (device, mount) = below(path);
            disks_below(device.as_ref(), mount.as_ref().map_or("", |mount| &mount.kind))
        }
    }
}

/// What overwriting the backing leaves of what stands on it in the clear.
pub(super) fn limits(path: &Path) -> Tally {
    let mut limits = Tally::default();
    let (device, mount) = below(path);
    if let Some(mount) = &mount {
        of_file(&mount.kind, &mount.options, &mut limits);
    } else if !is_device(path) {
        limits.add(SkipKind::NotEvaluated, "no-raw-device", 1);
    }
    if device.as_ref().is_some_and(BlockDevice::keeps_spare_area) {
        limits.add(SkipKind::Device, "spare-area", 1);
    }
    limits
}

/// What a file system keeps of a file that is overwritten in it.
fn of_file(kind: &str, options: &str, limits: &mut Tally) {
    // What is overwritten in memory is gone.
    if !matches!(kind, "tmpfs" | "ramfs") {
        Filesystem::of(kind).tell(limits);
    }
    // The journal holds contents then, too, and is not blanked for a volume's sake.
    let journals = options.split(',').any(|option| option == "data=journal");
    limits.add(SkipKind::Filesystem, "data-journal", u64::from(journals));
}

/// The device below a backing; and its mount, if it is a file.
fn below(path: &Path) -> (Option<BlockDevice>, Option<Mount>) {
    if is_device(path) {
        return (BlockDevice::by_node(path), None);
    }
    // One that is gone lay in its directory.
    let seen = [Some(path), path.parent()].into_iter().flatten().find_map(|path| {
        let file = OwnedFd::from(File::open(path).ok()?);
        look(&file, c"").ok()
    });
    let Some(seen) = seen else { return (None, None) };
    let mount = mounts::by_id(seen.stx_mnt_id).ok().flatten();
    let device = mount.as_ref().and_then(|mount| device_of(identity_of(&seen).device, &mount.source));
    (device, mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_system_keeps_is_told() {
        let told = |kind, options| {
            let mut limits = Tally::default();
            of_file(kind, options, &mut limits);
            limits.into_skipped().iter().map(|skipped| skipped.reason.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert!(told("ext4", "rw,data=ordered").is_empty() && told("tmpfs", "rw").is_empty());
        assert_eq!(told("ext4", "rw,data=journal"), ["data-journal"]);
        assert_eq!(told("btrfs", "rw"), ["copy-on-write"]);
        assert_eq!(told("xfs", "rw"), ["xfs-log"]);
    }

    #[test]
    fn one_that_is_gone_lay_in_its_directory() {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let (_, mount) = below(&place.path().join("volume"));
        assert_eq!(mount.map(|mount| mount.kind).as_deref(), Some("tmpfs"));
    }
}
