//! Why a path is not erased.

use std::path::PathBuf;

use rustix::io::Errno;

/// A path that is not erased, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {refusal}")]
pub struct Refused {
    /// The path as it was given.
    pub path: PathBuf,
    /// Why.
    pub refusal: Refusal,
}

/// Why a path is not erased.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No text at all.
    #[error("it is empty")]
    Empty,
    /// It depends on where the command is run.
    #[error("it does not begin with a slash")]
    Relative,
    /// `.` or `..` in it.
    #[error("it has . or .. in it")]
    Dots,
    /// Nothing is there.
    #[error("there is no such directory")]
    Absent,
    /// It, or something on the way to it, is a symbolic link.
    #[error("there is a symbolic link in it")]
    Link,
    /// It is a file or something else.
    #[error("it is not a directory")]
    NotADirectory,
    /// Something is mounted there.
    #[error("something is mounted there")]
    MountPoint,
    /// The system needs it.
    #[error("it belongs to the system")]
    System,
    /// The state directory is in it.
    #[error("hanare's state directory is in it")]
    HoldsState,
    /// It is in the state directory.
    #[error("it is in hanare's state directory")]
    InsideState,
    /// The policy keeps something that it holds or lies in, whatever that is called.
    #[error("it holds or lies in what the policy keeps")]
    Kept,
    /// Another of the given paths is the same, in it or around it.
    #[error("it overlaps with another of the paths")]
    Overlap,
    /// Another wipe has it.
    #[error("another wipe is erasing it")]
    BeingErased,
    /// It was replaced while it was looked at.
    #[error("it was replaced while it was looked at")]
    Changed,
    /// Its file system is mounted read-only.
    #[error("its file system is mounted read-only")]
    ReadOnly,
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Unreadable(std::io::Error),
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::Absent,
            Errno::LOOP => Self::Link,
            Errno::NOTDIR => Self::NotADirectory,
            Errno::XDEV => Self::MountPoint,
            other => Self::Unreadable(other.into()),
        }
    }
}
