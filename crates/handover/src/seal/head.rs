//! What a sealed item is made of.
//!
//! `MAGIC`, the head's length (4 bytes, little-endian), the [`Head`] as JSON, an age file, and an Ed25519 signature of 64 bytes
//! over [`CONTEXT`] and the SHA-256 digest of all that is before it. Inside the age file: the note's length, the [`Note`] as
//! JSON, the content in frames (4 bytes of length each, the last one empty), and the content's SHA-256 digest.

use std::fmt;
use std::io;
use std::str::FromStr;

use hanare_model::{CompanyId, NodeName, PersonId, SealingKey, Secret, Timestamp, VerifyKey};
use serde::{Deserialize, Serialize};

use crate::path::WorkPath;
use crate::protocol::{Class, VersionId};

pub(super) const MAGIC: &[u8; 16] = b"hanare-sealed/1\n";
/// What a signature is made for.
pub(super) const CONTEXT: &[u8] = b"hanare-sealed/1\n";
pub(super) const SIGNATURE_LEN: u64 = 64;
/// The longest head in bytes.
pub(super) const MAX_HEAD: usize = 4096;
/// The longest note: a path and a link's target of 4 KiB each, each byte written as a number at worst.
pub(super) const MAX_NOTE: usize = 64 * 1024;
/// The longest frame of content.
pub(super) const MAX_FRAME: usize = 256 * 1024;

/// Names one sealed item; the node draws it at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub VersionId);

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ItemId {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What anybody may read of an item: whose key opens it and who signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its name.
    pub id: ItemId,
    /// Whose work it is.
    pub company: CompanyId,
    /// Who signed it.
    pub signer: VerifyKey,
    /// What it is sealed to.
    pub to: SealingKey,
}

/// What only headquarters reads of an item, besides the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// [`Head::id`] again.
    pub id: ItemId,
    /// [`Head::company`] again.
    pub company: CompanyId,
    /// The node's name when it was sealed.
    pub node: NodeName,
    /// Whose work it is said to be.
    pub person: PersonId,
    /// The session in which they had proven themselves on the node; absent if headquarters could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Secret>,
    /// Where it was.
    pub path: WorkPath,
    /// The version at headquarters that it follows,
    pub parent: Option<VersionId>,
    /// which headquarters has acknowledged and then forgotten, if this is set,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// or the sealed item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ItemId>,
    /// Its class.
    #[serde(default)]
    pub class: Class,
    /// What it is.
    pub what: What,
    /// When it was sealed, by the node's clock.
    pub at: Timestamp,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// A regular file, whose content follows.
    File {
        /// Permission bits.
        mode: u32,
        /// When it was last changed, by the node's clock.
        modified: Timestamp,
        /// Whether it was read while somebody had it open for writing.
        torn: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        #[serde(with = "crate::text_or_bytes")]
        target: Vec<u8>,
    },
}

/// Why an item is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no sealed item, or the beginning of one.
    #[error("this is no sealed item, or not all of one")]
    NotSealed,
    /// Another key signed it, or something was changed since.
    #[error("the item was not signed by the node that it names, or was changed")]
    Signature,
    /// Another company's.
    #[error("the item belongs to another company")]
    Company,
    /// No node of this headquarters signed it, or another than the one that brings it.
    #[error("the item was sealed by another node")]
    Node,
    /// The person whom it names has never had work open on the node that sealed it.
    #[error("the person whom the item names has never had work open on the node that sealed it")]
    Stranger,
    /// Headquarters has no key for it.
    #[error("the item is sealed to a key that this headquarters does not have")]
    Key,
    /// The signed bytes do not hold what they should.
    #[error("the item's content cannot be read: {0}")]
    Content(String),
    /// It cannot be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    /// A word for logs, the ledger and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSealed => "not-sealed",
            Self::Signature => "signature",
            Self::Company => "company",
            Self::Node => "node",
            Self::Stranger => "stranger",
            Self::Key => "key",
            Self::Content(_) => "content",
            Self::Io(_) => "io",
        }
    }
}
