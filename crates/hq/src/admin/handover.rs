//! Answers about work data that headquarters holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::protocol::VersionId;
use hanare_handover::store::Totals;
use hanare_handover::{Digest, WorkPath};
use hanare_model::{CompanyId, NodeName, PersonId, RoomId, Timestamp};
use serde::{Deserialize, Serialize};

/// Whose work, or from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandoverSource {
    /// What came from the nodes of a room, and is the newest of its file.
    Room(RoomId),
    /// The same from one node.
    Node(NodeName),
    /// All of a person's.
    Person(PersonId),
}

/// A page of work that headquarters holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverPage {
    /// Newest first.
    pub files: Vec<HandoverFile>,
    /// Where the next page begins, if there is one.
    pub next: Option<HandoverPlace>,
}

/// A file that headquarters holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverFile {
    /// Whose it is.
    pub person: PersonId,
    /// Where it is in their work: text, or an array of bytes where it is no UTF-8.
    pub path: WorkPath,
    /// Its version's name.
    pub version: VersionId,
    /// Its length in bytes; of a symbolic link 0.
    pub size: u64,
    /// SHA-256 of its content; a symbolic link has none.
    pub digest: Option<Digest>,
    /// When headquarters got it.
    pub at: Timestamp,
    /// From which node.
    pub node: NodeName,
    /// Whether it was read while somebody was writing it.
    pub torn: bool,
}

/// How much of a company's work headquarters holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverTotals {
    /// The company.
    pub company: String,
    /// What is held.
    #[serde(flatten)]
    pub held: Totals,
    /// Sealed items that wait on the company's nodes, as these said last.
    #[serde(default)]
    pub sealed: u64,
    /// Sealed items that came and wait for the person whom they name.
    #[serde(default)]
    pub quarantined: u64,
    /// Nodes of which so many of those wait that no more are taken.
    #[serde(default)]
    pub overfull: Vec<String>,
}

/// Deletions of very many of a person's files at once, about which somebody is to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldDeletions {
    /// The person's company.
    pub company: CompanyId,
    /// Whose files they are.
    pub person: PersonId,
    /// Where they were deleted.
    pub node: NodeName,
    /// How many files.
    pub files: u64,
    /// When the node last asked about them.
    pub at: Timestamp,
}

/// What was decided about a person's deletions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionsDecided {
    /// Whose files they are.
    pub person: PersonId,
    /// Whether they are meant.
    pub confirmed: bool,
    /// How many files.
    pub files: u64,
}

/// Copies of work may be taken for a while; it is on the ledger, and the persons are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverTaken {
    /// Names what was granted; good for the user who asked, for an hour after it was last used.
    pub grant: String,
    /// Whose work it is.
    pub persons: Vec<PersonId>,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A page of what was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverTakenPage {
    /// In no order that means anything.
    pub files: Vec<HandoverTakenFile>,
    /// Where the next page begins, if there is one.
    pub next: Option<HandoverPlace>,
}

/// A place in what was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverPlace {
    /// In which of its lists, from 0.
    pub list: usize,
    /// After which row of it.
    pub after: Option<i64>,
}

/// A file of what was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverTakenFile {
    /// Whose it is.
    pub person: PersonId,
    /// Where it is in their work.
    pub path: WorkPath,
    /// Its version's name.
    pub version: VersionId,
    /// What it is.
    #[serde(flatten)]
    pub content: HandoverContent,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum HandoverContent {
    /// A regular file.
    File {
        /// SHA-256 of its content.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// How many chunks it has.
        chunks: usize,
        /// Permission bits.
        mode: u32,
        /// When it was last changed, by the endpoint's clock.
        modified: Timestamp,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: Blob,
    },
}

/// Some chunks of a file that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverChunks {
    /// In order; as many as fit.
    pub chunks: Vec<Blob>,
}

/// Any bytes; base64 in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blob(pub Vec<u8>);

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Somebody's work has no place in a log.
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Blob {
    type Error = base64::DecodeError;
    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Blob> for String {
    fn from(blob: Blob) -> Self {
        STANDARD.encode(blob.0)
    }
}
