//! When a changed file is handed over: soon after it was closed, at the latest while it stays open; and when it is sealed,
//! because headquarters has not acknowledged it. Pure, under a clock that is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::looked::Looked;
use super::wait::{Met, Seal, Wait};
use crate::path::WorkPath;

/// So long after the last change a closed file is handed over: an office program writes its file in several steps.
pub const SETTLED: Duration = Duration::from_secs(1);
/// A file that nobody closed is handed over as it is after so much silence,
pub const SILENT: Duration = Duration::from_secs(10);
/// and at the latest after this, marked torn: some stay open all day. The same for sealing.
pub const LATEST: Duration = Duration::from_mins(1);
/// So long after a file was closed, sealing it begins: it is to be on the disk when it has been closed for 10 s.
pub const UNSEALED: Duration = Duration::from_secs(4);
/// What could not be sealed is tried again after this.
const RETRY: Duration = Duration::from_secs(5);

/// Files that changed and that headquarters has not acknowledged.
#[derive(Debug, Default)]
pub struct Due {
    /// Those that somebody saw change, and of the others those whose turn has come.
    seen: BTreeMap<WorkPath, Wait>,
    looked: Looked,
}

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
        self.looked.remove(&path);
        self.seen.entry(path).or_insert(Wait::new(now, false)).touch(now, false);
    }

    /// It was closed after writing, or came into its place as a whole.
    pub fn closed(&mut self, path: WorkPath, now: Instant) {
        self.looked.remove(&path);
        self.seen.entry(path).or_insert(Wait::new(now, true)).touch(now, true);
    }

    /// Everything is looked at: `look` is given whom to tell of each file, with whether headquarters holds something at its path,
    /// and says whether it could see all. Nobody saw these change; those that wait already know more.
    pub fn look(&mut self, now: Instant, look: impl FnOnce(&mut dyn FnMut(&WorkPath, bool)) -> bool) {
        let seen = &self.seen;
        self.looked = Looked::gather(&self.looked, now, |put| {
            look(&mut |path, held| {
                if !seen.contains_key(path) {
                    put(path, held);
                }
            })
        });
    }

    /// Headquarters has forgotten it: more urgent than what is only looked at.
    pub fn forgotten(&mut self, path: WorkPath, now: Instant) {
        self.looked.remove(&path);
        self.seen.entry(path).or_insert(Wait::met(Met::There, now)).lost();
    }

    /// The turn of one that was looked at comes, if they have waited for so long.
    fn turn(&mut self, now: Instant, wait: Duration, begin: fn(&mut Wait)) -> Option<Ready> {
        self.looked.since().filter(|since| *since + wait <= now)?;
        let (path, held) = self.looked.pop()?;
        let met = if held { Met::AsHeld } else { Met::There };
        begin(self.seen.entry(path.clone()).or_insert(Wait::met(met, now)));
        Some(Ready { path, open: false })
    }

    /// It was handed over as it was when it became [`Due::ready`]. If it changed since, it waits on.
    pub fn landed(&mut self, path: &WorkPath) {
        match self.seen.get_mut(path) {
            Some(wait) if wait.flying => {
                self.seen.remove(path);
            }
            Some(wait) => wait.calm(),
            None => {}
        }
    }

    /// Handing it over did not work: once more, `after` this. What came meanwhile knows more, but for how long it has waited.
    pub fn again(&mut self, ready: &Ready, now: Instant, after: Duration) {
        match self.seen.get_mut(&ready.path) {
            Some(wait) if wait.flying => {
                (wait.flying, wait.closed) = (false, !ready.open);
                wait.live_from = (!after.is_zero()).then(|| now + after);
            }
            Some(wait) if ready.open => wait.nothing_new(),
            Some(wait) => wait.unanswered(),
            None => {}
        }
    }

    /// Headquarters did not answer: it is as before.
    pub fn unanswered(&mut self, ready: &Ready) {
        if let Some(wait) = self.seen.get_mut(&ready.path) {
            wait.flying = false;
            wait.unanswered();
        }
    }

    /// Nothing is on its way any more.
    pub fn land_all(&mut self) {
        for wait in self.seen.values_mut() {
            wait.flying = false;
            // Sealing that was given up is begun again.
            if wait.seal == Seal::Going {
                wait.seal = Seal::Open;
            }
        }
    }

    /// It is not there any more, nor what was in it if it was a folder.
    pub fn forget(&mut self, path: &WorkPath) {
        self.looked.remove(path);
        self.seen.remove(path);
        let prefix = [path.as_bytes(), b"/"].concat();
        self.looked.remove_below(&prefix);
        let Ok(first) = WorkPath::new([&*prefix, b"\x01"].concat()) else { return };
        let below = self.seen.range(first..).map(|(path, _)| path);
        let below = below.take_while(|path| path.as_bytes().starts_with(&prefix));
        for path in below.cloned().collect::<Vec<_>>() {
            self.seen.remove(&path);
        }
    }

    /// Those whose time to be handed over has come, at most `most`; they are on their way until [`Due::landed`] or
    /// [`Due::again`]. What somebody saw change comes first.
    pub fn ready(&mut self, now: Instant, most: usize) -> Vec<Ready> {
        let mut ready = Vec::new();
        for is_first in [true, false] {
            let is_due =
                |wait: &Wait| wait.is_changing() == is_first && wait.due().is_some_and(|due| due <= now);
            let due = self.seen.iter_mut().filter(|(_, wait)| is_due(wait)).take(most - ready.len());
            ready.extend(due.map(|(path, wait)| {
                wait.flying = true;
                Ready { path: path.clone(), open: wait.is_open(now, SETTLED) }
            }));
        }
        while ready.len() < most
            && let Some(one) = self.turn(now, SETTLED, |wait| wait.flying = true)
        {
            ready.push(one);
        }
        ready
    }

    /// Those whose time to be sealed has come, at most `most`; until [`Due::sealed`]. What nobody saw change is looked at
    /// only while headquarters cannot be asked: handing over looks at it anyway.
    pub fn to_seal(&mut self, now: Instant, most: usize, alone: bool) -> Vec<Ready> {
        let mut ready = Vec::new();
        for is_first in [true, false].into_iter().filter(|is_first| *is_first || alone) {
            let is_due =
                |wait: &Wait| wait.is_changing() == is_first && wait.seal_due().is_some_and(|due| due <= now);
            let due = self.seen.iter_mut().filter(|(_, wait)| is_due(wait)).take(most - ready.len());
            ready.extend(due.map(|(path, wait)| {
                wait.seal = Seal::Going;
                Ready { path: path.clone(), open: wait.is_open(now, UNSEALED) }
            }));
        }
        while alone
            && ready.len() < most
            && let Some(one) = self.turn(now, UNSEALED, |wait| wait.seal = Seal::Going)
        {
            ready.push(one);
        }
        ready
    }

    /// What became of sealing it.
    pub fn sealed(&mut self, path: &WorkPath, done: bool, now: Instant) {
        match self.seen.get_mut(path) {
            Some(wait) if wait.seal == Seal::Going => {
                if done {
                    wait.calm();
                }
                wait.seal = if done { Seal::Done } else { Seal::Open };
                wait.seal_from = (!done).then(|| now + RETRY);
            }
            // It changed meanwhile.
            Some(wait) if done => wait.calm(),
            Some(wait) => wait.nothing_new(),
            None => {}
        }
    }

    /// When the next one's time to be handed over comes.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let looked = self.looked.since().map(|since| since + SETTLED);
        self.seen.values().filter_map(Wait::due).chain(looked).min()
    }

    /// When the next one's time to be sealed comes.
    #[must_use]
    pub fn next_seal(&self, alone: bool) -> Option<Instant> {
        let looked = self.looked.since().filter(|_| alone).map(|since| since + UNSEALED);
        let seen = self.seen.values().filter(|wait| alone || wait.is_changing());
        seen.filter_map(Wait::seal_due).chain(looked).min()
    }

    /// How many are neither handed over nor sealed as they are, as far as anybody has seen.
    #[must_use]
    pub fn exposed(&self) -> usize {
        self.seen.values().filter(|wait| wait.is_exposed()).count() + self.looked.unheld()
    }

    /// Those that are neither handed over nor sealed as they are.
    pub fn exposed_paths(&self) -> impl Iterator<Item = WorkPath> {
        let seen = self.seen.iter().filter(|(_, wait)| wait.is_exposed()).map(|(path, _)| path.clone());
        seen.chain(self.looked.iter().filter(|(_, held)| !held).map(|(path, _)| path))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len() + self.looked.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkPath {
        WorkPath::new(text.as_bytes()).unwrap()
    }

    fn look(due: &mut Due, now: Instant, all: &[(&str, bool)]) {
        due.look(now, |put| {
            for (name, held) in all {
                put(&path(name), *held);
            }
            true
        });
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
        due.landed(&path("a"));
        for second in 0..60 {
            due.changed(path("b"), at(second));
            assert_eq!(due.ready(at(second), 9), []);
        }
        assert_eq!(due.ready(at(60), 9), [Ready { path: path("b"), open: true }]);
        due.landed(&path("b"));
        due.changed(path("c"), at(100));
        assert_eq!(due.ready(at(109), 9), []);
        assert_eq!(due.ready(at(110), 9).len(), 1, "silence");
    }

    #[test]
    fn what_is_only_looked_at_and_held_is_not_exposed_until_somebody_sees_it_change() {
        let (mut due, start) = (Due::default(), Instant::now());
        look(&mut due, start, &[("held", true), ("new", false)]);
        assert_eq!((due.len(), due.exposed()), (2, 1));
        due.changed(path("held"), start);
        assert_eq!(due.exposed(), 2);
    }

    #[test]
    fn a_change_while_it_was_tried_is_not_forgotten() {
        let (mut due, start) = (Due::default(), Instant::now());
        due.closed(path("a"), start);
        let ready = due.ready(start + SETTLED, 9).remove(0);
        due.changed(path("a"), start + SETTLED);
        due.again(&ready, start + SETTLED, Duration::from_secs(100));
        assert_eq!(due.next(), Some(start + SETTLED + SILENT));
        due.landed(&path("a"));
        assert_eq!(due.len(), 1);
    }

    #[test]
    fn what_is_not_acknowledged_is_sealed_once_and_again_after_a_change() {
        let (mut due, start) = (Due::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let a = || Ready { path: path("a"), open: false };
        due.closed(path("a"), start);
        // Also while it is on its way: a line may be slow.
        assert_eq!(due.ready(at(1), 9), [a()]);
        assert_eq!(due.to_seal(at(3), 9, true), []);
        assert_eq!(due.next_seal(true), Some(at(4)));
        assert_eq!(due.to_seal(at(4), 9, true), [a()]);
        assert_eq!(due.to_seal(at(4), 9, true), []);
        assert_eq!((due.len(), due.exposed()), (1, 1));
        due.sealed(&path("a"), true, at(5));
        assert_eq!((due.len(), due.exposed()), (1, 0));
        due.again(&a(), at(5), Duration::ZERO);
        assert_eq!(due.ready(at(5), 9), [a()]);
        due.again(&a(), at(5), Duration::ZERO);
        assert_eq!(due.to_seal(at(500), 9, true), []);
        // Whoever closes a file every second is sealed at least once a minute.
        for second in 500..560 {
            due.closed(path("a"), at(second));
            assert_eq!(due.to_seal(at(second), 9, true), []);
        }
        assert_eq!(due.to_seal(at(560), 9, true), [Ready { open: true, ..a() }], "as it comes");
        // While it is being sealed it is not handed over.
        assert_eq!(due.ready(at(561), 9), []);
        due.sealed(&path("a"), false, at(561));
        assert_eq!(due.next_seal(true), Some(at(561) + RETRY));
        assert_eq!(due.ready(at(561), 9), [a()], "it rests by now");
        due.landed(&path("a"));
        assert!(due.is_empty());
    }

    #[test]
    fn one_that_was_looked_at_and_is_seen_or_goes_counts_once_or_not() {
        let (mut due, start) = (Due::default(), Instant::now());
        look(&mut due, start, &[("a", false), ("b", false), ("c", true), ("d", true)]);
        due.closed(path("a"), start);
        due.forget(&path("b"));
        due.forgotten(path("c"), start);
        assert_eq!((due.len(), due.exposed()), (3, 2));
        assert_eq!(due.ready(start + SETTLED, 9).len(), 3);
        for name in ["a", "c", "d"] {
            due.landed(&path(name));
        }
        assert!(due.is_empty());
        // However often everything is looked at, who waits first has waited since then.
        for second in 0..5 {
            look(&mut due, start + Duration::from_secs(second), &[("e", false)]);
        }
        assert_eq!(due.to_seal(start + UNSEALED, 9, true).len(), 1);
    }

    #[test]
    fn what_headquarters_has_forgotten_is_sealed_and_what_people_do_goes_before_it() {
        let (mut due, start) = (Due::default(), Instant::now());
        look(&mut due, start, &[("a", true), ("folder/b", true)]);
        let looked = due.to_seal(start + UNSEALED, 9, true);
        for ready in &looked {
            due.sealed(&ready.path, true, start + UNSEALED);
        }
        assert_eq!((looked.len(), due.exposed()), (2, 0), "headquarters had them");
        due.forgotten(path("a"), start + UNSEALED);
        due.forgotten(path("folder/b"), start + UNSEALED);
        due.closed(path("z"), start + UNSEALED);
        assert_eq!(due.exposed(), 3);
        let late = start + LATEST;
        let names = |ready: Vec<Ready>| ready.into_iter().map(|ready| ready.path).collect::<Vec<_>>();
        assert_eq!(names(due.to_seal(late, 2, true)), [path("z"), path("a")]);
        due.sealed(&path("z"), true, late);
        assert_eq!(names(due.ready(late, 1)), [path("z")]);
        look(&mut due, late, &[("folder/c", false), ("folder-d", false)]);
        due.forget(&path("folder"));
        assert_eq!((due.len(), names(due.ready(late + SETTLED, 9))), (3, vec![path("folder-d")]));
    }

    #[test]
    fn a_file_that_rests_while_headquarters_is_silent_is_not_torn() {
        let (mut due, start) = (Due::default(), Instant::now());
        due.closed(path("a"), start);
        let ready = due.ready(start + SETTLED, 9).remove(0);
        // Saved once more while nobody answers.
        due.closed(path("a"), start + 2 * SETTLED);
        due.unanswered(&ready);
        // And a minute after the first time, which nobody has been told of.
        due.closed(path("a"), start + 50 * SETTLED);
        assert_eq!(due.ready(start + LATEST + SETTLED, 9), [Ready { path: path("a"), open: false }]);
    }

    #[test]
    fn what_only_waits_for_its_turn_is_not_torn() {
        let (mut due, start) = (Due::default(), Instant::now());
        let late = start + 10 * LATEST;
        due.closed(path("a"), start);
        look(&mut due, start, &[("b", false), ("c", false), ("d", false)]);
        assert_eq!((due.ready(start, 9), due.to_seal(start, 9, true)), (Vec::new(), Vec::new()));
        assert_eq!((due.next(), due.len(), due.exposed()), (Some(start + SETTLED), 4, 4));
        let calm = |name: &str| Ready { path: path(name), open: false };
        assert_eq!(due.ready(late, 2), [calm("a"), calm("b")]);
        assert_eq!(due.to_seal(late, 9, false), [calm("a")]);
        assert_eq!(due.to_seal(late, 9, true), [calm("c"), calm("d")]);
        assert_eq!(due.to_seal(late + UNSEALED, 9, true), [calm("b")], "its turn had just come");
        assert_eq!((due.len(), due.exposed(), due.exposed_paths().count()), (4, 4, 4));
        for name in ["a", "b", "c", "d"] {
            due.sealed(&path(name), true, late);
            due.landed(&path(name));
        }
        // Those two were never on their way.
        assert_eq!((due.len(), due.exposed()), (2, 0));
        look(&mut due, late, &[("c", false)]);
        assert_eq!(due.len(), 2, "it waits already");
    }

    /// A file that is closed every 3 s and takes 5 s to read: each try meets another content before it is done.
    #[test]
    fn a_file_that_changes_faster_than_it_is_read_is_taken_as_it_comes_within_two_minutes() {
        for seals in [false, true] {
            let (mut due, start) = (Due::default(), Instant::now());
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut reading: Option<(Ready, u64)> = None;
            let mut torn = None;
            for second in 0..120 {
                if second % 3 == 0 {
                    due.closed(path("a"), at(second));
                }
                if let Some((ready, _)) = reading.take_if(|(_, since)| *since + 5 <= second) {
                    if ready.open {
                        torn = Some(second);
                        break;
                    }
                    if seals {
                        due.sealed(&ready.path, false, at(second));
                    } else {
                        due.again(&Ready { open: true, ..ready }, at(second), RETRY);
                    }
                }
                if reading.is_none() {
                    let ready =
                        if seals { due.to_seal(at(second), 9, true) } else { due.ready(at(second), 9) };
                    reading = ready.into_iter().next().map(|ready| (ready, second));
                }
            }
            assert!(torn.is_some(), "seals: {seals}");
        }
    }

    #[test]
    fn an_open_file_is_sealed_torn_every_minute_while_it_changes() {
        let (mut due, start) = (Due::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut sealed = Vec::new();
        for second in 0..200 {
            due.changed(path("a"), at(second));
            for ready in due.to_seal(at(second), 9, true) {
                assert!(ready.open);
                due.sealed(&ready.path, true, at(second));
                sealed.push(second);
            }
        }
        assert_eq!(sealed, [60, 121, 182]);
        look(&mut due, start, &[("b", false)]);
        assert_eq!(due.to_seal(at(100), 9, false), [], "handing over looks at it anyway");
        assert_eq!(due.to_seal(at(100), 9, true).len(), 1);
    }
}
