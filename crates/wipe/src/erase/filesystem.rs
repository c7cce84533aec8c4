//! What a file system lets be erased, and what it keeps whatever is done.

use crate::outcome::{SkipKind, Tally};

/// A file system, as far as erasing is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(crate) struct Filesystem {
    /// Whether new bytes go where the old ones are.
    pub(crate) in_place: bool,
    /// Whether files can share blocks.
    pub(crate) shares: bool,
    /// Whether the journal can be written back and blanked.
    pub(crate) has_checkpoint: bool,
    /// Whether the records of removed files stay in tables that can be read, until they are used again.
    pub(crate) has_inode_tables: bool,
    /// Whether it is on a block device at all.
    pub(crate) on_device: bool,
    /// What it keeps.
    limits: &'static [(SkipKind, &'static str)],
}

impl Filesystem {
    /// The file system of this type, as `/proc/self/mountinfo` names it.
    pub(crate) fn of(kind: &str) -> Self {
        use SkipKind::{Filesystem as Records, LowerLayer};
        let base = Self {
            in_place: true,
            shares: false,
            has_checkpoint: false,
            has_inode_tables: false,
            on_device: true,
            limits: &[],
        };
        let keeps = |limits| Self { limits, ..base.clone() };
        match kind {
            "ext2" | "ext3" | "ext4" => Self { has_checkpoint: true, has_inode_tables: true, ..base },
            "xfs" => Self { shares: true, ..keeps(&[(Records, "xfs-log")]) },
            // Each write makes a copy; what was freed is discarded instead.
            "btrfs" | "bcachefs" => {
                Self { in_place: false, shares: true, ..keeps(&[(Records, "copy-on-write")]) }
            }
            "f2fs" | "nilfs2" => Self { in_place: false, ..keeps(&[(Records, "log-structured")]) },
            "vfat" | "msdos" | "exfat" => keeps(&[(Records, "names-in-parent")]),
            "overlay" => Self { on_device: false, ..keeps(&[(LowerLayer, "overlay")]) },
            "tmpfs" | "ramfs" => Self { on_device: false, ..keeps(&[(Records, "memory-not-blanked")]) },
            _ => Self { on_device: false, ..keeps(&[(Records, "unknown-file-system")]) },
        }
    }

    /// Says what it keeps.
    pub(crate) fn tell(&self, tally: &mut Tally) {
        for (kind, reason) in self.limits {
            tally.add(*kind, reason, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ext_keeps_nothing_that_cannot_be_erased() {
        for kind in ["ext2", "ext3", "ext4"] {
            let mut tally = Tally::default();
            Filesystem::of(kind).tell(&mut tally);
            assert!(tally.is_empty(), "{kind}");
        }
        for kind in ["xfs", "btrfs", "vfat", "overlay", "tmpfs", "fuse.sshfs", "nfs4", "something new"] {
            let mut tally = Tally::default();
            Filesystem::of(kind).tell(&mut tally);
            assert!(!tally.is_empty(), "{kind}");
        }
    }
}
