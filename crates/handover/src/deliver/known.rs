//! What headquarters holds of each file here, as far as this end knows.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::digest::Digest;
use crate::path::WorkPath;
use crate::protocol::{Content, VersionId};

/// What headquarters holds of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// As which version.
    pub version: VersionId,
    /// What it is.
    pub gist: Gist,
}

/// A content in 40 bytes: enough to know whether it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// All of it: about 200 bytes a file.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<WorkPath, Held>);

impl Known {
    /// What is held of a file.
    #[must_use]
    pub fn held(&self, path: &WorkPath) -> Option<Held> {
        self.0.get(path).copied()
    }

    /// Headquarters has it.
    pub fn put(&mut self, path: WorkPath, held: Held) {
        self.0.insert(path, held);
    }

    /// Headquarters knows that it is gone.
    pub fn forget(&mut self, path: &WorkPath) {
        self.0.remove(path);
    }

    /// What is held of this path, and of everything below it if it was a folder.
    pub fn below(&self, path: &WorkPath) -> impl Iterator<Item = (&WorkPath, Held)> {
        let prefix = [path.as_bytes(), b"/"].concat();
        let inside = self
            .0
            .range((Bound::Included(path.clone()), Bound::Unbounded))
            // Between a folder's name and what is below it other names may lie: `a`, `a-b`, `a/b`.
            .take_while({
                let own = path.as_bytes().to_vec();
                move |(found, _)| found.as_bytes().starts_with(&own)
            })
            .filter(move |(found, _)| *found == path || found.as_bytes().starts_with(&prefix));
        inside.map(|(path, held)| (path, *held))
    }

    /// How many files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_a_folder_is_what_is_in_it_and_not_what_only_begins_like_it() {
        let mut known = Known::default();
        let held =
            Held { version: VersionId::from_bytes([0; 16]), gist: Gist { digest: Digest::of(b""), mode: 0 } };
        let path = |text: &str| WorkPath::new(text.as_bytes()).unwrap();
        for name in ["a", "a-b", "a/b", "a/c/d", "ab", "b"] {
            known.put(path(name), held);
        }
        let below: Vec<&WorkPath> = known.below(&path("a")).map(|(path, _)| path).collect();
        assert_eq!(below, [&path("a"), &path("a/b"), &path("a/c/d")]);
    }
}
