//! Where headquarters stood when it last answered: in memory, and beside the files.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::protocol::Mark;

/// The file's name.
const NAME: &str = "stood";
/// One line for each news; begun again when it is longer than this.
const LONGEST: u64 = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Stood(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    told: Told,
    file: Option<File>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    mark: Option<Mark>,
    /// It has forgotten something, and was not asked yet what that is.
    doubt: bool,
}

impl Stood {
    /// Reads what is noted in a tree. What cannot be read is not known; where nothing can be written, it lives in memory alone.
    pub(super) fn load(tree: &Tree) -> Self {
        let file = tree.own(NAME).or_else(|error| {
            tracing::warn!(%error, "a note in the work folder is not ours");
            tree.disown(NAME).and_then(|()| tree.own(NAME))
        });
        let file =
            file.inspect_err(|error| tracing::warn!(%error, "a note in the work folder is not used")).ok();
        let mut text = Vec::new();
        let _ = file.as_ref().map(|file| file.take(2 * LONGEST).read_to_end(&mut text));
        let told = text.split(|byte| *byte == b'\n').rev().find_map(|line| serde_json::from_slice(line).ok());
        Self(Mutex::new(Inner { told: told.unwrap_or_default(), file }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.inner().told.mark
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.inner().told.doubt
    }

    pub(super) fn doubt(&self) {
        let mut inner = self.inner();
        let told = Told { doubt: true, ..inner.told };
        inner.note(told);
    }

    /// It stands there. A number that does not ascend is that of a headquarters that was put back.
    pub(super) fn at(&self, mark: Mark) {
        let mut inner = self.inner();
        let before = inner.told.mark;
        let ascends = before.is_none_or(|before| before.number < mark.number || before == mark);
        let told = if ascends {
            Told { mark: Some(mark), ..inner.told }
        } else {
            Told { doubt: true, ..inner.told }
        };
        inner.note(told);
    }

    pub(super) fn believe(&self, mark: Option<Mark>) {
        self.inner().note(Told { mark, doubt: false });
    }
}

impl Inner {
    fn note(&mut self, told: Told) {
        if self.told == told {
            return;
        }
        self.told = told;
        let Some(file) = &mut self.file else { return };
        if let Err(error) = write(file, told) {
            tracing::warn!(%error, "a note in the work folder");
        }
    }
}

/// A kill in the middle leaves the line before, or nothing, and then all is asked about.
fn write(file: &mut File, told: Told) -> io::Result<()> {
    let mut line = serde_json::to_vec(&told)?;
    line.push(b'\n');
    if file.metadata()?.len() > LONGEST {
        file.set_len(0)?;
    }
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::VersionId;

    fn mark(number: u64, name: u8) -> Mark {
        Mark { number, name: VersionId::from_bytes([name; 16]) }
    }

    #[test]
    fn what_was_noted_is_found_again_and_a_number_that_does_not_ascend_makes_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        let stood = Stood::load(&tree);
        for number in 0..2000 {
            stood.at(mark(number, 1));
        }
        let again = || Stood::load(&Tree::open(folder.path()).unwrap());
        assert_eq!((again().mark(), again().is_in_doubt()), (Some(mark(1999, 1)), false));
        stood.at(mark(1999, 1));
        assert!(!stood.is_in_doubt(), "it stands where it stood");
        for other in [mark(1999, 2), mark(5, 1)] {
            stood.at(other);
            assert_eq!((again().mark(), again().is_in_doubt()), (Some(mark(1999, 1)), true), "{other:?}");
            stood.believe(Some(mark(1999, 1)));
        }
        // Killed while it was written.
        let mut file = tree.own(NAME).unwrap();
        file.write_all(b"{\"mark\":nu").unwrap();
        assert_eq!(again().mark(), Some(mark(1999, 1)));
    }
}
