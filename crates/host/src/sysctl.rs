//! Kernel settings below `/proc/sys/net`, read before they are written.

use std::path::{Path, PathBuf};

use crate::deed::Deed;
use crate::error::HostError;
use crate::undo::{Change, UndoLog};

const ROOT: &str = "/proc/sys";
/// Where every device has its IPv4 settings,
const DEVICES: &str = "net/ipv4/conf";
/// and what one gets that comes.
const NEWCOMERS: &str = "net/ipv4/conf/default/forwarding";

/// Settings that make this machine forward between its interfaces, IPv4 and IPv6, in the order of writing.
///
/// IPv4 is set per device: the global switch would reset other settings of every device. IPv6 has only the global one; a
/// device that takes router advertisements must be told to go on doing so (`accept_ra` 2) first, or its default route is
/// removed.
pub(crate) fn forwarding() -> Vec<(PathBuf, &'static str)> {
    let mut wanted = Vec::new();
    for device in entries("net/ipv6/conf") {
        let accept = Path::new("net/ipv6/conf").join(&device).join("accept_ra");
        if device != "all" && read(&accept).as_deref() == Some("1") {
            wanted.push((accept, "2"));
        }
    }
    for device in entries(DEVICES) {
        if device != "all" && device != "lo" {
            wanted.push((Path::new(DEVICES).join(device).join("forwarding"), "1"));
        }
    }
    wanted.push((PathBuf::from("net/ipv6/conf/all/forwarding"), "1"));
    wanted
}

/// Whether this machine forwards already, so that other rules than ours look after it.
pub(crate) fn forwards() -> bool {
    read(Path::new("net/ipv4/ip_forward")).as_deref() == Some("1")
        || read(Path::new("net/ipv6/conf/all/forwarding")).as_deref() == Some("1")
}

/// Answers of marked flows pass the reverse path check by the mark.
pub(crate) fn marked_reverse_path() -> Vec<(PathBuf, &'static str)> {
    vec![(PathBuf::from("net/ipv4/conf/all/src_valid_mark"), "1")]
}

/// Writes settings that differ, after recording what they were. A setting that this kernel lacks is passed over.
pub(crate) fn set(log: &mut UndoLog, wanted: &[(PathBuf, &'static str)]) -> Result<(), HostError> {
    let mut before = Vec::new();
    let mut changes = Vec::new();
    for (path, value) in wanted {
        let Some(old) = read(path) else { continue };
        if old == *value {
            // Recorded all the same: what is not is a newcomer's.
            if path.starts_with(DEVICES) {
                before.push((path.clone(), old));
            }
            continue;
        }
        if path.ends_with("ipv6/conf/all/forwarding") {
            // Writing the global switch writes every device's; each gets its own value back afterwards.
            before.push((path.clone(), old));
            for device in entries("net/ipv6/conf").into_iter().filter(|name| name != "all") {
                let each = Path::new("net/ipv6/conf").join(device).join("forwarding");
                if let Some(old) = read(&each) {
                    before.push((each, old));
                }
            }
        } else {
            before.push((path.clone(), old));
        }
        changes.push((path, value));
    }
    if changes.is_empty() {
        return Ok(());
    }
    // Written back in this order: the global IPv6 switch, the devices' own, then what had to be set before it.
    let first = |path: &Path| !path.ends_with("ipv6/conf/all/forwarding");
    before.sort_by_key(|(path, _)| (first(path), path.ends_with("accept_ra")));
    let every_device = before.iter().any(|(path, _)| path == Path::new(NEWCOMERS));
    log.record(Change::Sysctl { values: before, every_device })?;
    changes.into_iter().try_for_each(|(path, value)| write(path, value))
}

/// Writes old values back. A device that is gone took its settings along; one that came since has what we gave to newcomers, if
/// `every_device` of that time is recorded.
pub(crate) fn write_back(values: &[(PathBuf, String)], every_device: bool) -> Result<(), HostError> {
    let newcomers = values.iter().find(|(path, _)| every_device && path == Path::new(NEWCOMERS));
    let newcomers = newcomers.filter(|(_, old)| old != "1");
    let of_newcomers = newcomers.into_iter().flat_map(|(_, old)| {
        let each =
            entries(DEVICES).into_iter().filter(|name| !matches!(name.as_str(), "all" | "default" | "lo"));
        let paths = each.map(|name| Path::new(DEVICES).join(name).join("forwarding"));
        let unknown = paths.filter(move |path| !values.iter().any(|(known, _)| known == path));
        unknown.map(move |path| (path, old.clone()))
    });
    let of_newcomers: Vec<_> = of_newcomers.collect();
    write_all(values)?;
    write_all(&of_newcomers)
}

fn write_all(values: &[(PathBuf, String)]) -> Result<(), HostError> {
    for (path, value) in values {
        match write(path, value) {
            Err(HostError::Io { errno: Some(2), .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(Path::new(ROOT).join(path)).ok().map(|text| text.trim().to_owned())
}

fn write(path: &Path, value: &str) -> Result<(), HostError> {
    let full = Path::new(ROOT).join(path);
    if !path.starts_with("net") || path.components().any(|part| part.as_os_str() == "..") {
        return Err(HostError::refused("sysctl", format!("{} is not a network setting", path.display())));
    }
    std::fs::write(&full, value).map_err(|error| HostError::io(Deed::Write.of(full.display()), &error))
}

fn entries(directory: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(Path::new(ROOT).join(directory))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
