//! What the system needs, recognised by more than its name: a bind mount gives a directory another one.

use super::{Identity, descend};
use crate::system::directories;

/// File systems that are the kernel's own view of itself.
const KINDS: &[&str] = &[
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

/// Whether it is a file system of the kernel's own.
pub(super) fn is_system_kind(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// What those directories are: a bind mount gives them other names.
pub(super) fn identities() -> Vec<Identity> {
    directories().filter_map(|directory| descend(directory).ok()?.1.last().copied()).collect()
}
