//! Verification: what was recorded before is read again from the device itself, past the file system and the page cache.

mod canary;
mod reread;
mod sample;

pub(crate) use canary::Canaries;
pub(crate) use reread::reread;
pub(crate) use sample::{Recorder, Sample};
