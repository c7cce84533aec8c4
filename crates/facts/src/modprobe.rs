//! Kernel modules that carry data away on USB, and what modprobe was told about them.

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::Root;

/// In modprobe's order: a file in an earlier one masks its namesakes in the later ones (modprobe.d(5)).
const DIRECTORIES: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];
/// Commands that load nothing.
const NOTHING: [&str; 4] = ["/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true"];

/// `usb_storage`, which `uas` needs as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    /// Whether it is in the kernel now; `None` for a tree of files.
    pub usb_storage: Option<bool>,
    /// The files whose `install` line makes modprobe load nothing in its place. A `blacklist` line is none: it stops the
    /// name being found by a device, and `uas` still brings the module along.
    pub blocked_by: Vec<String>,
    /// Files that tell modprobe something else instead; one of them may win.
    pub installed_by: Vec<String>,
    /// Whether `USBGuard` is configured, which may restrict devices by itself.
    pub usbguard: bool,
}

pub(crate) fn modules(root: &Root) -> Result<Modules, Gap> {
    let mut any = false;
    for directory in DIRECTORIES {
        any |= root.exists(directory)?;
    }
    if !any {
        // Without any of them nobody has set modprobe up, or this is not a whole system.
        return Err(Gap::new(GapKind::Absent, DIRECTORIES[0]));
    }
    let (mut blocked_by, mut installed_by) = (Vec::new(), Vec::new());
    for path in root.drop_ins(&DIRECTORIES.map(str::to_owned))? {
        for command in installs(&root.text(&path)?) {
            let list = if NOTHING.contains(&command.as_str()) { &mut blocked_by } else { &mut installed_by };
            list.push(path.clone());
        }
    }
    let usb_storage = if root.is_live() { Some(root.exists("/sys/module/usb_storage")?) } else { None };
    let usbguard = root.exists("/etc/usbguard/usbguard-daemon.conf")?;
    Ok(Modules { usb_storage, blocked_by, installed_by, usbguard })
}

/// The commands of `install usb_storage …` lines. Hyphens and underscores are one to modprobe.
fn installs(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let command = |line: &str| {
        let mut words = line.split_whitespace();
        let is = words.next()? == "install" && words.next()?.replace('-', "_") == "usb_storage";
        is.then(|| words.collect::<Vec<_>>().join(" "))
    };
    joined.lines().filter_map(command).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(files: &[(&str, &str)]) -> Modules {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        modules(&Root::of(dir.path()).unwrap()).unwrap()
    }

    #[test]
    fn a_tree_without_any_of_its_directories_tells_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(modules(&Root::of(dir.path()).unwrap()).unwrap_err().kind, GapKind::Absent);
    }

    #[test]
    fn only_what_modprobe_obeys_blocks() {
        let line = "install usb-storage /bin/false\n";
        let blocked = |files: &[(&str, &str)]| !found(files).blocked_by.is_empty();
        assert!(blocked(&[("etc/modprobe.d/usb.conf", line)]));
        assert!(blocked(&[("usr/lib/modprobe.d/usb.conf", line)]));
        assert!(!blocked(&[("etc/modprobe.d/usb", line)]), "no .conf, no effect");
        assert!(!blocked(&[("etc/modprobe.d/usb.conf", "# install usb_storage /bin/false\n")]));
        assert!(!blocked(&[("etc/modprobe.d/usb.conf", "blacklist usb_storage\n")]));
        let masked = [("etc/modprobe.d/usb.conf", ""), ("usr/lib/modprobe.d/usb.conf", line)];
        assert!(!blocked(&masked), "a file in /etc masks its namesake");
        let other =
            found(&[("etc/modprobe.d/usb.conf", "install usb_storage /sbin/modprobe -i usb_storage\n")]);
        assert!(other.blocked_by.is_empty() && !other.installed_by.is_empty());
    }
}
