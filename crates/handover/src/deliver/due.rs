//! When a changed file is handed over: soon after it was closed, at the latest while it stays open. Pure, under a clock that
//! is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::path::WorkPath;

/// So long after the last change a closed file is handed over: an office program writes its file in several steps.
pub const SETTLED: Duration = Duration::from_secs(1);
/// A file that nobody closed is handed over as it is after so much silence,
pub const SILENT: Duration = Duration::from_secs(10);
/// and at the latest after this, marked torn: some stay open all day.
pub const LATEST: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
struct Wait {
    first: Instant,
    last: Instant,
    closed: bool,
}

impl Wait {
    fn due(&self) -> Instant {
        if self.closed { self.last + SETTLED } else { (self.last + SILENT).min(self.first + LATEST) }
    }
}

/// Files that changed and are not handed over yet.
#[derive(Debug, Default)]
pub struct Due(BTreeMap<WorkPath, Wait>);

/// A file whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Which.
    pub path: WorkPath,
    /// Whether somebody may still be writing it.
    pub open: bool,
}

impl Due {
    /// Something was written.
    pub fn changed(&mut self, path: WorkPath, now: Instant) {
        let wait = self.0.entry(path).or_insert(Wait { first: now, last: now, closed: false });
        wait.last = now;
        wait.closed = false;
    }

    /// It was closed after writing, or came into its place as a whole.
    pub fn closed(&mut self, path: WorkPath, now: Instant) {
        let wait = self.0.entry(path).or_insert(Wait { first: now, last: now, closed: true });
        wait.last = now;
        wait.closed = true;
    }

    /// It did not work: once more, `after` this.
    pub fn again(&mut self, ready: Ready, now: Instant, after: Duration) {
        let last = now + after;
        // What came meanwhile knows more.
        self.0.entry(ready.path).or_insert(Wait { first: now, last, closed: !ready.open });
    }

    /// It is not there any more.
    pub fn forget(&mut self, path: &WorkPath) {
        self.0.remove(path);
    }

    /// Takes out those whose time has come, at most `most`.
    pub fn ready(&mut self, now: Instant, most: usize) -> Vec<Ready> {
        let due = self.0.iter().filter(|(_, wait)| wait.due() <= now).take(most);
        let ready: Vec<Ready> =
            due.map(|(path, wait)| Ready { path: path.clone(), open: !wait.closed }).collect();
        for ready in &ready {
            self.0.remove(&ready.path);
        }
        ready
    }

    /// When the next one's time comes.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.0.values().map(Wait::due).min()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkPath {
        WorkPath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_closed_file_goes_soon_and_an_open_one_goes_torn_after_a_minute() {
        let (mut due, start) = (Due::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        due.changed(path("a"), start);
        due.closed(path("a"), at(1));
        assert_eq!(due.ready(at(1), 9), []);
        assert_eq!(due.next(), Some(at(2)));
        assert_eq!(due.ready(at(2), 9), [Ready { path: path("a"), open: false }]);
        for second in 0..60 {
            due.changed(path("b"), at(second));
            assert_eq!(due.ready(at(second), 9), []);
        }
        assert_eq!(due.ready(at(60), 9), [Ready { path: path("b"), open: true }]);
        due.changed(path("c"), at(100));
        assert_eq!(due.ready(at(109), 9), []);
        assert_eq!(due.ready(at(110), 9).len(), 1, "silence");
    }

    #[test]
    fn a_change_while_it_was_tried_is_not_forgotten() {
        let (mut due, start) = (Due::default(), Instant::now());
        due.closed(path("a"), start);
        let ready = due.ready(start + SETTLED, 9).remove(0);
        due.changed(path("a"), start + SETTLED);
        due.again(ready, start + SETTLED, Duration::from_secs(100));
        assert_eq!(due.next(), Some(start + SETTLED + SILENT));
        assert_eq!(due.len(), 1);
    }
}
