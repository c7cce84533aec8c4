//! The end of a day: hand over what is left, seal what headquarters does not get.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Day, seal_one};
use crate::deliver::courier::BATCH;
use crate::deliver::due::{Due, Ready};
use crate::deliver::snapshot::GivenUp;
use crate::deliver::sweep::{Swept, sweep, sweep_by};
use crate::deliver::transport::{Post, Transport, TransportError};
use crate::path::WorkPath;

/// A headquarters that refuses at the end of a day is asked again for so long whether it still knows what it acknowledged: an
/// old connection ends with the first try, and one that is being started needs some seconds. One that is silent is asked once.
const STARTING: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(300);

/// What was left at the end of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// Files that are sealed now, or were before, as they are.
    pub sealed: u64,
    /// Files that are neither at headquarters nor sealed as they are.
    pub lost: u64,
}

impl<T: Transport + Post + 'static> Day<T> {
    /// Hands over everything that is not held, by content, until nothing is left or headquarters does not answer.
    ///
    /// # Errors
    /// [`TransportError`]: what could be handed over was, and what waited waits.
    pub async fn finish(&mut self) -> Result<Swept, TransportError> {
        self.land();
        self.confirm_at_last().await?;
        match self.post().await {
            // Whatever is wrong with sealed items, the rest is handed over.
            Err(TransportError::Answer(why)) => tracing::warn!(why, "sealed items are left"),
            posted => posted?,
        }
        let mut swept = self.sweep().await;
        let mut left = std::mem::take(&mut swept.changed);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH));
            let delivered = self.courier.deliver(&self.tree, &self.known, left).await?;
            swept.changed.extend(delivered.again.iter().cloned());
            let not_taken = delivered.full.iter().chain(&delivered.refused).cloned();
            swept.changed.extend(not_taken.map(|path| Ready { path, open: false }));
            self.count(delivered);
            left = rest;
        }
        // A sweep looks at everything that waits, too.
        self.due = Due::default();
        self.say_gone();
        let gone = std::mem::take(&mut self.gone);
        self.going.clone_from(&gone);
        let delivered = self.courier.delete(&self.tree, &self.known, (&gone, &self.moves), false).await;
        self.deleted(gone, delivered)?;
        self.tell();
        Ok(swept)
    }

    /// Seals all that headquarters has not acknowledged, by content, until `until`: the end of a day whose line is gone.
    /// Afterwards the folder may vanish. What could not be sealed is counted as lost; so is what there was no time to look at,
    /// unless nothing was seen to have changed it since it was safe.
    pub async fn seal_rest(&mut self, until: Instant) -> Rest {
        let Some(sealer) = self.sealer.clone() else {
            let swept = self.sweep().await;
            return Rest { sealed: 0, lost: swept.changed.len() as u64 + swept.unread };
        };
        let (tree, known, threads) = (Arc::clone(&self.tree), Arc::clone(&self.known), threads());
        // Whoever waits no longer has nothing sealed beside what comes next.
        let given_up = GivenUp::default();
        let is_given_up = given_up.is_over();
        // What is known to wait comes first: to look at everything may take all the time that there is.
        let waiting: Vec<WorkPath> = self.due.exposed_paths().collect();
        let work = move || {
            // Small ones before large ones: most of them in the time that there is.
            let size = |path: &WorkPath| tree.look(path).ok().flatten().map(|found| found.size);
            let ordered = |mut paths: Vec<WorkPath>| {
                paths.sort_by_cached_key(size);
                paths
            };
            let is_over = || is_given_up() || Instant::now() >= until;
            let exposed: BTreeSet<WorkPath> = waiting.iter().cloned().collect();
            let seal = |path: &WorkPath| {
                // At the end nobody waits for a writer.
                let both = [false, true].map(|open| Ready { path: path.clone(), open });
                both.iter().any(|ready| !is_over() && seal_one(&sealer, &tree, &known, ready, &is_over))
            };
            for path in ordered(waiting) {
                seal(&path);
            }
            let before = AtomicU64::new(0);
            let swept = sweep_by(&tree, threads, &is_over, |path, gist| {
                let newest = sealer.newest_gist(path);
                let (is_held, waits) = match gist {
                    Some(now) => (sealer.is_kept(&known, path, now), newest == gist),
                    None if exposed.contains(path) => (false, false),
                    None => {
                        let is_held = known.held(path).is_some_and(|held| !held.is_forgotten());
                        (is_held && newest.is_none(), newest.is_some())
                    }
                };
                before.fetch_add(u64::from(waits), Ordering::Relaxed);
                is_held || waits
            });
            let mut rest = Rest { sealed: before.into_inner(), lost: swept.unread };
            for path in ordered(swept.changed.into_iter().map(|ready| ready.path).collect()) {
                if seal(&path) { rest.sealed += 1 } else { rest.lost += 1 }
            }
            rest
        };
        let rest = tokio::task::spawn_blocking(work).await;
        self.tell();
        // A panic in it would be ours; then nothing is claimed.
        rest.unwrap_or(Rest { sealed: 0, lost: self.due.len().max(1) as u64 })
    }

    /// Asks headquarters whether it still knows what it acknowledged: what it has forgotten waits again.
    ///
    /// # Errors
    /// [`TransportError`]: nobody can say.
    pub async fn confirm(&mut self) -> Result<(), TransportError> {
        let forgotten = self.courier.confirm(&self.known).await?;
        self.forgotten(forgotten);
        Ok(())
    }

    /// The same at the end, when it is the last time: one that is just being started again is waited for.
    async fn confirm_at_last(&mut self) -> Result<(), TransportError> {
        let until = Instant::now() + STARTING;
        loop {
            match self.confirm().await {
                Err(TransportError::Later(_)) if Instant::now() < until => sleep(AGAIN).await,
                other => return other,
            }
        }
    }

    /// How many files are known to wait; looks at none of them.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.due.len() as u64
    }

    /// Looks at everything, away from what must not wait; given up when nobody waits for it any more.
    async fn sweep(&self) -> Swept {
        let given_up = GivenUp::default();
        let (tree, known, is_over) = (Arc::clone(&self.tree), Arc::clone(&self.known), given_up.is_over());
        let sealer = self.sealer.clone();
        let work = move || sweep(&tree, (&known, sealer.as_deref()), threads(), &is_over);
        let swept = tokio::task::spawn_blocking(work).await;
        // A panic in it would be ours; then nothing is claimed.
        swept.unwrap_or(Swept { unread: 1, ..Swept::default() })
    }

    /// Delivers what is sealed.
    pub(super) async fn post(&self) -> Result<(), TransportError> {
        if let Some(sealer) = &self.sealer
            && sealer.spool().count() > sealer.spool().left()
        {
            self.courier.stands(&self.known).await?;
            sealer.deliver(self.courier.transport(), &self.known).await?;
        }
        Ok(())
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
