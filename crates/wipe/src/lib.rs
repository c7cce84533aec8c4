//! The wipe agent: when the day or the machine ends, no work data can be recovered from the room.

pub mod boot;
mod demand;
mod erase;
pub mod outcome;
pub mod pending;
pub mod plan;
pub mod policy;
pub mod receipt;
mod records;
pub mod root;
pub mod run;
mod system;
pub mod tree;
mod verify;
pub mod volume;
pub mod volume_kind;
mod working_day;

pub use boot::BootId;
pub use outcome::{Method, Outcome, Reason, SkipKind, Skipped, Verdict, Verified, VolumeEnd};
pub use volume_kind::VolumeKind;
pub use working_day::{Granted, NoOvertime, WorkingDay};
