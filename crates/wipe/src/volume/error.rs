//! Why a work volume cannot be made, opened or ended.

use std::io;
use std::path::{Path, PathBuf};

use hanare_host::{Deed, HostError};

use crate::volume_kind::VolumeKind;

/// Why a work volume cannot be made, opened or ended.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// There is none: `create` was never called.
    #[error("there is no work volume")]
    Absent,
    /// There is one already, and it is another one.
    #[error("there is a work volume already, of kind {kind}")]
    Exists {
        /// Its kind.
        kind: VolumeKind,
    },
    /// It is open, and would have to be locked first.
    #[error("the work volume is open at {mountpoint}")]
    Open {
        /// Where.
        mountpoint: PathBuf,
    },
    /// It is open there, without the confinement that is asked for now.
    #[error("the work volume is open at {mountpoint}, and {path} is not confined to it")]
    OpenWithout {
        /// Where.
        mountpoint: PathBuf,
        /// What is not on it, or swap in the clear.
        path: PathBuf,
    },
    /// It has ended, and has its receipt, and somebody can read it all the same.
    #[error("what was the work volume at {mountpoint} can still be read")]
    StillReadable {
        /// Where it was.
        mountpoint: PathBuf,
    },
    /// Another process is opening or ending it.
    #[error("another process holds the work volume ({path})")]
    Held {
        /// The lock.
        path: PathBuf,
    },
    /// Another process is opening it, and reads swap back first.
    #[error("process {process} holds the work volume ({path}) while it reads swap back")]
    SwapComesBack {
        /// The lock.
        path: PathBuf,
        /// Which.
        process: u32,
    },
    /// The size is too small for a file system, or larger than what there is.
    #[error("{size} bytes are too few for a work volume")]
    TooSmall {
        /// What was asked for.
        size: u64,
    },
    /// This kind wants something to lie on, or must not have it.
    #[error("a volume of kind {kind} {}", if *.wanted { "wants a file or device" } else { "lies in memory" })]
    Backing {
        /// The kind.
        kind: VolumeKind,
        /// Whether one was missing.
        wanted: bool,
    },
    /// What it should lie on is not a file, a new path or a block device.
    #[error("{path} cannot hold a work volume")]
    Unfit {
        /// Which.
        path: PathBuf,
    },
    /// The device is in use.
    #[error("{path} is in use")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Memory could be written to a disk in the clear.
    #[error("memory is swapped to a disk in the clear")]
    PlainSwap,
    /// The place to mount it at is not an empty directory.
    #[error("{path} is not an empty directory")]
    MountPoint {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else than root can put something else in its place.
    #[error("{path} can be replaced by way of {above}, which others can change")]
    Replaceable {
        /// Which.
        path: PathBuf,
        /// The directory above it that others can change.
        above: PathBuf,
    },
    /// The device is not the one that the volume was created on.
    #[error("{path} is not the device that the work volume was created on")]
    AnotherDevice {
        /// What it is called.
        path: PathBuf,
    },
    /// What should be confined is not a directory, or is one behind a link.
    #[error("{path} is not a directory, or is behind a link")]
    Unconfinable {
        /// Which.
        path: PathBuf,
    },
    /// Something that should lie on the volume does not.
    #[error("{path} lies outside the work volume")]
    Escapes {
        /// What.
        path: PathBuf,
    },
    /// The volume's mapping is not what was made: what became of its key cannot be told.
    #[error("somebody replaced the volume's mapping")]
    Replaced,
    /// A record of ours that is not what we wrote.
    #[error("{path} is damaged")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        #[source]
        source: serde_json::Error,
    },
    /// A file could not be read or written.
    #[error("{action} {path}")]
    Io {
        /// What was tried.
        action: Deed,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The machine said no.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A program that makes the file system failed.
    #[error("{program} failed: {text}")]
    Program {
        /// Which.
        program: &'static str,
        /// Its words.
        text: String,
    },
}

impl VolumeError {
    /// Puts action and path to an error of the system.
    pub(crate) fn io(action: Deed, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
