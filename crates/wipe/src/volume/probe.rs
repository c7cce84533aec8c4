//! Which kinds of work volume this machine can have, asked of the kernel; nothing is changed.

use std::path::Path;

use hanare_host::device_mapper::Mapper;

use super::definition::memory_may_leak;
use crate::volume_kind::VolumeKind;

/// The first of these kinds that this machine has, for a policy that names them in its order.
#[must_use]
pub fn first_possible(kinds: &[VolumeKind]) -> Option<VolumeKind> {
    kinds.iter().copied().find(|kind| is_possible(*kind))
}

fn is_possible(kind: VolumeKind) -> bool {
    match kind {
        VolumeKind::DmCrypt => Mapper::open().is_ok_and(|mapper| mapper.has_target("crypt")),
        VolumeKind::Ram => memory_may_leak().is_ok_and(|leaks| !leaks) || can_noswap(),
        // Told by a kernel whose ext4 can encrypt, once it has ext4.
        VolumeKind::Fscrypt => Path::new("/sys/fs/ext4/features/encryption").exists(),
    }
}

/// Linux 6.4 keeps files in memory out of swap, except in a user namespace.
pub(super) fn can_noswap() -> bool {
    let options = [("size", "4096")];
    (|| {
        use rustix::mount::{FsOpenFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsopen};
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (name, value) in options {
            fsconfig_set_string(&context, name, value)?;
        }
        fsconfig_set_flag(&context, "noswap")?;
        fsconfig_create(&context)
    })()
    .is_ok()
}
