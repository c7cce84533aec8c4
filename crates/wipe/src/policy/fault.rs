//! What can be wrong with a wipe policy, as data that the command says in the person's language.

use super::{MAX_HOURS, MAX_LEN, MAX_SECONDS, VERSION};

/// What is wrong with a policy, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not TOML, or not a policy's: the parser's words.
    #[error("{0}")]
    Form(String),
    /// Longer than [`MAX_LEN`].
    #[error("a policy has at most {most} bytes, this one has {0}", most = MAX_LEN)]
    TooLong(usize),
    /// Another version than [`VERSION`].
    #[error("version {0} is not known: this program reads version {known}", known = VERSION)]
    Version(u32),
    /// A name that is none.
    #[error("{0:?} is not a name: a-z, 0-9 and - inside")]
    Name(String),
    /// A path that no policy may name.
    #[error("{path:?}: {why}")]
    Path {
        /// As it was written.
        path: String,
        /// Why not.
        why: Misplaced,
    },
    /// A tree below none of the allowed places.
    #[error("{0} is not below any of the allowed places")]
    Outside(String),
    /// Two trees, two confined directories, or one of those and the volume, one of which holds the other.
    #[error("{path} and {other} overlap")]
    Overlap {
        /// The later one.
        path: String,
        /// The earlier one.
        other: String,
    },
    /// A tree that holds something to be kept, or lies in it.
    #[error("{path} holds or lies in {kept}, which is kept")]
    Kept {
        /// The tree.
        path: String,
        /// What is kept.
        kept: String,
    },
    /// Something about which it says how it is handed over, and that does not lie on the volume.
    #[error("{0} does not lie on the volume: below its mount point or in a confined directory")]
    OffVolume(String),
    /// An empty list.
    #[error("the list is empty")]
    Empty,
    /// The same thing twice in a list.
    #[error("{0} is there twice")]
    Twice(String),
    /// No time, or too much of it.
    #[error("{0} seconds are not from {least} to {most}", least = 1, most = MAX_SECONDS)]
    Seconds(u64),
    /// No number of hours, or too many.
    #[error("{0} hours are not from {least} to {most}", least = 1, most = MAX_HOURS)]
    Hours(u64),
    /// Not a time of day.
    #[error("{0:?} is not a time of day such as \"19:00\"")]
    Time(String),
    /// Not a calendar day.
    #[error("{0:?} is not a calendar day such as \"2027-01-01\"")]
    Date(String),
    /// A time zone that this machine does not know.
    #[error("this machine does not know the time zone {0:?}")]
    Zone(String),
    /// Not the numbers of a USB device.
    #[error("{0:?} is not a USB device's numbers such as \"1d6b:0002\"")]
    Usb(String),
    /// Not the name of a Unix account that people work as.
    #[error("{0:?} is not the name of an account that people work as")]
    User(String),
    /// A policy without anything that goes.
    #[error("it names neither a volume nor a tree: nothing would go")]
    Nothing,
}

/// Why a path cannot stand in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// No text at all.
    #[error("it is empty")]
    Empty,
    /// It depends on where the program runs.
    #[error("it does not begin with a slash")]
    Relative,
    /// `.` or `..` in it.
    #[error("it has . or .. in it")]
    Dots,
    /// A character that no line of text can show: a policy is read by people.
    #[error("it has a control character in it")]
    Control,
    /// The system needs it.
    #[error("it belongs to the system")]
    System,
    /// Something is mounted there.
    #[error("something is mounted there")]
    MountRoot,
}
