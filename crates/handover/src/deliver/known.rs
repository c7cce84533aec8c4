//! What headquarters holds of each file here, as far as this end knows: in memory, and beside the files in a journal that
//! lives as long as they do. Without it an agent that was killed would take a person's next edit for somebody else's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

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

/// All of it: about 200 bytes a file.
#[derive(Debug, Default)]
pub struct Known {
    files: BTreeMap<WorkPath, Held>,
    journal: Option<File>,
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    path: WorkPath,
    /// `None`: headquarters knows that it is gone.
    held: Option<Held>,
}

/// The journal's name.
const JOURNAL: &str = "known";

impl Known {
    /// Reads the journal in a tree, and goes on with it. What cannot be read is not known: then a version may come to lie
    /// beside another one, and nothing is lost.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn load(tree: &Tree) -> io::Result<Self> {
        let file = tree.own(JOURNAL)?;
        let (mut files, mut lines) = (BTreeMap::new(), 0usize);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            lines += 1;
            if let Ok(Line { path, held }) = serde_json::from_slice(&line) {
                match held {
                    Some(held) => files.insert(path, held),
                    None => files.remove(&path),
                };
            }
            line.clear();
        }
        let mut known = Self { files, journal: Some(file) };
        if lines > 1000 + 2 * known.files.len() {
            known.rewrite()?;
        }
        Ok(known)
    }

    /// Begins the journal again with what is true now. A kill in the middle makes files unknown, nothing else.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.set_len(0)?;
        let mut out = io::BufWriter::new(journal);
        for (path, held) in &self.files {
            serde_json::to_writer(&mut out, &Line { path: path.clone(), held: Some(*held) })?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    fn note(&mut self, path: &WorkPath, held: Option<Held>) {
        let Some(journal) = &mut self.journal else { return };
        let line = Line { path: path.clone(), held };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            journal.write_all(&line)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the journal of what headquarters holds");
        }
    }

    /// What is held of a file.
    #[must_use]
    pub fn held(&self, path: &WorkPath) -> Option<Held> {
        self.files.get(path).copied()
    }

    /// Headquarters has it.
    pub fn put(&mut self, path: WorkPath, held: Held) {
        self.note(&path, Some(held));
        self.files.insert(path, held);
    }

    /// Headquarters knows that it is gone.
    pub fn forget(&mut self, path: &WorkPath) {
        if self.files.remove(path).is_some() {
            self.note(path, None);
        }
    }

    /// What is held of this path, and of everything below it if it was a folder.
    pub fn below(&self, path: &WorkPath) -> impl Iterator<Item = (&WorkPath, Held)> {
        let prefix = [path.as_bytes(), b"/"].concat();
        let inside = self
            .files
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
        self.files.len()
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
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
