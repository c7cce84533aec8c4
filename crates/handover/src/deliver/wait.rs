//! How long one file has waited for headquarters, and when its turns come. Pure, under a clock that is given.

use std::time::{Duration, Instant};

use super::due::{LATEST, SETTLED, SILENT, UNSEALED};

/// Whether what a file is now lies sealed on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    Open,
    Going,
    Done,
}

/// How a file was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// Somebody saw it change.
    Changing,
    /// By looking at everything.
    There,
    /// The same, and headquarters held something at its path then: it is most probably just that.
    AsHeld,
}

/// One file that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    first: Instant,
    /// What `first` was before it changed while it was being read: if that comes to nothing, nothing is new.
    pub(super) began: Option<Instant>,
    /// It changed while it was read, and could not be taken for that.
    restless: bool,
    last: Instant,
    pub(super) closed: bool,
    pub(super) met: Met,
    pub(super) flying: bool,
    /// It did not work: not before this.
    pub(super) live_from: Option<Instant>,
    pub(super) seal: Seal,
    pub(super) seal_from: Option<Instant>,
}

impl Wait {
    pub(super) const fn new(now: Instant, closed: bool) -> Self {
        Self {
            first: now,
            began: None,
            restless: false,
            last: now,
            closed,
            met: Met::Changing,
            flying: false,
            live_from: None,
            seal: Seal::Open,
            seal_from: None,
        }
    }

    /// One that nobody saw change.
    pub(super) const fn met(met: Met, now: Instant) -> Self {
        Self { met, ..Self::new(now, true) }
    }

    pub(super) fn touch(&mut self, now: Instant, closed: bool) {
        // What went or was sealed is another content: a new one begins.
        let reads = self.flying || self.seal == Seal::Going;
        let began = self.began.or_else(|| reads.then_some(self.first));
        if reads || self.seal == Seal::Done {
            self.first = now;
        }
        *self = Self { first: self.first, began, restless: self.restless, ..Self::new(now, closed) };
    }

    /// What was being read while it changed is where it was to go.
    pub(super) const fn calm(&mut self) {
        (self.began, self.restless) = (None, false);
    }

    /// What was being read while it changed came to nothing.
    pub(super) fn nothing_new(&mut self) {
        self.first = self.began.take().unwrap_or(self.first);
        self.restless = true;
    }

    /// Nobody answered.
    pub(super) const fn unanswered(&mut self) {
        if let Some(began) = self.began.take() {
            self.first = began;
        }
    }

    /// It is nowhere else any more.
    pub(super) fn lost(&mut self) {
        if self.met == Met::AsHeld {
            self.met = Met::There;
        }
        if self.seal == Seal::Done {
            self.seal = Seal::Open;
        }
    }

    pub(super) fn is_changing(&self) -> bool {
        self.met == Met::Changing
    }

    /// Whether it is taken as it comes: nobody has closed it, or it never stays closed for long enough. What only waits for its
    /// turn does.
    pub(super) fn is_open(&self, now: Instant, settled: Duration) -> bool {
        let long = if self.restless { LATEST } else { settled };
        let rests = self.last + long <= now;
        !self.closed || (self.first + LATEST <= now && !rests)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let due = (self.last + if self.closed { SETTLED } else { SILENT }).min(self.first + LATEST);
        let due = self.live_from.map_or(due, |from| due.max(from));
        // What is being sealed is not handed over at the same time: which of the two is newer would be open.
        (!self.flying && self.seal != Seal::Going).then_some(due)
    }

    pub(super) fn is_exposed(&self) -> bool {
        self.seal != Seal::Done && self.met != Met::AsHeld
    }

    pub(super) fn seal_due(&self) -> Option<Instant> {
        let latest = self.first + LATEST;
        let due = if self.closed { (self.last + UNSEALED).min(latest) } else { latest };
        let due = self.seal_from.map_or(due, |from| due.max(from));
        (self.seal == Seal::Open).then_some(due)
    }
}
