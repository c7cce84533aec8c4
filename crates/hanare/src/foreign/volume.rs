//! What keeps a work volume from being made, opened or ended, as failures.

use hanare_wipe::volume::VolumeError;

use super::host::{attempt, host_error};
use crate::exit::Exit;
use crate::failure::Failure;

/// A work volume that was not made, opened or ended.
pub(crate) fn volume_error(error: VolumeError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    let input = |code| Failure::new(Exit::Input, code);
    match error {
        VolumeError::Absent => impossible("volume-absent"),
        VolumeError::Exists { kind } => impossible("volume-exists").with("kind", kind),
        VolumeError::Open { mountpoint } => impossible("volume-open").with("path", mountpoint.display()),
        VolumeError::OpenWithout { mountpoint, path } => impossible("volume-open-without")
            .with("mountpoint", mountpoint.display())
            .with("path", path.display()),
        VolumeError::Held { path } => impossible("volume-held").with("path", path.display()),
        VolumeError::SwapComesBack { path, process } => {
            impossible("volume-swap-comes-back").with("path", path.display()).with("process", process)
        }
        VolumeError::TooSmall { size } => input("volume-too-small").with("size", size),
        VolumeError::Backing { kind, wanted: true } => input("volume-wants-backing").with("kind", kind),
        VolumeError::Backing { kind, wanted: false } => input("volume-in-memory").with("kind", kind),
        VolumeError::Unfit { path } => input("volume-unfit").with("path", path.display()),
        VolumeError::InUse { path } => impossible("volume-in-use").with("path", path.display()),
        VolumeError::StillReadable { mountpoint } => {
            Failure::new(Exit::Incomplete, "volume-still-readable").with("path", mountpoint.display())
        }
        VolumeError::Replaceable { path, above } => {
            input("volume-replaceable").with("path", path.display()).with("above", above.display())
        }
        VolumeError::AnotherDevice { path } => {
            impossible("volume-another-device").with("path", path.display())
        }
        VolumeError::PlainSwap => impossible("volume-plain-swap"),
        VolumeError::MountPoint { path } => input("volume-mountpoint").with("path", path.display()),
        VolumeError::Unconfinable { path } => input("volume-unconfinable").with("path", path.display()),
        VolumeError::Escapes { path } => impossible("volume-escapes").with("path", path.display()),
        VolumeError::Replaced => impossible("volume-replaced"),
        VolumeError::Damaged { path, source } => {
            impossible("volume-damaged").with("path", path.display()).because(&source)
        }
        VolumeError::Io { action, path, source } => {
            impossible("volume-io").with_phrase("what", attempt(&action.of(path.display()))).because(&source)
        }
        VolumeError::Host(error) => host_error(error),
        VolumeError::Program { program, text } => {
            impossible("program").with("program", program).reported("cause-program", text)
        }
    }
}
