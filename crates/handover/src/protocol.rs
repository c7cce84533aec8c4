//! What travels between an endpoint and headquarters' store: JSON documents, and frames of chunks.
//!
//! An endpoint asks which chunks of a person's are missing ([`Ask`]), sends those ([`frames`]), and commits versions
//! ([`Commit`]). Each answer comes after what it says is durable; whatever is cut off in the middle is asked again, and what
//! had arrived is not sent twice. Nobody learns what others of the company hold: only what this very person has sent before
//! is known.

mod memory;
mod sealed;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use hanare_model::{NodeName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::path::WorkPath;

pub use memory::{Check, Checked, Mark, Memory, Since};
pub use sealed::{Became, SealedAnswer, SealedCount, SealedPart};

/// The most chunks in one [`Ask`] or [`Fetch`].
pub const MAX_ASK: usize = 4096;
/// The largest body of chunks, frames included: four chunks of the largest size, or many small ones. A transfer that is cut
/// loses at most this much.
pub const MAX_CHUNKS_BODY: usize = 4 * 1024 * 1024 + 64 * 1024;
/// The longest document: a commit names every chunk, 67 bytes for each 256 KiB of a file on average, and so does a page.
pub const MAX_DOCUMENT: usize = 32 * 1024 * 1024 - 1024;
/// The most versions in one [`Commit`].
pub const MAX_COMMIT: usize = 1024;
/// The most entries in one page of a list.
pub const MAX_PAGE: u32 = 2000;
/// Length of a frame's head in bytes: the chunk's length, little-endian.
const FRAME_HEAD: usize = 4;

/// Names one version at headquarters; 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionId([u8; 16]);

impl VersionId {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's own bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for VersionId {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for VersionId {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        text.parse()
    }
}

impl From<VersionId> for String {
    fn from(id: VersionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({self})")
    }
}

/// Which of these chunks are not there yet?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// At most [`MAX_ASK`].
    pub chunks: Vec<Digest>,
}

/// Those that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Their places in [`Ask::chunks`], ascending.
    pub missing: Vec<u32>,
}

/// Chunks that are durable now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// How many came. Not how many were new: that would tell what others of the company hold.
    pub chunks: u64,
}

/// Which class of work a file is, as the policy says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// What the person makes.
    #[default]
    Work,
    /// What makes a PC the person's own: an input method's dictionary, bookmarks.
    Settings,
}

/// What a file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// A regular file.
    File {
        /// SHA-256 of its whole content.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
        /// Its chunks in order.
        chunks: Vec<Digest>,
        /// Permission bits.
        mode: u32,
        /// When it was last changed, by the endpoint's clock.
        modified: Timestamp,
        /// Whether it was read while somebody had it open for writing.
        torn: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points: any bytes but zero, at most [`crate::path::MAX_PATH_LEN`] of them.
        #[serde(with = "crate::text_or_bytes")]
        target: Vec<u8>,
    },
    /// It was there and was deleted: seen, never inferred.
    Deleted,
}

/// A version that an endpoint hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// Where.
    pub path: WorkPath,
    /// The version that the endpoint had before; `None` for a file that was not there.
    pub parent: Option<VersionId>,
    /// Its class.
    #[serde(default)]
    pub class: Class,
    /// Headquarters has acknowledged it before, or what was there before it, as [`NewVersion::parent`], and has forgotten that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// A deletion of a file that has only moved: it is at another path now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// What it is now.
    pub content: Content,
}

/// Puts versions in their places; all their chunks were sent before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// At most [`MAX_COMMIT`], each judged for itself, in order.
    pub versions: Vec<NewVersion>,
    /// Whether the person has said that many deletions at once are meant.
    #[serde(default)]
    pub confirmed: bool,
    /// How many files go at once, of which these are a part; those that have only moved do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vanishing: Option<u64>,
    /// Where headquarters stood when it last answered: if it does not know that, it does nothing.
    #[serde(default)]
    pub since: Option<Mark>,
}

/// What became of the versions of a [`Commit`], in order. All of it is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// One for each; none if headquarters has forgotten something.
    pub placed: Vec<Placed>,
    /// Where headquarters stands now.
    #[serde(default)]
    pub memory: Memory,
}

/// What became of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "placed", rename_all = "kebab-case")]
pub enum Placed {
    /// It is kept.
    Kept {
        /// Its name from now on.
        version: VersionId,
    },
    /// It is kept beside another version of the same parent that came before.
    Conflict {
        /// Its name from now on.
        version: VersionId,
        /// Where it is.
        path: WorkPath,
        /// What stays at the path that was asked for.
        head: VersionId,
    },
    /// Headquarters has this very content there already.
    Known {
        /// As this version.
        version: VersionId,
    },
    /// A deletion of something that has changed meanwhile, or was never there: nothing was deleted.
    Stays {
        /// What is there, if anything.
        head: Option<VersionId>,
    },
    /// Chunks of it were never sent by this person: to be sent, and committed again.
    Incomplete,
    /// Too much would vanish at once ([`MAX_VANISHING_PERCENT`]): nothing was deleted, somebody is to be asked.
    Held,
    /// The person's space at headquarters is full, or the one that they share with all of their company.
    Full {
        /// Bytes that versions in it may hold.
        quota: u64,
        /// Bytes that they hold.
        used: u64,
    },
    /// It contradicts itself: its size is not that of its chunks.
    Malformed,
}

/// When more than this share of a person's files is deleted within [`VANISHING_WINDOW_SECONDS`], it is held.
pub const MAX_VANISHING_PERCENT: u64 = 30;
/// Below so many deletions nobody is asked.
pub const MIN_VANISHING: u64 = 10;
/// The time over which deletions are counted together, in seconds.
pub const VANISHING_WINDOW_SECONDS: i64 = 600;

/// Asks for a page of what a person has at headquarters, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browse {
    /// As it was at this time; now, if absent.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Whether deleted files are shown too.
    #[serde(default)]
    pub deleted: bool,
    /// Of one class only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// [`Page::next`] of the page before.
    #[serde(default)]
    pub after: Option<i64>,
    /// At most [`MAX_PAGE`].
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where headquarters stood when it last answered.
    #[serde(default)]
    pub since: Option<Mark>,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Newest first; none if headquarters has forgotten something.
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
    /// Entries of this page that are damaged at headquarters, and left out.
    #[serde(default)]
    pub damaged: u64,
    /// Whether more is being put there at this moment, newer than all of this: what was sealed and waited for the person. The
    /// list is to be asked for again from its beginning.
    #[serde(default)]
    pub coming: bool,
    /// Where headquarters stands.
    #[serde(default)]
    pub memory: Memory,
}

/// A version at headquarters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub path: WorkPath,
    /// Its name.
    pub version: VersionId,
    /// What it replaced.
    pub parent: Option<VersionId>,
    /// When headquarters got it.
    pub at: Timestamp,
    /// From which node.
    pub node: NodeName,
    /// Its class.
    pub class: Class,
    /// What it is.
    pub content: Content,
}

/// Asks for chunks; the answer is [`frames`] in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// At most [`MAX_ASK`], and no more than fit [`MAX_CHUNKS_BODY`]: what does not fit is left out at the end.
    pub chunks: Vec<Digest>,
}

/// Bytes are not a row of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a row of chunks")]
pub struct NotFrames;

/// Puts one chunk behind others.
pub fn put_frame(body: &mut Vec<u8>, chunk: &[u8]) {
    let len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(chunk);
}

/// How long a chunk is in a body, in bytes.
#[must_use]
pub const fn framed(chunk: usize) -> usize {
    FRAME_HEAD + chunk
}

/// Takes a body apart; nothing is copied.
///
/// # Errors
/// [`NotFrames`] if it ends in the middle, or has an empty chunk or one over the largest size.
pub fn frames(mut body: Bytes) -> Result<Vec<Bytes>, NotFrames> {
    let mut chunks = Vec::new();
    while !body.is_empty() {
        let head: [u8; FRAME_HEAD] = body.first_chunk().copied().ok_or(NotFrames)?;
        let len = u32::from_le_bytes(head) as usize;
        let [_, _, most] = crate::chunk::SIZES;
        if len == 0 || len > most || body.len() < framed(len) {
            return Err(NotFrames);
        }
        let mut frame = body.split_to(framed(len));
        chunks.push(frame.split_off(FRAME_HEAD));
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_read_what_was_framed_and_never_a_part(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..6),
            cut in 0usize..400,
        ) {
            let mut body = Vec::new();
            let mut ends = vec![0];
            for chunk in &chunks {
                put_frame(&mut body, chunk);
                ends.push(body.len());
            }
            let read = frames(Bytes::from(body.clone())).unwrap();
            prop_assert_eq!(read.iter().map(|chunk| chunk.to_vec()).collect::<Vec<_>>(), chunks);
            let cut = cut.min(body.len());
            body.truncate(cut);
            prop_assert_eq!(frames(Bytes::from(body)).is_ok(), ends.contains(&cut));
        }

        #[test]
        fn any_bytes_are_frames_or_not(body: Vec<u8>) {
            let _ = frames(Bytes::from(body));
        }
    }

    #[test]
    fn documents_are_what_they_were_after_travelling() {
        let version = NewVersion {
            path: WorkPath::new("見積/第1版.xlsx".as_bytes()).unwrap(),
            parent: Some(VersionId::from_bytes([7; 16])),
            class: Class::Settings,
            again: false,
            moved: false,
            content: Content::Link { target: vec![0xff, b'a'] },
        };
        let text = serde_json::to_string(&version).unwrap();
        assert_eq!(serde_json::from_str::<NewVersion>(&text).unwrap(), version);
    }
}
