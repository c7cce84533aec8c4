//! When a changed file is handed over: soon after it was closed, at the latest while it stays open; and when it is sealed,
//! because headquarters has not acknowledged it. Pure, under a clock that is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

/// Whether what a file is now lies sealed on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seal {
    Open,
    Going,
    Done,
}

/// How a file was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// Somebody saw it change.
    Changing,
    /// By looking at everything.
    There,
    /// The same, and headquarters held something at its path then: it is most probably just that.
    AsHeld,
}

#[derive(Debug, Clone, Copy)]
struct Wait {
    first: Instant,
    /// What `first` was before it changed while it was being read: if that comes to nothing, nothing is new.
    began: Option<Instant>,
    last: Instant,
    closed: bool,
    met: Met,
    flying: bool,
    /// It did not work: not before this.
    live_from: Option<Instant>,
    seal: Seal,
    seal_from: Option<Instant>,
}

impl Wait {
    const fn new(now: Instant, closed: bool) -> Self {
        Self {
            first: now,
            began: None,
            last: now,
            closed,
            met: Met::Changing,
            flying: false,
            live_from: None,
            seal: Seal::Open,
            seal_from: None,
        }
    }

    fn touch(&mut self, now: Instant, closed: bool) {
        // What went or was sealed is another content: a new one begins.
        let reads = self.flying || self.seal == Seal::Going;
        let began = self.began.or_else(|| reads.then_some(self.first));
        if reads || self.seal == Seal::Done {
            self.first = now;
        }
        *self = Self { first: self.first, began, ..Self::new(now, closed) };
    }

    /// What was being read while it changed came to nothing.
    fn nothing_new(&mut self) {
        self.first = self.began.take().unwrap_or(self.first);
    }

    /// Whether it is taken as it comes: nobody has closed it, or it never stays closed for long enough.
    fn is_open(&self, now: Instant) -> bool {
        !self.closed || self.first + LATEST <= now
    }

    fn due(&self) -> Option<Instant> {
        let due = (self.last + if self.closed { SETTLED } else { SILENT }).min(self.first + LATEST);
        let due = self.live_from.map_or(due, |from| due.max(from));
        // What is being sealed is not handed over at the same time: which of the two is newer would be open.
        (!self.flying && self.seal != Seal::Going).then_some(due)
    }

    fn seal_due(&self) -> Option<Instant> {
        let latest = self.first + LATEST;
        let due = if self.closed { (self.last + UNSEALED).min(latest) } else { latest };
        let due = self.seal_from.map_or(due, |from| due.max(from));
        (self.seal == Seal::Open).then_some(due)
    }
}

/// Files that changed and that headquarters has not acknowledged.
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
        self.0.entry(path).or_insert(Wait::new(now, false)).touch(now, false);
    }

    /// It was closed after writing, or came into its place as a whole.
    pub fn closed(&mut self, path: WorkPath, now: Instant) {
        self.0.entry(path).or_insert(Wait::new(now, true)).touch(now, true);
    }

    /// It is there; nobody saw it change. `held` says whether headquarters holds something at its path.
    pub fn looked(&mut self, path: WorkPath, held: bool, now: Instant) {
        let met = if held { Met::AsHeld } else { Met::There };
        let wait = Wait { met, ..Wait::new(now, true) };
        self.0.entry(path).or_insert(wait);
    }

    /// It was handed over as it was when it became [`Due::ready`]. If it changed since, it waits on.
    pub fn landed(&mut self, path: &WorkPath) {
        match self.0.get_mut(path) {
            Some(wait) if wait.flying => {
                self.0.remove(path);
            }
            Some(wait) => wait.began = None,
            None => {}
        }
    }

    /// Handing it over did not work: once more, `after` this. What came meanwhile knows more, but for how long it has waited.
    pub fn again(&mut self, ready: &Ready, now: Instant, after: Duration) {
        match self.0.get_mut(&ready.path) {
            Some(wait) if wait.flying => {
                (wait.flying, wait.closed) = (false, !ready.open);
                wait.live_from = (!after.is_zero()).then(|| now + after);
            }
            Some(wait) => wait.nothing_new(),
            None => {}
        }
    }

    /// Nothing is on its way any more.
    pub fn land_all(&mut self) {
        for wait in self.0.values_mut() {
            wait.flying = false;
            // Sealing that was given up is begun again.
            if wait.seal == Seal::Going {
                wait.seal = Seal::Open;
            }
        }
    }

    /// It is not there any more.
    pub fn forget(&mut self, path: &WorkPath) {
        self.0.remove(path);
    }

    /// Those whose time to be handed over has come, at most `most`; they are on their way until [`Due::landed`] or
    /// [`Due::again`].
    pub fn ready(&mut self, now: Instant, most: usize) -> Vec<Ready> {
        let due = self.0.iter_mut().filter(|(_, wait)| wait.due().is_some_and(|due| due <= now)).take(most);
        due.map(|(path, wait)| {
            wait.flying = true;
            Ready { path: path.clone(), open: wait.is_open(now) }
        })
        .collect()
    }

    /// Those whose time to be sealed has come, at most `most`; until [`Due::sealed`]. What nobody saw change is looked at
    /// only while headquarters cannot be asked: handing over looks at it anyway.
    pub fn to_seal(&mut self, now: Instant, most: usize, alone: bool) -> Vec<Ready> {
        let is_due = |wait: &Wait| {
            wait.seal_due().is_some_and(|due| due <= now) && (alone || wait.met == Met::Changing)
        };
        let due = self.0.iter_mut().filter(|(_, wait)| is_due(wait)).take(most);
        due.map(|(path, wait)| {
            wait.seal = Seal::Going;
            Ready { path: path.clone(), open: wait.is_open(now) }
        })
        .collect()
    }

    /// What became of sealing it.
    pub fn sealed(&mut self, path: &WorkPath, done: bool, now: Instant) {
        match self.0.get_mut(path) {
            Some(wait) if wait.seal == Seal::Going => {
                wait.seal = if done { Seal::Done } else { Seal::Open };
                wait.seal_from = (!done).then(|| now + RETRY);
            }
            // It changed meanwhile.
            Some(wait) if done => wait.began = None,
            Some(wait) => wait.nothing_new(),
            None => {}
        }
    }

    /// When the next one's time to be handed over comes.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(Wait::due).min()
    }

    /// When the next one's time to be sealed comes.
    #[must_use]
    pub fn next_seal(&self, alone: bool) -> Option<Instant> {
        self.0.values().filter(|wait| alone || wait.met == Met::Changing).filter_map(Wait::seal_due).min()
    }

    /// How many are neither handed over nor sealed as they are, as far as anybody has seen.
    #[must_use]
    pub fn exposed(&self) -> usize {
        self.exposed_paths().count()
    }

    /// Those that are neither handed over nor sealed as they are.
    pub fn exposed_paths(&self) -> impl Iterator<Item = &WorkPath> {
        let exposed = |wait: &Wait| wait.seal != Seal::Done && wait.met != Met::AsHeld;
        self.0.iter().filter(move |(_, wait)| exposed(wait)).map(|(path, _)| path)
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
        due.looked(path("held"), true, start);
        due.looked(path("new"), false, start);
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
        assert_eq!(due.ready(at(561), 9), [Ready { open: true, ..a() }]);
        due.landed(&path("a"));
        assert!(due.is_empty());
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
        due.looked(path("b"), false, start);
        assert_eq!(due.to_seal(at(100), 9, false), [], "handing over looks at it anyway");
        assert_eq!(due.to_seal(at(100), 9, true).len(), 1);
    }
}
