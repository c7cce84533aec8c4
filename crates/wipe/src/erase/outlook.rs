//! What erasing a tree could come to at best, told before anything is touched.

use hanare_host::storage::BlockDevice;

use super::filesystem::Filesystem;
use super::{beneath, device_of};
use crate::outcome::{SkipKind, Tally};
use crate::root::Root;

/// What is known of the place that a tree is in.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    /// The file system's type.
    pub(crate) filesystem: String,
    /// Whether the device below takes discards; `None` if no device is to be seen.
    pub(crate) discard: Option<bool>,
    /// What keeps the verdict from *pass*, whatever is done.
    pub(crate) limits: Tally,
}

impl Outlook {
    /// Looks at the place of a tree.
    pub(crate) fn of(root: &Root) -> Self {
        let kind = Filesystem::of(&root.mount.kind);
        let device = device_of(root.identity.device, &root.mount.source);
        let mut limits = Tally::default();
        kind.tell(&mut limits);
        if device.as_ref().is_some_and(BlockDevice::keeps_spare_area) {
            limits.add(SkipKind::Device, "spare-area", 1);
        }
        if device.as_ref().is_some_and(beneath::keeps_copies) {
            limits.add(SkipKind::Snapshot, "copies-below", 1);
        }
        if kind.in_place && device.as_ref().is_none_or(|device| device.open().is_err()) {
            limits.add(SkipKind::NotEvaluated, "no-raw-device", 1);
        }
        let discard = device.map(|device| device.discard_limit() > 0);
        Self { filesystem: root.mount.kind.clone(), discard, limits }
    }
}
