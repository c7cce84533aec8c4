//! The invite: one line that lets one node enrol, typed, pasted or scanned; versioned and checksummed.
//!
//! # Text
//! `hanare1:` and [Crockford's base32](https://www.crockford.com/base32.html) in groups of five. Reading ignores case,
//! spaces and hyphens, takes full-width characters, reads `o` as 0 and `i` and `l` as 1, and does not need the prefix; see
//! [`text`].
//!
//! # Bytes, version 1
//! | offset | length | what |
//! |---|---|---|
//! | 0 | 1 | version, 1; always below 128, so that a body never starts like the prefix |
//! | 1 | 1 | flags: bits 0–1 the kind (0 endpoint, 1 gateway), bit 2 a code is told over the phone; the others are 0 |
//! | 2 | 4 | expiry, seconds since 1970, big endian |
//! | 6 | 8 | invite id |
//! | 14 | 16 | one-time secret |
//! | 30 | 32 | SHA-256 of the SPKI of headquarters' certificate |
//! | 62 | 1 | number of API endpoints, 1 to [`MAX_ENDPOINTS`] |
//! | 63 | … | each: length of the host (4: an IPv4 address, 16: an IPv6 address, both raw; 0x80 + n: a name of n bytes), the host, port (2, big endian) |
//! | … | 1 + n | length of the node's name and the name; length 0 leaves it to the node |
//! | last | 4 | checksum: the first 4 bytes of SHA-256 over `hanare-invite` and all bytes before |
//!
//! Version and checksum keep their places in every later version, so that a newer invite is told from a damaged one.

mod bytes;
mod code;
mod parts;
pub mod text;

pub use code::{MAX_WRONG_CODES, SheetCode};
pub use parts::{InviteId, InviteSecret, SpkiPin};

use crate::id::NodeName;
use crate::lease::NodeKind;
use crate::peer::Endpoint;
use crate::time::Timestamp;

/// The version that this code writes.
pub const VERSION: u8 = 1;
/// What stands before an invite.
pub const PREFIX: &str = "hanare1:";
/// The most API endpoints of an invite: with more the QR code no longer fits a terminal.
pub const MAX_ENDPOINTS: usize = 4;

/// A one-time, expiring enrolment secret for one node. `Debug` redacts the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its public name, by which headquarters finds it.
    pub id: InviteId,
    /// Who knows this may enrol, once.
    pub secret: InviteSecret,
    /// Headquarters' certificate.
    pub pin: SpkiPin,
    /// Where headquarters' node API listens, the best first.
    pub api: Vec<Endpoint>,
    /// When it ends, by headquarters' clock. Headquarters decides; this only tells a person early.
    pub expires_at: Timestamp,
    /// What the node becomes; never [`NodeKind::External`].
    pub kind: NodeKind,
    /// The node's name; `None` leaves it to the node.
    pub name: Option<NodeName>,
    /// Whether a code told over the phone is wanted as well, because the invite is printed on a sheet.
    pub wants_code: bool,
}

/// Why a text is not an invite. Never carries the text itself: it may be most of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// There is nothing in it.
    #[error("there is no invite in the input")]
    Empty,
    /// The checksum does not hold: a typo, or a part is missing.
    #[error("the invite is damaged: a character is wrong or a part is missing")]
    Damaged,
    /// A newer headquarters made it.
    #[error("the invite has version {0}, this program reads version {VERSION}")]
    Newer(u8),
    /// The checksum holds but the content does not: whoever made it is not one of ours.
    #[error("the invite is whole but wrong inside: {0}")]
    Content(&'static str),
}

impl Invite {
    /// Reads what a person typed, pasted or scanned.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub fn parse(input: &str) -> Result<Self, InviteError> {
        let body = text::decode(input)?;
        bytes::decode(&body)
    }

    /// The line to give to a person: `hanare1:` and groups of five.
    ///
    /// # Errors
    /// [`InviteError::Content`] if it cannot be an invite (no endpoint or too many, an external node, a date beyond 2106).
    pub fn to_line(&self) -> Result<String, InviteError> {
        Ok(text::encode(&bytes::encode(self)?))
    }

    /// The same for a QR code: upper case and no groups, which fits its compact alphanumeric mode.
    ///
    /// # Errors
    /// As [`Invite::to_line`].
    pub fn to_qr(&self) -> Result<String, InviteError> {
        Ok(text::encode_compact(&bytes::encode(self)?))
    }
}

#[cfg(test)]
mod tests;
