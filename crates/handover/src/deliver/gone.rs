//! What a person has deleted and headquarters was not told, or holds: beside the files, so that whoever goes on in this folder
//! tells it, and does not bring it back before.

use super::journal::Journal;
use super::tree::Tree;
use crate::path::WorkPath;

/// The journal's name.
const JOURNAL: &str = "gone";

#[derive(Debug)]
pub(super) struct Gone(Journal<bool>);

impl Gone {
    pub(super) fn load(tree: &Tree) -> Self {
        Self(Journal::load(tree, JOURNAL))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = WorkPath> {
        self.0.all().into_iter().map(|(path, _)| path)
    }

    pub(super) fn put(&self, path: &WorkPath) {
        if self.0.entry(path).is_none() {
            self.0.put(path.clone(), true);
        }
    }

    /// Headquarters was told, or it was not meant.
    pub(super) fn forget<'a>(&self, paths: impl IntoIterator<Item = &'a WorkPath>) {
        for path in paths {
            self.0.forget(path);
        }
    }

    /// Whether this was deleted, by itself or with a folder that it was in.
    pub(super) fn has(&self, path: &WorkPath) -> bool {
        if self.0.len() == 0 {
            return false;
        }
        let bytes = path.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut above = ends.chain([bytes.len()]).filter_map(|end| WorkPath::new(bytes.get(..end)?).ok());
        above.any(|above| self.0.entry(&above).is_some())
    }
}
