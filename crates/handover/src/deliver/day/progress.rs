//! How the handover of a day stands.

use crate::seal::Level;

/// How the handover stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is told by itself")]
pub struct Progress {
    /// Files that headquarters holds as they were last read.
    pub held: u64,
    /// Versions handed over since the beginning.
    pub delivered: u64,
    /// Bytes sent for them.
    pub sent_bytes: u64,
    /// Files that wait to be handed over.
    pub waiting: u64,
    /// Those of them that are not sealed as they are, either: a power cut takes these changes along.
    pub exposed: u64,
    /// Deletions that somebody is to be asked about.
    pub deletions_held: u64,
    /// Files for which headquarters has no room.
    pub full: u64,
    /// Second versions that lie beside another one.
    pub conflicts: u64,
    /// Whether the kernel tells of no changes, or not of all: they are looked for every minute, and sealed that much later.
    pub blind: bool,
    /// Why nothing goes on at the moment.
    pub trouble: Option<String>,
    /// [`super::super::TransportError::code`] of it.
    pub trouble_code: Option<&'static str>,
    /// Whether the session has ended: nothing will go on by itself.
    pub ended: bool,
    /// Items that wait sealed on this machine.
    pub sealed: u64,
    /// How far the reserve for them is used.
    pub reserve: Level,
    /// Files that came back from headquarters.
    pub restored: u64,
    /// Files that did not: they are damaged there, or could not be written here. They are tried again.
    pub not_back: u64,
    /// Whether all did that were to.
    pub is_back: bool,
    /// Whether settings are still to come, which programs read when they start.
    pub awaits_settings: bool,
}
