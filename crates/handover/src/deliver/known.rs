//! What headquarters holds of each file here, as far as this end knows: in memory, and beside the files in a journal that
//! lives as long as they do. Without it an agent that was killed would take a person's next edit for somebody else's.

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::tree::Tree;
use crate::digest::Digest;
use crate::path::WorkPath;
use crate::protocol::{Content, VersionId};

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

/// All of it.
#[derive(Debug, Default)]
pub struct Known(Journal<Held>);

/// The journal's name.
const JOURNAL: &str = "known";

impl Known {
    /// Reads the journal in a tree, and goes on with it. What cannot be read is not known: then a version may come to lie
    /// beside another one, and nothing is lost.
    #[must_use]
    pub fn load(tree: &Tree) -> Self {
        Self(Journal::load(tree, JOURNAL))
    }

    /// What is held of a file.
    #[must_use]
    pub fn held(&self, path: &WorkPath) -> Option<Held> {
        self.0.entry(path)
    }

    /// Headquarters has it.
    pub fn put(&self, path: WorkPath, held: Held) {
        self.0.put(path, held);
    }

    /// Headquarters knows that it is gone.
    pub fn forget(&self, path: &WorkPath) {
        self.0.forget(path);
    }

    /// What is held of this path, and of everything below it if it was a folder.
    #[must_use]
    pub fn below(&self, path: &WorkPath) -> Vec<(WorkPath, Held)> {
        self.0.below(path)
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
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
