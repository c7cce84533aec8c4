//! Kinds of Linux file systems, by the name that mountinfo gives.

/// File systems that are the kernel's own view of itself (the entries marked `nodev` in `/proc/filesystems` that hold no one's files).
const KERNELS_OWN: [&str; 20] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// Whether a file system of this kind is the kernel's own: nothing in it is anybody's, and nothing of it is on a disk.
#[must_use]
pub fn is_kernels_own(kind: &str) -> bool {
    KERNELS_OWN.contains(&kind)
}
