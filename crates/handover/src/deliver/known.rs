//! What headquarters holds of each file here, as far as this end knows: in memory, and beside the files in a journal that
//! lives as long as they do. Without it an agent that was killed would take a person's next edit for somebody else's.

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::round::Read;
use super::stood::Stood;
use super::transport::TransportError;
use super::tree::Tree;
use crate::digest::Digest;
use crate::path::WorkPath;
use crate::protocol::{Content, Mark, Memory, VersionId};

/// What headquarters holds of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// As which version.
    pub version: VersionId,
    /// What it is.
    pub gist: Gist,
}

/// A content in 40 bytes: enough to know whether it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gist {
    /// Of the content, or of the target.
    pub digest: Digest,
    /// Permission bits, or [`Gist::LINK`].
    pub mode: u32,
}

impl Gist {
    /// No file's mode: this is a link.
    pub const LINK: u32 = u32::MAX;
    /// Of what headquarters had and has forgotten: no content is the same.
    const FORGOTTEN: Self =
        Self { digest: Digest::from_bytes([0; crate::digest::DIGEST_LEN]), mode: u32::MAX - 1 };

    /// Of what a version says; `None` for a deletion.
    #[must_use]
    pub fn of(content: &Content) -> Option<Self> {
        match content {
            Content::File { digest, mode, .. } => Some(Self { digest: *digest, mode: *mode }),
            Content::Link { target } => Some(Self { digest: Digest::of(target), mode: Self::LINK }),
            Content::Deleted => None,
        }
    }
}

impl Held {
    /// Whether headquarters has forgotten it: it is the parent of what is here, and nothing that is held.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.gist == Gist::FORGOTTEN
    }
}

/// All of it, and where headquarters stood when it last said so.
#[derive(Debug, Default)]
pub struct Known {
    held: Journal<Held>,
    stood: Stood,
    read: Read,
}

/// The journal's name.
const JOURNAL: &str = "known";

impl Known {
    /// Reads the journal in a tree, and goes on with it. What cannot be read is not known: then a version may come to lie
    /// beside another one, and nothing is lost.
    #[must_use]
    pub fn load(tree: &Tree) -> Self {
        let known =
            Self { held: Journal::load(tree, JOURNAL), stood: Stood::load(tree), read: Read::default() };
        if known.mark().is_none() && !known.is_empty() {
            known.stood.doubt();
        }
        known
    }

    /// What was read of it.
    pub(super) const fn read(&self) -> &Read {
        &self.read
    }

    /// What is held of a file.
    #[must_use]
    pub fn held(&self, path: &WorkPath) -> Option<Held> {
        self.held.entry(path)
    }

    /// Headquarters has it.
    pub fn put(&self, path: WorkPath, held: Held) {
        self.held.put(path, held);
    }

    /// Headquarters knows that it is gone.
    pub fn forget(&self, path: &WorkPath) {
        self.held.forget(path);
    }

    /// Where headquarters stood when it last answered.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.stood.mark()
    }

    /// It stands there now, and has not said that it has forgotten anything; if it says so, all of this is to be asked about.
    ///
    /// # Errors
    /// [`TransportError::Forgotten`]
    pub fn stands(&self, memory: Memory) -> Result<(), TransportError> {
        if memory.forgotten {
            self.stood.doubt();
            return Err(TransportError::Forgotten);
        }
        if let Some(mark) = memory.mark {
            self.stood_at(mark);
        }
        Ok(())
    }

    /// It stands there now.
    pub(super) fn stood_at(&self, mark: Mark) {
        self.stood.at(mark);
    }

    /// Whether headquarters has to be asked what it still holds of this.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.stood.is_in_doubt()
    }

    /// It was asked; it stood there before.
    pub(super) fn believe(&self, mark: Option<Mark>) {
        self.stood.believe(mark);
    }

    /// All of it.
    pub(super) fn all(&self) -> Vec<(WorkPath, Held)> {
        self.held.all()
    }

    /// Headquarters has forgotten it.
    pub(super) fn forgotten(&self, path: WorkPath, version: VersionId) {
        self.held.put(path, Held { version, gist: Gist::FORGOTTEN });
    }

    /// What is held of this path, and of everything below it if it was a folder.
    #[must_use]
    pub fn below(&self, path: &WorkPath) -> Vec<(WorkPath, Held)> {
        self.held.below(path)
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_a_folder_is_what_is_in_it_and_not_what_only_begins_like_it() {
        let known = Known::default();
        let held =
            Held { version: VersionId::from_bytes([0; 16]), gist: Gist { digest: Digest::of(b""), mode: 0 } };
        let path = |text: &str| WorkPath::new(text.as_bytes()).unwrap();
        for name in ["a", "a-b", "a/b", "a/c/d", "ab", "b"] {
            known.put(path(name), held);
        }
        let below: Vec<WorkPath> = known.below(&path("a")).into_iter().map(|(path, _)| path).collect();
        assert_eq!(below, [path("a"), path("a/b"), path("a/c/d")]);
    }
}
