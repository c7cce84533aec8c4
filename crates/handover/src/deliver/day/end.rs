//! The end of a day: hand over what is left, seal what headquarters does not get.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::{Day, seal_one};
use crate::deliver::courier::BATCH;
use crate::deliver::due::{Due, Ready};
use crate::deliver::sweep::{Swept, sweep, sweep_by};
use crate::deliver::transport::{Post, Transport, TransportError};

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
    /// [`TransportError`]: what could be handed over was.
    pub async fn finish(&mut self) -> Result<Swept, TransportError> {
        self.post().await?;
        // A sweep looks at everything that waits, too.
        self.due = Due::default();
        let mut swept = self.sweep();
        let mut left = std::mem::take(&mut swept.changed);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(BATCH));
            let delivered = self.courier.deliver(&self.tree, &self.known, left).await?;
            swept.changed.extend(delivered.again.iter().cloned());
            let full = delivered.full.iter().cloned();
            swept.changed.extend(full.map(|path| Ready { path, open: false }));
            self.count(delivered);
            left = rest;
        }
        self.say_gone();
        let gone = std::mem::take(&mut self.gone);
        let delivered = self.courier.delete(&self.tree, &self.known, &gone, false).await;
        self.deleted(gone, delivered)?;
        self.tell();
        Ok(swept)
    }

    /// Seals all that headquarters has not acknowledged, by content, until `until`: the end of a day whose line is gone.
    /// Afterwards the folder may vanish. What could not be sealed is counted as lost.
    pub async fn seal_rest(&mut self, until: Instant) -> Rest {
        let Some(sealer) = self.sealer.clone() else {
            let swept = self.sweep();
            return Rest { sealed: 0, lost: swept.changed.len() as u64 + swept.unread };
        };
        let (tree, known, threads) = (Arc::clone(&self.tree), Arc::clone(&self.known), threads());
        let work = move || {
            let before = AtomicU64::new(0);
            let swept = sweep_by(&tree, threads, |path, gist| {
                let is_held = known.held(path).is_some_and(|held| held.gist == gist);
                let waits = !is_held && sealer.is_sealed(path, gist);
                before.fetch_add(u64::from(waits), Ordering::Relaxed);
                is_held || waits
            });
            let mut rest = Rest { sealed: before.into_inner(), lost: swept.unread };
            for ready in swept.changed {
                // At the end nobody waits for a writer.
                let both = [ready.clone(), Ready { open: true, ..ready }];
                let mut tries = both
                    .iter()
                    .map(|ready| Instant::now() < until && seal_one(&sealer, &tree, &known, ready));
                if tries.any(|sealed| sealed) { rest.sealed += 1 } else { rest.lost += 1 }
            }
            rest
        };
        let rest = tokio::task::spawn_blocking(work).await;
        self.tell();
        // A panic in it would be ours; then nothing is claimed.
        rest.unwrap_or(Rest { sealed: 0, lost: self.due.len().max(1) as u64 })
    }

    /// How many files headquarters does not hold as they are, by content; sends nothing.
    #[must_use]
    pub fn left(&self) -> u64 {
        let swept = self.sweep();
        (swept.changed.len() as u64).saturating_add(swept.unread)
    }

    fn sweep(&self) -> Swept {
        sweep(&self.tree, &self.known, threads())
    }

    /// Delivers what is sealed.
    pub(super) async fn post(&self) -> Result<(), TransportError> {
        if let Some(sealer) = &self.sealer
            && sealer.spool().count() > sealer.spool().left()
        {
            sealer.deliver(self.courier.transport(), &self.known).await?;
        }
        Ok(())
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
