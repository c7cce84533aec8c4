//! What a file system lies on, as far as the kernel tells it.

use hanare_host::storage::BlockDevice;

use crate::receipt::{Medium, MediumKind};

/// The disks below a file system of this type, whose device is `device`.
pub(crate) fn below(device: Option<&BlockDevice>, kind: &str) -> Vec<Medium> {
    match device {
        Some(device) => device.disks().iter().map(of).collect(),
        None if matches!(kind, "tmpfs" | "ramfs") => vec![Medium::of(MediumKind::Memory)],
        None => vec![Medium::of(MediumKind::Unknown)],
    }
}

fn of(disk: &BlockDevice) -> Medium {
    let rotates = disk.rotates().filter(|_| !disk.is_on_usb());
    let kind = kind(&disk.name(), disk.is_hardware(), rotates);
    Medium { kind, vendor: disk.vendor(), model: disk.model(), serial: disk.serial() }
}

/// By its name where that tells; disks of virtual machines say that they rotate, whatever they are.
fn kind(name: &str, is_hardware: bool, rotates: Option<bool>) -> MediumKind {
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if is(&["nvme"]) {
        MediumKind::Nvme
    } else if is(&["mmcblk"]) {
        MediumKind::Card
    } else if is(&["ram", "zram", "pmem"]) {
        MediumKind::Memory
    } else if is(&["vd", "xvd", "loop", "nbd", "rbd", "drbd"]) {
        MediumKind::Virtual
    } else {
        match (is_hardware, rotates) {
            (true, Some(true)) => MediumKind::HardDisk,
            (true, Some(false)) => MediumKind::SolidState,
            _ => MediumKind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(kind("nvme0n1", true, Some(false)), MediumKind::Nvme);
        assert_eq!(kind("sda", true, Some(true)), MediumKind::HardDisk);
        assert_eq!(kind("sda", true, Some(false)), MediumKind::SolidState);
        assert_eq!(kind("vda", true, Some(true)), MediumKind::Virtual);
        assert_eq!(kind("loop7", false, Some(false)), MediumKind::Virtual);
        assert_eq!(kind("mmcblk0", true, Some(false)), MediumKind::Card);
        assert_eq!(kind("dm-3", false, Some(false)), MediumKind::Unknown);
        assert_eq!(kind("sda", true, None), MediumKind::Unknown);
        assert_eq!(below(None, "tmpfs"), [Medium::of(MediumKind::Memory)]);
        assert_eq!(below(None, "nfs4"), [Medium::of(MediumKind::Unknown)]);
    }
}
