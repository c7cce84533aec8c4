//! What a person has deleted and headquarters was not told, or holds: beside the files, so that whoever goes on in this folder
//! tells it, and does not bring it back before.

use std::collections::BTreeMap;
use std::time::Instant;

use super::due::{LATEST, SETTLED};
use super::journal::Journal;
use super::known::Known;
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
        above(path).any(|above| self.0.entry(&above).is_some())
    }
}

/// What was seen to move in this folder: where it was, and where it came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves(BTreeMap<WorkPath, WorkPath>);

/// A file that moved more often since headquarters was told has vanished.
const STEPS: usize = 8;

impl Moves {
    pub(super) fn put(&mut self, from: WorkPath, to: WorkPath) {
        self.0.insert(from, to);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether what was at a path is at another one now, where headquarters has it by now.
    pub(super) fn is_of(&self, tree: &Tree, known: &Known, of: &WorkPath) -> bool {
        let mut path = of.clone();
        for _ in 0..STEPS {
            let Some(next) = self.next(&path) else { return false };
            // Headquarters has what was here, and not something else, such as what it was encrypted to.
            let digest = |path| known.held(path).map(|held| held.gist.digest);
            if matches!(tree.look(&next), Ok(Some(_))) && digest(&next).is_some() {
                return digest(&next) == digest(of);
            }
            path = next;
        }
        false
    }

    /// Where it was after it moved by itself, or with a folder that it was in.
    fn next(&self, path: &WorkPath) -> Option<WorkPath> {
        above(path).find_map(|above| {
            let to = self.0.get(&above)?;
            match path.below(&above) {
                None => Some(to.clone()),
                Some(rest) => WorkPath::new([to.as_bytes(), b"/", rest.as_bytes()].concat()).ok(),
            }
        })
    }
}

/// The folders that a path is in, and itself.
fn above(path: &WorkPath) -> impl Iterator<Item = WorkPath> {
    let bytes = path.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.chain([bytes.len()]).filter_map(|end| WorkPath::new(bytes.get(..end)?).ok())
}

/// When files that are gone are spoken of: once nothing more goes for a while, so that headquarters judges all of them together,
/// and at the latest after [`LATEST`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Going {
    first: Instant,
    last: Instant,
}

impl Going {
    pub(super) const fn begin(now: Instant) -> Self {
        Self { first: now, last: now }
    }

    /// One more has gone.
    pub(super) const fn goes_on(self, now: Instant) -> Self {
        Self { last: now, ..self }
    }

    pub(super) fn ends(self) -> Instant {
        (self.last + SETTLED).min(self.first + LATEST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn deletions_are_spoken_of_when_they_rest_and_after_a_minute_at_the_latest() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut going = Going::begin(start);
        assert_eq!(going.ends(), at(1));
        for second in 1..59 {
            going = going.goes_on(at(second));
            assert_eq!(going.ends(), at(second + 1));
        }
        assert_eq!(going.goes_on(at(3600)).ends(), at(60));
    }
}
