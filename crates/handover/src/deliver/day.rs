//! The working day: what changes is handed over while people work, and a sweep finds the rest.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::courier::{BATCH, Courier, Delivered};
use super::due::{Due, Ready, SETTLED};
use super::known::Known;
use super::sweep::{Swept, sweep};
use super::transport::{Transport, TransportError};
use super::tree::{Found, Kind, Owner, Tree};
use super::watch::{Seen, Watch};
use crate::deliver::Restored;
use crate::path::WorkPath;
use crate::protocol::Browse;

/// After headquarters did not answer: doubled from the first to the last.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// A file that could not be handed over is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// The whole tree is looked at again after so long: what is written through a mapping is told by nobody.
const ROUND: Duration = Duration::from_mins(10);

/// How the handover stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files that headquarters holds as they were last read.
    pub held: u64,
    /// Versions handed over since the beginning.
    pub delivered: u64,
    /// Bytes sent for them.
    pub sent_bytes: u64,
    /// Files that wait to be handed over.
    pub waiting: u64,
    /// Deletions that somebody is to be asked about.
    pub deletions_held: u64,
    /// Files for which headquarters has no room.
    pub full: u64,
    /// Second versions that lie beside another one.
    pub conflicts: u64,
    /// Why nothing goes on at the moment.
    pub trouble: Option<String>,
    /// Whether the session has ended: nothing will go on by itself.
    pub ended: bool,
}

/// One person's work on this machine, between opening and end.
#[derive(Debug)]
pub struct Day<T> {
    tree: Tree,
    known: Known,
    courier: Courier<T>,
    watch: Watch,
    due: Due,
    /// What is being handed over; still here when that was given up in the middle.
    flying: Vec<Ready>,
    gone: BTreeSet<WorkPath>,
    gone_since: Option<Instant>,
    held: BTreeSet<WorkPath>,
    full: BTreeSet<WorkPath>,
    progress: watch::Sender<Progress>,
    blocked: Option<(Instant, Duration)>,
    round: Instant,
}

/// What ends a day, or its beginning.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// The folder cannot be watched.
    #[error("{path} cannot be watched: {source}")]
    Watch {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: notify::Error,
    },
    /// The journal in it cannot be used.
    #[error("the journal in {path} cannot be used: {source}")]
    Journal {
        /// Which folder.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

impl<T: Transport> Day<T> {
    /// Begins to watch a person's folder.
    ///
    /// # Errors
    /// [`DayError`]
    pub fn begin(tree: Tree, transport: T) -> Result<Self, DayError> {
        let path = tree.path().to_owned();
        let watch = Watch::start(&path).map_err(|source| DayError::Watch { path: path.clone(), source })?;
        let known = Known::load(&tree).map_err(|source| DayError::Journal { path, source })?;
        Ok(Self {
            tree,
            known,
            courier: Courier::new(transport),
            watch,
            due: Due::default(),
            flying: Vec::new(),
            gone: BTreeSet::new(),
            gone_since: None,
            held: BTreeSet::new(),
            full: BTreeSet::new(),
            progress: watch::Sender::default(),
            blocked: None,
            round: Instant::now(),
        })
    }

    /// Tells how it stands, whenever that changes.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Brings back what the person has at headquarters, recent files first.
    ///
    /// # Errors
    /// [`TransportError`]: what came is here.
    pub async fn restore(&mut self, owner: Option<Owner>) -> Result<Restored, TransportError> {
        let mut restored = Restored::default();
        let mut browse = Browse::default();
        loop {
            let page = self.courier.restore(&self.tree, &mut self.known, owner, &browse, &mut restored);
            match page.await? {
                Some(next) => browse.after = Some(next),
                None => return Ok(restored),
            }
        }
    }

    /// Works until `stop` is done.
    pub async fn work(&mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        self.look_at_all();
        loop {
            self.tell();
            let wake = tokio::time::Instant::from_std(self.wake());
            tokio::select! {
                () = &mut stop => return,
                seen = self.watch.next() => self.see(seen),
                () = sleep_until(wake) => tokio::select! {
                    // A line that hangs must not hold the end.
                    () = &mut stop => return,
                    () = self.go_on() => {}
                }
            }
        }
    }

    /// Hands over everything that is not held, by content, until nothing is left or headquarters does not answer.
    ///
    /// # Errors
    /// [`TransportError`]: what could be handed over was.
    pub async fn finish(&mut self) -> Result<Swept, TransportError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // A sweep looks at everything that waits, too.
        self.due = Due::default();
        self.flying.clear();
        let mut swept = sweep(&self.tree, &self.known, threads);
        let mut left = std::mem::take(&mut swept.changed);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH));
            let delivered = self.courier.deliver(&self.tree, &mut self.known, left).await?;
            swept.changed.extend(delivered.again.iter().cloned());
            self.count(delivered);
            left = rest;
        }
        self.send_deletions().await?;
        self.tell();
        Ok(swept)
    }

    /// How many files headquarters does not hold as they are, by content; sends nothing.
    #[must_use]
    pub fn left(&self) -> u64 {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let swept = sweep(&self.tree, &self.known, threads);
        (swept.changed.len() as u64).saturating_add(swept.unread)
    }

    fn wake(&self) -> Instant {
        let gone = self.gone_since.map(|since| since + SETTLED);
        let next = self.due.next().into_iter().chain(gone).min();
        let next = match (next, self.blocked) {
            (Some(next), Some((until, _))) => Some(next.max(until)),
            (next, _) => next,
        };
        next.unwrap_or(self.round + ROUND).min(self.round + ROUND)
    }

    fn see(&mut self, seen: Seen) {
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
                    self.look_below(&path, now);
                }
            }
            Seen::Gone(path) => {
                if let Some(path) = self.tree.relative(&path) {
                    self.due.forget(&path);
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

    fn look_below(&mut self, folder: &WorkPath, now: Instant) {
        let due = &mut self.due;
        self.tree.walk(Some(folder), |found| {
            if let Found::File(path) = found {
                due.closed(path, now);
            }
        });
    }

    /// Everything is looked at, and what is held is left out when its turn comes.
    fn look_at_all(&mut self) {
        let now = Instant::now();
        self.round = now;
        let due = &mut self.due;
        self.tree.walk(None, |found| {
            if let Found::File(path) = found {
                due.closed(path, now);
            }
        });
    }

    async fn go_on(&mut self) {
        let now = Instant::now();
        if now >= self.round + ROUND {
            self.look_at_all();
        }
        if self.blocked.is_some_and(|(until, _)| now < until) {
            return;
        }
        let done = self.hand_over(now).await;
        match done {
            Ok(()) => {
                self.blocked = None;
                self.progress.send_if_modified(|progress| progress.trouble.take().is_some());
            }
            Err(error) => {
                let [first, last] = BACKOFF;
                let wait = self.blocked.map_or(first, |(_, wait)| (wait * 2).min(last));
                self.blocked = Some((Instant::now() + wait, wait));
                let ended = matches!(error, TransportError::Ended(_));
                tracing::info!(%error, "the handover waits");
                self.progress.send_modify(|progress| {
                    progress.trouble = Some(error.to_string());
                    progress.ended = ended;
                });
            }
        }
    }

    async fn hand_over(&mut self, now: Instant) -> Result<(), TransportError> {
        self.land(now);
        self.flying = self.due.ready(now, BATCH);
        if !self.flying.is_empty() {
            match self.courier.deliver(&self.tree, &mut self.known, self.flying.clone()).await {
                Ok(delivered) => {
                    self.flying.clear();
                    self.count(delivered);
                }
                Err(error) => {
                    self.land(now);
                    return Err(error);
                }
            }
        }
        if self.gone_since.is_some_and(|since| since + SETTLED <= now) {
            self.send_deletions().await?;
        }
        Ok(())
    }

    /// What was on its way waits again.
    fn land(&mut self, now: Instant) {
        for ready in self.flying.drain(..) {
            self.due.again(ready, now, Duration::ZERO);
        }
    }

    async fn send_deletions(&mut self) -> Result<(), TransportError> {
        let now = Instant::now();
        for path in &self.gone {
            if matches!(self.tree.look(path), Ok(Some(stamp)) if stamp.kind != Kind::Folder) {
                self.due.closed(path.clone(), now);
            }
        }
        let delivered = self.courier.delete(&self.tree, &mut self.known, &self.gone, false).await?;
        self.gone.clear();
        self.count(delivered);
        self.gone_since = None;
        Ok(())
    }

    fn count(&mut self, delivered: Delivered) {
        let now = Instant::now();
        for ready in delivered.again {
            self.due.again(Ready { open: true, ..ready }, now, RETRY);
        }
        self.held.extend(delivered.held);
        self.full.extend(delivered.full);
        self.progress.send_modify(|progress| {
            progress.delivered += delivered.files;
            progress.sent_bytes += delivered.sent_bytes;
            progress.conflicts += delivered.conflicts.len() as u64;
        });
    }

    fn tell(&self) {
        let [held, waiting, deletions_held, full] = [
            self.known.len(),
            self.due.len() + self.flying.len() + self.gone.len(),
            self.held.len(),
            self.full.len(),
        ]
        .map(|count| count as u64);
        self.progress.send_if_modified(|progress| {
            let before = progress.clone();
            (progress.held, progress.waiting) = (held, waiting);
            (progress.deletions_held, progress.full) = (deletions_held, full);
            before != *progress
        });
    }
}
