//! Directories that the system needs, by name: no policy may name one as work, and none is erased.

use std::path::Path;

/// The directory itself.
const EXACT: &[&str] = &[
    "/",
    "/dev/shm",
    "/home",
    "/lost+found",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/run/lock",
    "/run/user",
    "/srv",
    "/tmp",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/tmp",
];

/// The directory and everything below it.
const WITH_ALL_BELOW: &[&str] = &[
    "/bin",
    "/boot",
    "/efi",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/run/systemd",
    "/run/udev",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/systemd",
];

/// Whether the path is one of the system's.
pub(crate) fn is_system(path: &Path) -> bool {
    is_all_system(path) || EXACT.iter().any(|directory| path == Path::new(directory))
}

/// Whether the path, and everything below it, is the system's.
pub(crate) fn is_all_system(path: &Path) -> bool {
    let in_dev = path.starts_with("/dev") && !path.starts_with("/dev/shm");
    in_dev || WITH_ALL_BELOW.iter().any(|directory| path.starts_with(directory))
}

/// All their names.
pub(crate) fn directories() -> impl Iterator<Item = &'static Path> {
    EXACT.iter().chain(WITH_ALL_BELOW).map(Path::new)
}
