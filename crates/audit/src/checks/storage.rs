//! DEV-01: whatever keeps data without power is encrypted.

use std::collections::BTreeSet;

use hanare_facts::{Device, Mount, Storage};
use hanare_model::filesystem;

use super::{Judged, Look, fail, listed, pass, unknown};
use crate::why::Why;

/// File systems beside the kernel's own that keep nothing without power, or show what is elsewhere.
const IN_MEMORY: [&str; 4] = ["fuse.gvfsd-fuse", "fuse.portal", "ramfs", "tmpfs"];
fn keeps_nothing(kind: &str) -> bool {
    filesystem::is_kernels_own(kind) || IN_MEMORY.contains(&kind)
}

/// Where the EFI system partition is mounted: firmware reads it, so it cannot be encrypted.
const EFI: [&str; 3] = ["/boot/efi", "/efi", "/boot/firmware"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Safe,
    Plain,
    Unknown,
}

pub(super) fn encrypted(look: &mut Look<'_>) -> Judged {
    let storage = look.see(&look.facts.storage, said)?;
    let (mut plain, mut strange) = (BTreeSet::new(), BTreeSet::new());
    let mut count = 0_usize;
    for mount in storage.mounts.iter().filter(|mount| !keeps_nothing(&mount.kind)) {
        count = count.saturating_add(1);
        match mounted(mount, storage) {
            Kept::Safe => {}
            Kept::Plain => _ = plain.insert(mount.point.clone()),
            Kept::Unknown => _ = strange.insert(format!("{} ({})", mount.point, mount.kind)),
        }
    }
    for swap in &storage.swaps {
        let kept = match &swap.device {
            Some(device) => on(device, storage),
            None => beneath(&swap.path, storage).map_or(Kept::Unknown, |mount| mounted(mount, storage)),
        };
        match kept {
            Kept::Safe => {}
            Kept::Plain => _ = plain.insert(swap.path.clone()),
            Kept::Unknown => _ = strange.insert(swap.path.clone()),
        }
    }
    let words = |set: BTreeSet<String>| listed(&set.into_iter().collect::<Vec<_>>());
    match () {
        () if !plain.is_empty() => fail(Why::DiskPlain, words(plain)),
        () if !strange.is_empty() => unknown(Why::DiskUnknown, words(strange)),
        // A machine that starts from nothing was not understood.
        () if count == 0 => unknown(Why::DiskNone, ""),
        () => pass(),
    }
}

fn mounted(mount: &Mount, storage: &Storage) -> Kept {
    if mount.device.starts_with("0:") {
        return Kept::Unknown;
    }
    if mount.kind == "vfat" && EFI.contains(&mount.point.as_str()) {
        return Kept::Safe;
    }
    on(&mount.device, storage)
}

/// What is on a device: encrypted if it is, or all of what lies beneath is.
fn on(number: &str, storage: &Storage) -> Kept {
    let mut plain = false;
    let mut next = vec![number];
    let mut seen = BTreeSet::new();
    while let Some(number) = next.pop() {
        if !seen.insert(number) {
            continue;
        }
        let Some(device) = storage.devices.get(number) else { return Kept::Unknown };
        match layer(device) {
            Some(Kept::Unknown) => return Kept::Unknown,
            Some(Kept::Safe) => {}
            Some(Kept::Plain) => plain = true,
            None => next.extend(device.below.iter().map(String::as_str)),
        }
    }
    if plain { Kept::Plain } else { Kept::Safe }
}

/// What one device decides; `None` if what lies beneath does.
fn layer(device: &Device) -> Option<Kept> {
    let mapped = device.mapped.as_deref().unwrap_or_default();
    // A verified root is read by everybody and written by nobody.
    let is_safe = ["CRYPT-LUKS", "CRYPT-PLAIN", "CRYPT-VERITY"].iter().any(|kind| mapped.starts_with(kind));
    match () {
        () if is_safe || device.name.starts_with("zram") || device.name.starts_with("ram") => {
            Some(Kept::Safe)
        }
        // What a loop device shows lies in a file of another file system.
        () if device.name.starts_with("loop") => Some(Kept::Unknown),
        () if device.below.is_empty() => Some(if mapped.is_empty() { Kept::Plain } else { Kept::Unknown }),
        () => None,
    }
}

/// The mount that a file lies on.
fn beneath<'a>(path: &str, storage: &'a Storage) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| std::path::Path::new(path).starts_with(&mount.point);
    storage.mounts.iter().filter(holds).max_by_key(|mount| mount.point.len())
}

fn said(storage: &Storage) -> String {
    let kinds = |device: &Device| {
        let mapped = device.mapped.as_deref().unwrap_or("-");
        // The rest of a mapped device's name tells one disk from another, which nobody needs to know.
        let kind: Vec<&str> = mapped.split('-').take(2).collect();
        format!("{}={}", device.name, kind.join("-"))
    };
    let devices: Vec<String> = storage.devices.values().map(kinds).collect();
    format!("mounts {}, swaps {}; {}", storage.mounts.len(), storage.swaps.len(), listed(&devices))
}
