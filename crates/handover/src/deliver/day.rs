//! The working day: what changes is handed over while people work, and a sweep finds the rest.

mod asked;
mod end;
mod progress;
mod seeing;
mod transfers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

pub use self::asked::Answer;
use self::asked::{Decided, Missing, Recovery};
pub use self::end::Rest;
pub use self::progress::Progress;
use self::seeing::{ROUND, next};
use self::transfers::Transfer;
use super::courier::{Courier, Delivered};
use super::due::{Due, Ready};
use super::gone::{Going, Gone, Moves};
use super::known::Known;
use super::sealer::{Sealed, Sealer};
use super::snapshot::{GivenUp, IsOver};
use super::stamp::Kind;
use super::transport::{Post, Transport, TransportError};
use super::tree::{Owner, Tree};
use super::watch::Watch;
use crate::clock::now;
use crate::path::WorkPath;
use crate::seal::Spool;

/// After headquarters did not answer: doubled from the first to the last.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// A file that could not be handed over is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// At the end of a day, what is just being sealed is waited for so long.
const SEALED_LATE: Duration = Duration::from_secs(5);
/// What headquarters cannot take, or asks for in a way that makes no sense, is tried again after this.
const REFUSED: Duration = Duration::from_mins(1);
/// Headquarters is asked again so often about deletions that it holds: somebody there may have decided.
const ASKED_AGAIN: Duration = Duration::from_secs(30);
/// Files that are sealed before it is looked again what has become of the others.
const SEALED_AT_ONCE: usize = 64;

/// One person's work on this machine, between opening and end.
#[derive(Debug)]
pub struct Day<T> {
    tree: Arc<Tree>,
    known: Arc<Known>,
    courier: Arc<Courier<T>>,
    sealer: Option<Arc<Sealer>>,
    watch: Option<Watch>,
    due: Due,
    gone: BTreeSet<WorkPath>,
    /// All of what is gone or held, for whoever goes on here.
    noted: Arc<Gone>,
    /// Those of them that headquarters is just being told.
    going: BTreeSet<WorkPath>,
    /// Which of them have only moved.
    moves: Moves,
    /// When they are spoken of.
    going_on: Option<Going>,
    /// Whose the files become that come back.
    owner: Option<Owner>,
    /// Whose the files become that still have to come back, and how far that is.
    missing: Option<Missing>,
    /// Deletions that somebody is to be asked about, and when headquarters was asked last whether somebody was.
    held: BTreeSet<WorkPath>,
    held_since: Instant,
    decided: Option<Decided>,
    recovery: Option<Recovery>,
    full: BTreeSet<WorkPath>,
    progress: watch::Sender<Progress>,
    blocked: Option<(Instant, Duration)>,
    /// Sealed items could not be delivered for a reason of their own: not before this.
    post_from: Option<Instant>,
    /// Whether headquarters answered when it was last asked.
    answered: bool,
    /// Headquarters is to be asked whether it still knows what it acknowledged.
    unconfirmed: bool,
    round: Instant,
}

/// What ends a day, or its beginning.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// What is sealed for it cannot be read.
    #[error("what is sealed of {path} cannot be read: {source}")]
    Sealed {
        /// Which folder.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

type Sealing = JoinHandle<Vec<(WorkPath, bool)>>;

impl<T: Transport + Post + 'static> Day<T> {
    /// Begins to watch a person's folder; nothing is sealed.
    ///
    /// # Errors
    /// [`DayError`]
    pub fn begin(tree: Tree, transport: T) -> Result<Self, DayError> {
        Self::begin_sealing(tree, transport, |_| None)
    }

    /// Begins to watch a person's folder. `sealer` makes a sealer for it, unless there is nothing to seal to.
    ///
    /// # Errors
    /// [`DayError`]
    pub fn begin_sealing(
        tree: Tree,
        transport: T,
        sealer: impl FnOnce(&Tree) -> Option<std::io::Result<Sealer>>,
    ) -> Result<Self, DayError> {
        let path = tree.path().to_owned();
        let watch = Self::begin_to_watch(&tree);
        let failed = |source| DayError::Sealed { path, source };
        let (known, noted) = (Known::load(&tree), Gone::load(&tree));
        let gone: BTreeSet<WorkPath> = noted.all().collect();
        let sealer = sealer(&tree).transpose().map_err(failed)?.map(Arc::new);
        Ok(Self {
            tree: Arc::new(tree),
            known: Arc::new(known),
            courier: Arc::new(Courier::new(transport).beside(sealer.clone())),
            sealer,
            watch,
            due: Due::default(),
            going_on: (!gone.is_empty()).then(|| Going::begin(Instant::now())),
            gone,
            moves: Moves::default(),
            noted: Arc::new(noted),
            going: BTreeSet::new(),
            owner: None,
            missing: None,
            held: BTreeSet::new(),
            held_since: Instant::now(),
            decided: None,
            recovery: None,
            full: BTreeSet::new(),
            progress: watch::Sender::default(),
            blocked: None,
            post_from: None,
            answered: false,
            unconfirmed: true,
            round: Instant::now(),
        })
    }

    /// Goes on from a day in the same folder that another session ends: what has moved meanwhile has not vanished.
    pub fn go_on_from(&mut self, before: &mut Self) {
        self.moves = std::mem::take(&mut before.moves);
    }

    /// Tells how it stands, whenever that changes.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Works until `stop` is done.
    pub async fn work(&mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        self.look_at_all();
        let (mut transfer, mut sealing): (Option<Transfer>, Option<Sealing>) = (None, None);
        let given_up = GivenUp::default();
        loop {
            let now = Instant::now();
            if now >= self.next_round() {
                self.look_at_all();
            }
            transfer = transfer.or_else(|| self.next_transfer(now));
            sealing = sealing.or_else(|| self.next_sealing(now, &given_up));
            self.tell();
            let wake = tokio::time::Instant::from_std(self.wake(transfer.is_some(), sealing.is_some()));
            tokio::select! {
                // A line that hangs must not hold the end.
                () = &mut stop => break,
                seen = next(&mut self.watch) => {
                    self.see(seen);
                    // Many come together, and all of them cost one look at what waits.
                    while let Some(seen) = self.watch.as_mut().and_then(Watch::at_once) {
                        self.see(seen);
                    }
                }
                arrived = present(&mut transfer) => {
                    transfer = None;
                    self.arrived(arrived);
                }
                sealed = present(&mut sealing) => {
                    sealing = None;
                    self.sealed(sealed.unwrap_or_default());
                }
                () = sleep_until(wake) => {}
            }
        }
        if let Some(sealing) = sealing {
            // Whoever waits for the end waits for no large file: it is given up, and its turn comes again.
            let sealed = tokio::time::timeout(SEALED_LATE, sealing).await;
            self.sealed(sealed.ok().and_then(Result::ok).unwrap_or_default());
        }
        self.land();
        self.tell();
    }

    /// Nothing is on its way any more: what was is to be said again.
    fn land(&mut self) {
        self.due.land_all();
        if !self.going.is_empty() {
            self.gone.append(&mut self.going);
            self.going_on.get_or_insert_with(|| Going::begin(Instant::now()));
        }
    }

    fn wake(&self, transfers: bool, seals: bool) -> Instant {
        let gone = self.going_on.map(Going::ends);
        let held = (!self.held.is_empty()).then(|| self.held_since + ASKED_AGAIN);
        let next = self.due.next().into_iter().chain(gone).chain(held).min().filter(|_| !transfers);
        let next = match (next, self.blocked) {
            (Some(next), Some((until, _))) => Some(next.max(until)),
            (next, _) => next,
        };
        // With nothing to ask for, nobody waits for headquarters.
        let blocked = self.blocked.map(|(until, _)| until).filter(|_| !transfers && self.has_more());
        let can_seal = self.sealer.is_some() && !seals;
        let seal = can_seal.then(|| self.due.next_seal(!self.answered)).flatten();
        let again = self.missing.as_ref().and_then(|missing| missing.again_from);
        let post = self.post_from.filter(|_| self.has_sealed());
        let is_ahead = |time: &Instant| !transfers && *time > Instant::now();
        let later = again.into_iter().chain(post).filter(is_ahead).min();
        let times = [next, seal, blocked, later];
        times.into_iter().flatten().chain([self.next_round()]).min().unwrap_or(self.round)
    }

    /// Whether there is something to ask of headquarters that has no time of its own.
    fn has_more(&self) -> bool {
        let now = Instant::now();
        let is_due = |from: Option<Instant>| from.is_none_or(|from| from <= now);
        let brings = self.missing.as_ref().is_some_and(|missing| is_due(missing.again_from));
        brings
            || self.recovery.is_some()
            || self.decided.is_some()
            || self.asks_to_confirm()
            || (self.has_sealed() && is_due(self.post_from))
    }

    /// Whether something lies sealed that is to be delivered.
    fn has_sealed(&self) -> bool {
        let waits = |sealer: &Arc<Sealer>| sealer.spool().count() > sealer.spool().left();
        self.sealer.as_ref().is_some_and(waits)
    }

    /// What has waited for headquarters long enough.
    fn next_sealing(&mut self, now: Instant, given_up: &GivenUp) -> Option<Sealing> {
        let sealer = self.sealer.clone()?;
        let ready = self.due.to_seal(now, SEALED_AT_ONCE, !self.answered);
        if ready.is_empty() {
            return None;
        }
        let (tree, known, is_over) = (Arc::clone(&self.tree), Arc::clone(&self.known), given_up.is_over());
        Some(tokio::task::spawn_blocking(move || {
            let seal = |ready: Ready| {
                let done = seal_one(&sealer, &tree, &known, &ready, &is_over);
                (ready.path, done)
            };
            ready.into_iter().map(seal).collect()
        }))
    }

    fn sealed(&mut self, sealed: Vec<(WorkPath, bool)>) {
        let now = Instant::now();
        for (path, done) in sealed {
            self.due.sealed(&path, done, now);
        }
    }

    /// What is said to be gone and is there again is no deletion.
    fn say_gone(&mut self) {
        let now = Instant::now();
        for path in &self.gone {
            let is_back = || matches!(self.tree.look(path), Ok(Some(stamp)) if stamp.kind != Kind::Folder);
            if self.tree.class(path).is_some() && is_back() {
                self.due.closed(path.clone(), now);
            }
        }
        self.going_on = None;
    }

    fn deleted(
        &mut self,
        gone: BTreeSet<WorkPath>,
        delivered: Result<Delivered, TransportError>,
    ) -> Result<(), TransportError> {
        self.going.clear();
        match delivered {
            Ok(delivered) => {
                self.noted.forget(&gone);
                // What has moved since is in the next ones.
                if self.gone.is_empty() {
                    self.moves.clear();
                }
                self.count(delivered);
                Ok(())
            }
            Err(error) => {
                self.gone.extend(gone);
                self.going_on.get_or_insert_with(|| Going::begin(Instant::now()));
                Err(error)
            }
        }
    }

    fn count(&mut self, delivered: Delivered) {
        let now = Instant::now();
        for ready in delivered.again {
            self.due.again(&ready, now, RETRY);
        }
        for path in &delivered.full {
            // What headquarters has no room for is sealed like all that it does not have.
            self.due.again(&Ready { path: path.clone(), open: false }, now, ROUND);
        }
        for path in delivered.refused {
            self.due.again(&Ready { path, open: false }, now, REFUSED);
        }
        if !delivered.held.is_empty() {
            self.held_since = now;
            delivered.held.iter().for_each(|path| self.noted.put(path));
            self.held.extend(delivered.held);
        }
        if delivered.stays > 0 {
            self.bring_back(self.owner);
        }
        self.full.extend(delivered.full);
        self.progress.send_modify(|progress| {
            progress.delivered += delivered.files;
            progress.sent_bytes += delivered.sent_bytes;
            progress.conflicts += delivered.conflicts.len() as u64;
        });
    }

    fn tell(&self) {
        let [held, waiting, exposed, deletions_held, full] = [
            self.known.len(),
            self.due.len() + self.gone.len(),
            self.due.exposed(),
            self.held.len(),
            self.full.len(),
        ]
        .map(|count| count as u64);
        let spool = self.sealer.as_ref().map(|sealer| sealer.spool());
        let (sealed, blind) = (spool.map_or(0, Spool::count), self.is_blind());
        let reserve = spool.map(Spool::level).unwrap_or_default();
        self.progress.send_if_modified(|progress| {
            let before = progress.clone();
            (progress.held, progress.waiting, progress.exposed) = (held, waiting, exposed);
            (progress.deletions_held, progress.full) = (deletions_held, full);
            (progress.sealed, progress.reserve, progress.blind) = (sealed, reserve, blind);
            before != *progress
        });
    }
}

/// Whether a file is sealed as it is, or needs it not.
fn seal_one(sealer: &Sealer, tree: &Tree, known: &Known, ready: &Ready, is_over: IsOver<'_>) -> bool {
    match sealer.seal_in_time(tree, known, ready, now(), is_over) {
        Ok(Sealed::New | Sealed::Nothing) => true,
        Ok(Sealed::Moving) => false,
        Err(error) => {
            tracing::warn!(%error, "a file could not be sealed");
            false
        }
    }
}

/// What is there, once it is done; what is not there never is.
async fn present<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
