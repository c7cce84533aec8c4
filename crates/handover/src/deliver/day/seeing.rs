//! What is seen of a person's folder during a day: what the kernel tells, and a look at all of it now and then.

use std::time::{Duration, Instant};

use super::Day;
use crate::deliver::tree::Found;
use crate::deliver::watch::{Seen, Watch};

/// The whole tree is looked at again after so long: what is written through a mapping is told by nobody.
pub(super) const ROUND: Duration = Duration::from_mins(10);
/// The same while the kernel tells nothing: it has no more watches, or the folder is a kind of which it tells nothing.
const BLIND: Duration = Duration::from_mins(1);

impl<T> Day<T> {
    pub(in crate::deliver) fn see(&mut self, seen: Seen) {
        let now = Instant::now();
        match seen {
            Seen::Changed(path) => {
                if let Some(path) = self.tree.relative(&path) {
                    self.due.changed(path, now);
                }
            }
            Seen::Closed(path) => {
                if let Some(path) = self.tree.relative(&path) {
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
                if let Some(path) = self.tree.relative(&path) {
                    self.due.forget(&path);
                    self.noted.put(&path);
                    self.gone.insert(path);
                    self.gone_since.get_or_insert(now);
                }
            }
            Seen::Overflow => {
                tracing::info!("more changes than the kernel tells: looking at everything");
                self.look_at_all();
            }
        }
    }

    /// Everything is looked at, and what is held is left out when its turn comes.
    pub(super) fn look_at_all(&mut self) {
        let now = Instant::now();
        (self.round, self.unconfirmed) = (now, true);
        let due = &mut self.due;
        self.tree.walk(None, |found| {
            if let Found::File(path) = found {
                due.looked(path, now);
            }
        });
    }

    pub(super) fn next_round(&self) -> Instant {
        self.round + if self.watch.is_some() { ROUND } else { BLIND }
    }
}

/// What the kernel tells next; nothing if it tells nothing.
pub(super) async fn next(watch: &mut Option<Watch>) -> Seen {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
