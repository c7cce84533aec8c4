//! What a dry run tells: how much would go. Nothing is opened for writing.

use std::sync::Arc;

use rustix::fs::FileType;

use super::crew::spread;
use crate::outcome::Tally;
use crate::root::{Root, look};

/// How much is in a tree.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Things that are no directories.
    pub files: u64,
    /// Bytes that they hold on the device.
    pub bytes: u64,
    /// What could not be looked at.
    pub skipped: Tally,
}

impl Survey {
    /// Counts what is in these trees.
    #[must_use]
    pub fn of(roots: &[Root]) -> Self {
        let mut all = Self::default();
        for root in roots {
            let (kept, skipped) = spread(root, |kept: &mut Self, batch| kept.batch(&batch), |_: &Arc<_>| {});
            all.skipped.merge(skipped);
            for kept in kept {
                all.files += kept.files;
                all.bytes += kept.bytes;
            }
        }
        all
    }

    fn batch(&mut self, batch: &super::crew::Batch) {
        for entry in &batch.entries {
            self.files += 1;
            if entry.kind == FileType::RegularFile
                && let Ok(seen) = look(&batch.directory, &entry.name)
            {
                self.bytes += seen.stx_size.min(seen.stx_blocks.saturating_mul(512));
            }
        }
    }
}
