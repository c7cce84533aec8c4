//! What is mounted and swapped to, and which devices lie beneath, down to the disks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::{Root, if_any};

const MOUNTS: &str = "/proc/self/mountinfo";
const SWAPS: &str = "/proc/swaps";
/// No stack of devices is deeper.
const DEPTH: usize = 16;

/// Storage in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// What is swapped to.
    pub swaps: Vec<Swap>,
    /// Block devices by number (`8:1`), those beneath included.
    pub devices: BTreeMap<String, Device>,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The device's number; major 0 is none.
    pub device: String,
    /// The file system's type.
    pub kind: String,
    /// Where.
    pub point: String,
    /// Whether nothing can be written.
    pub read_only: bool,
}

/// A swap area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// The device or file.
    pub path: String,
    /// The device's number; `None` for a file.
    pub device: Option<String>,
}

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The kernel's name.
    pub name: String,
    /// What device mapper says it is (`CRYPT-LUKS2-…`); `None` for other devices.
    pub mapped: Option<String>,
    /// The numbers of what lies beneath.
    pub below: Vec<String>,
}

pub(crate) fn storage(root: &Root) -> Result<Storage, Gap> {
    let mounts = read_mounts(&root.text(MOUNTS)?).ok_or_else(|| Gap::new(GapKind::NotUnderstood, MOUNTS))?;
    let paths = read_swaps(&root.text(SWAPS)?).ok_or_else(|| Gap::new(GapKind::NotUnderstood, SWAPS))?;
    let mut swaps = Vec::new();
    for (path, is_device) in paths {
        let name = path.rsplit('/').next().unwrap_or_default();
        let device =
            if is_device { Some(number(root, &format!("/sys/class/block/{name}/dev"))?) } else { None };
        swaps.push(Swap { path, device });
    }
    let mut devices = BTreeMap::new();
    let used = mounts.iter().map(|mount| mount.device.clone());
    for device in used.chain(swaps.iter().filter_map(|swap| swap.device.clone())) {
        if !device.starts_with("0:") {
            descend(root, &device, DEPTH, &mut devices)?;
        }
    }
    Ok(Storage { mounts, swaps, devices })
}

fn descend(
    root: &Root,
    number: &str,
    depth: usize,
    devices: &mut BTreeMap<String, Device>,
) -> Result<(), Gap> {
    let directory = format!("/sys/dev/block/{number}");
    let depth = depth.checked_sub(1).ok_or_else(|| Gap::new(GapKind::NotUnderstood, &directory))?;
    if devices.contains_key(number) {
        return Ok(());
    }
    let event = root.text(&format!("{directory}/uevent"))?;
    let name = event.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    let name = name.ok_or_else(|| Gap::new(GapKind::NotUnderstood, &directory))?.to_owned();
    let mapped = if_any(root.text(&format!("{directory}/dm/uuid")))?.map(|uuid| uuid.trim().to_owned());
    let mut below = Vec::new();
    for slave in root.names_if_any(&format!("{directory}/slaves"))? {
        below.push(self::number(root, &format!("{directory}/slaves/{slave}/dev"))?);
    }
    devices.insert(number.to_owned(), Device { name, mapped, below: below.clone() });
    below.iter().try_for_each(|number| descend(root, number, depth, devices))
}

fn number(root: &Root, path: &str) -> Result<String, Gap> {
    let text = root.text(path)?;
    let number = text.trim();
    let is_number = number
        .split_once(':')
        .is_some_and(|(major, minor)| major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok());
    if is_number { Ok(number.to_owned()) } else { Err(Gap::new(GapKind::NotUnderstood, path)) }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc(5)).
fn read_mounts(text: &str) -> Option<Vec<Mount>> {
    text.lines()
        .map(|line| {
            let (first, second) = line.split_once(" - ")?;
            let mut fields = first.split(' ').skip(2);
            let (device, _inner, point) = (fields.next()?, fields.next()?, fields.next()?);
            let own = fields.next()?.split(',').any(|option| option == "ro");
            let mut fields = second.split(' ');
            let kind = fields.next()?;
            let whole = fields.nth(1).unwrap_or_default().split(',').any(|option| option == "ro");
            let (device, kind, point) = (device.to_owned(), kind.to_owned(), unescaped(point));
            Some(Mount { device, kind, point, read_only: own || whole })
        })
        .collect()
}

/// Path, and whether it is a device.
fn read_swaps(text: &str) -> Option<Vec<(String, bool)>> {
    text.lines()
        .skip(1)
        .map(|line| {
            let mut fields = line.split_whitespace();
            let (path, kind) = (fields.next()?, fields.next()?);
            Some((unescaped(path), kind == "partition"))
        })
        .collect()
}

/// Spaces and the like are octal in the kernel's tables.
fn unescaped(text: &str) -> String {
    let space = text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n");
    space.replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_and_swaps_are_read_as_the_kernel_writes_them() {
        let text = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
            36 35 254:0 / /srv/a\\040b ro,noatime shared:1 - ext4 /dev/mapper/x rw\n";
        let mounts = read_mounts(text).unwrap();
        assert_eq!(
            (mounts[0].device.as_str(), mounts[0].kind.as_str(), mounts[0].read_only),
            ("0:21", "proc", false)
        );
        assert_eq!(
            (mounts[1].device.as_str(), mounts[1].point.as_str(), mounts[1].read_only),
            ("254:0", "/srv/a b", true)
        );
        assert_eq!(read_mounts("nonsense\n"), None);
        let swaps = "Filename\tType\tSize\n/dev/dm-1 partition 1 0 -2\n/swap.img file 1 0 -3\n";
        let swaps = read_swaps(swaps).unwrap();
        assert_eq!(swaps, [("/dev/dm-1".to_owned(), true), ("/swap.img".to_owned(), false)]);
    }
}
