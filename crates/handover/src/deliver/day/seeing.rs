//! What is seen of a person's folder during a day: what the kernel tells, and a look at all of it now and then.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Day;
use crate::deliver::gone::Going;
use crate::deliver::round::is_as_read;
use crate::deliver::tree::{Found, Tree};
use crate::deliver::watch::{Seen, Watch};
use crate::path::WorkPath;

/// The whole tree is looked at again after so long: what is written through a mapping is told by nobody.
pub(super) const ROUND: Duration = Duration::from_mins(10);
/// The same while the kernel tells nothing: it has no more watches, or the folder is a kind of which it tells nothing.
const BLIND: Duration = Duration::from_mins(1);

impl<T> Day<T> {
    pub(in crate::deliver) fn see(&mut self, seen: Seen) {
        let now = Instant::now();
        match seen {
            Seen::Changed(path) => {
                if let Some(path) = self.handed_over(&path) {
                    self.due.changed(path, now);
                }
            }
            Seen::Closed(path) => {
                if let Some(path) = self.handed_over(&path) {
                    self.due.closed(path, now);
                }
            }
            Seen::Folder(path) => {
                if let Some(path) = self.tree.relative(&path) {
                    let due = &mut self.due;
                    self.tree.walk(Some(&path), |found| {
                        if let Found::File(path) = found {
                            due.closed(path, now);
                        }
                    });
                }
            }
            Seen::Gone(path) => {
                // What ends with the day comes and goes by the thousand.
                let counts =
                    |path: &WorkPath| self.tree.class(path).is_some() || !self.known.below(path).is_empty();
                if let Some(path) = self.tree.relative(&path).filter(counts) {
                    self.due.forget(&path);
                    self.noted.put(&path);
                    self.gone.insert(path);
                    let going = self.going_on.map_or(Going::begin(now), |going| going.goes_on(now));
                    self.going_on = Some(going);
                }
            }
            Seen::Moved(from, to) => {
                let counts =
                    |from: &WorkPath| self.tree.class(from).is_some() || !self.known.below(from).is_empty();
                let from = self.tree.relative(&from).filter(counts);
                if let Some((from, to)) = from.zip(self.tree.relative(&to)) {
                    self.moves.put(from, to);
                }
            }
            Seen::Overflow => {
                tracing::info!("more changes than the kernel tells: looking at everything");
                self.look_at_all();
            }
        }
    }

    /// The path of a file that is handed over.
    fn handed_over(&self, path: &Path) -> Option<WorkPath> {
        self.tree.relative(path).filter(|path| self.tree.class(path).is_some())
    }

    /// Everything is looked at, and what is held is left out when its turn comes.
    pub(super) fn look_at_all(&mut self) {
        let now = Instant::now();
        (self.round, self.unconfirmed) = (now, true);
        if self.watch.is_none() {
            self.watch = Self::begin_to_watch(&self.tree);
        }
        let (due, tree, known) = (&mut self.due, &self.tree, &self.known);
        let earlier = known.read().take();
        due.look(now, |put| {
            let mut is_whole = true;
            tree.walk(None, |found| match found {
                Found::File(path) if is_as_read(tree, known, &earlier, &path) => {}
                Found::File(path) => {
                    let held = known.held(&path).is_some_and(|held| !held.is_forgotten());
                    put(&path, held);
                }
                Found::Unread => is_whole = false,
            });
            is_whole
        });
    }

    /// Watches a tree, if the kernel has watches left. Its error names folders, which nobody's log may know.
    pub(super) fn begin_to_watch(tree: &Tree) -> Option<Watch> {
        let watch = Watch::start(tree.path());
        watch.inspect_err(|error| tracing::error!(why = error, "changes are looked for every minute")).ok()
    }

    /// Whether the kernel does not tell of everything that changes.
    pub(super) fn is_blind(&self) -> bool {
        self.watch.as_ref().is_none_or(Watch::is_blind)
    }

    pub(super) fn next_round(&self) -> Instant {
        self.round + if self.is_blind() { BLIND } else { ROUND }
    }
}

/// What the kernel tells next; nothing if it tells nothing.
pub(super) async fn next(watch: &mut Option<Watch>) -> Seen {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
