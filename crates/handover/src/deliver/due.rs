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
mod tests;
