//! The wipe agent: when the day or the machine ends, no work data can be recovered from the room.

pub mod outcome;

pub use outcome::{Method, Outcome, Reason, SkipKind, Skipped, Verdict, Verified, VolumeEnd};
