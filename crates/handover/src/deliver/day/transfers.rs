//! What is asked of headquarters during a day, one thing at a time, and what its answers mean.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{BACKOFF, Day, Missing, REFUSED};
use crate::deliver::courier::{BATCH, Delivered};
use crate::deliver::due::{Ready, SETTLED};
use crate::deliver::restore::Paged;
use crate::deliver::sealer::Posted;
use crate::deliver::transport::{Post, Transport, TransportError};
use crate::path::WorkPath;

/// Something that was asked of headquarters has its answer.
pub(super) enum Arrived {
    Posted(Result<Posted, TransportError>),
    Delivered(Vec<Ready>, Result<Delivered, TransportError>),
    Deleted(BTreeSet<WorkPath>, Result<Delivered, TransportError>),
    Restored(Missing, Result<Paged, TransportError>),
}

pub(super) type Transfer = Pin<Box<dyn Future<Output = Arrived> + Send>>;

impl<T: Transport + Post + 'static> Day<T> {
    /// What is to be asked of headquarters next: what was sealed is older than all else.
    pub(super) fn next_transfer(&mut self, now: Instant) -> Option<Transfer> {
        if self.blocked.is_some_and(|(until, _)| now < until) {
            return None;
        }
        let (tree, known, courier) =
            (Arc::clone(&self.tree), Arc::clone(&self.known), Arc::clone(&self.courier));
        if let Some(sealer) = &self.sealer
            && self.has_sealed()
            && self.post_from.is_none_or(|from| from <= now)
        {
            let sealer = Arc::clone(sealer);
            return Some(Box::pin(async move {
                Arrived::Posted(sealer.deliver(courier.transport(), &known).await)
            }));
        }
        let ready = self.due.ready(now, BATCH);
        if !ready.is_empty() {
            return Some(Box::pin(async move {
                let delivered = courier.deliver(&tree, &known, ready.clone()).await;
                Arrived::Delivered(ready, delivered)
            }));
        }
        if self.gone_since.is_some_and(|since| since + SETTLED <= now) {
            self.say_gone();
            let gone = std::mem::take(&mut self.gone);
            return Some(Box::pin(async move {
                let delivered = courier.delete(&tree, &known, &gone, false).await;
                Arrived::Deleted(gone, delivered)
            }));
        }
        let due = |missing: &mut Missing| missing.again_from.is_none_or(|from| from <= now);
        let mut missing = self.missing.take_if(due)?;
        Some(Box::pin(async move {
            let Missing { owner, browse, restored, again_from, .. } = &mut missing;
            let again = again_from.is_some();
            let page = courier.page(&tree, &known, *owner, browse, restored, again).await;
            Arrived::Restored(missing, page)
        }))
    }

    pub(super) fn arrived(&mut self, arrived: Arrived) {
        let now = Instant::now();
        let done = match arrived {
            // Whatever is wrong with sealed items, what people do now goes on.
            Arrived::Posted(Err(TransportError::Answer(why))) => {
                tracing::warn!(why, "sealed items are left for later");
                self.post_from = Some(now + REFUSED);
                Ok(())
            }
            Arrived::Posted(posted) => posted.map(drop),
            Arrived::Delivered(ready, Ok(delivered)) => {
                let again: BTreeSet<&WorkPath> = delivered
                    .again
                    .iter()
                    .map(|ready| &ready.path)
                    .chain(&delivered.full)
                    .chain(&delivered.refused)
                    .collect();
                for ready in ready.iter().filter(|ready| !again.contains(&ready.path)) {
                    self.due.landed(&ready.path);
                }
                self.count(delivered);
                Ok(())
            }
            Arrived::Delivered(ready, Err(error)) => {
                for ready in ready {
                    self.due.again(&ready, now, Duration::ZERO);
                }
                Err(error)
            }
            Arrived::Deleted(gone, delivered) => self.deleted(gone, delivered),
            Arrived::Restored(missing, Ok(page)) => {
                let restored = missing.restored;
                self.missing = missing.turn(page);
                let is_back = self.missing.is_none();
                self.progress.send_modify(|progress| {
                    (progress.restored, progress.is_back) = (restored.files, is_back);
                    progress.not_back = restored.failed;
                });
                Ok(())
            }
            Arrived::Restored(missing, Err(error)) => {
                self.missing = Some(missing);
                Err(error)
            }
        };
        self.heard(done);
    }

    /// Whether headquarters answers.
    fn heard(&mut self, done: Result<(), TransportError>) {
        self.answered = done.is_ok();
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
}
