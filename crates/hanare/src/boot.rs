//! Whether this machine's kill switch will be closed from before its network comes up, after the next boot.

use std::path::Path;

/// The unit that closes it (`crates/hanare/units`).
const UNIT: &str = "sysinit.target.wants/hanare-guard.service";
/// Where systemd looks for units, and for what is enabled among them (systemd.unit(5)).
const PLACES: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"];

/// Whether systemd runs here and nothing closes the kill switch at its next start. `root` is `/`.
pub(crate) fn is_unguarded(root: &Path) -> bool {
    // sd_booted(3)
    root.join("run/systemd/system").is_dir()
        && !PLACES.iter().any(|place| root.join(place).join(UNIT).symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_guarded_once_the_unit_is_enabled() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        assert!(!is_unguarded(root), "another init has its own ways");
        std::fs::create_dir_all(root.join("run/systemd/system")).unwrap();
        std::fs::create_dir_all(root.join("etc/systemd/system")).unwrap();
        std::fs::write(root.join("etc/systemd/system/hanare-guard.service"), "").unwrap();
        assert!(is_unguarded(root), "installed is not enabled");
        let wants = root.join("etc/systemd/system/sysinit.target.wants");
        std::fs::create_dir(&wants).unwrap();
        std::os::unix::fs::symlink("../hanare-guard.service", wants.join("hanare-guard.service")).unwrap();
        assert!(!is_unguarded(root));
    }

    #[test]
    fn it_is_the_unit_that_we_bring() {
        let unit = include_str!("../units/hanare-guard.service");
        assert!(unit.contains("WantedBy=sysinit.target\n"));
    }
}
