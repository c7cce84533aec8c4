//! How sealed items travel: in parts, and each is answered by what became of it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Mark, VersionId};
use crate::seal::ItemId;

/// A part of a sealed item on its way: the item's name, where this part begins, the item's whole length, and the version that
/// the endpoint has seen acknowledged meanwhile (see [`SealedPart::parent`]), in [`SealedPart::HEAD`] bytes before its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    /// Which item.
    pub id: ItemId,
    /// Where this part begins.
    pub offset: u64,
    /// The item's length in bytes.
    pub total: u64,
    /// The version of the same file that this very endpoint has handed over since, before what is in the item: the item
    /// could not know it.
    pub parent: Option<VersionId>,
    /// The part; empty to ask how much is there.
    pub bytes: Bytes,
}

impl SealedPart {
    /// Length of a part's head in bytes.
    pub const HEAD: usize = 16 + 8 + 8 + 16;

    /// As it travels. A parent of zeros is none.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let parent = self.parent.unwrap_or(VersionId::from_bytes([0; 16]));
        let head = [
            &self.id.0.as_bytes()[..],
            &self.offset.to_le_bytes(),
            &self.total.to_le_bytes(),
            &parent.as_bytes()[..],
        ];
        [head.concat().as_slice(), &self.bytes].concat()
    }

    /// Takes a body apart; nothing is copied.
    #[must_use]
    pub fn read(mut body: Bytes) -> Option<Self> {
        let rest = (body.len() >= Self::HEAD).then(|| body.split_off(Self::HEAD))?;
        let (id, head) = body.split_first_chunk::<16>()?;
        let (offset, head) = head.split_first_chunk::<8>()?;
        let (total, head) = head.split_first_chunk::<8>()?;
        let parent = VersionId::from_bytes(head.first_chunk::<16>().copied()?);
        Some(Self {
            id: ItemId(VersionId::from_bytes(*id)),
            offset: u64::from_le_bytes(*offset),
            total: u64::from_le_bytes(*total),
            parent: (*parent.as_bytes() != [0; 16]).then_some(parent),
            bytes: rest,
        })
    }
}

/// Headquarters' answer to a [`SealedPart`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum SealedAnswer {
    /// So much of it is there; the next part begins there.
    More {
        /// Bytes from the beginning.
        have: u64,
    },
    /// All of it came, and this became of it. What is [`Became::is_safe`] is durable.
    Done {
        /// What.
        became: Became,
        /// Where headquarters stands now.
        #[serde(default)]
        mark: Option<Mark>,
    },
}

/// What became of a sealed item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub enum Became {
    /// It is a version like any other.
    Kept {
        /// Which.
        version: VersionId,
    },
    /// It is kept beside another one.
    Conflict {
        /// As which version.
        version: VersionId,
    },
    /// Headquarters had it already: this very item, or what is in it.
    Known {
        /// As which version.
        version: VersionId,
    },
    /// It is kept until the person whom it names proves themselves.
    Quarantined,
    /// The person's space at headquarters is full: to be sent again.
    Full,
    /// It is not taken.
    Refused {
        /// Why, as `Refused::code` has it.
        reason: String,
    },
}

impl Became {
    /// Whether headquarters has it for good, so that the endpoint needs it no longer.
    #[must_use]
    pub const fn is_safe(&self) -> bool {
        match self {
            Self::Kept { .. } | Self::Conflict { .. } | Self::Known { .. } | Self::Quarantined => true,
            Self::Full | Self::Refused { .. } => false,
        }
    }
}

/// What waits sealed on an endpoint, as it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCount {
    /// Items.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}
