//! What is asked of headquarters during a day, one thing at a time, and what its answers mean.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use super::asked::{Decided, Missing, Recovery};
use super::{ASKED_AGAIN, BACKOFF, Day, REFUSED};
use crate::deliver::courier::{BATCH, Delivered};
use crate::deliver::due::Ready;
use crate::deliver::gone::Moves;
use crate::deliver::posting::Posted;
use crate::deliver::recover::Recovered;
use crate::deliver::restore::Paged;
use crate::deliver::transport::{Post, Transport, TransportError};
use crate::path::WorkPath;

/// Something that was asked of headquarters has its answer.
pub(super) enum Arrived {
    Confirmed(Result<Vec<WorkPath>, TransportError>),
    Posted(Result<Posted, TransportError>),
    Delivered(Vec<Ready>, Result<Delivered, TransportError>),
    Deleted(BTreeSet<WorkPath>, Result<Delivered, TransportError>),
    Decided(BTreeSet<WorkPath>, Result<Delivered, TransportError>),
    Recovered(Recovered, Result<Option<i64>, TransportError>),
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
        // First of all: nothing may be acknowledged by one that has forgotten what it acknowledged before.
        if self.asks_to_confirm() {
            return Some(Box::pin(async move { Arrived::Confirmed(courier.confirm(&known).await) }));
        }
        if let Some(sealer) = &self.sealer
            && self.has_sealed()
            && self.post_from.is_none_or(|from| from <= now)
        {
            let sealer = Arc::clone(sealer);
            return Some(Box::pin(async move {
                Arrived::Posted(match courier.stands(&known).await {
                    Ok(()) => sealer.deliver(courier.transport(), &known).await,
                    Err(error) => Err(error),
                })
            }));
        }
        let ready = self.due.ready(now, BATCH);
        if !ready.is_empty() {
            return Some(Box::pin(async move {
                let delivered = courier.deliver(&tree, &known, ready.clone()).await;
                Arrived::Delivered(ready, delivered)
            }));
        }
        if self.going_on.is_some_and(|going| going.ends() <= now) {
            self.say_gone();
            let gone = std::mem::take(&mut self.gone);
            self.going.clone_from(&gone);
            let moves = self.moves.clone();
            return Some(Box::pin(async move {
                let delivered = courier.delete(&tree, &known, (&gone, &moves), false).await;
                Arrived::Deleted(gone, delivered)
            }));
        }
        if self.decided.is_some() || (!self.held.is_empty() && self.held_since + ASKED_AGAIN <= now) {
            // A day that is interrupted meanwhile asks again.
            let (held, confirmed) = (self.held.clone(), self.decided.is_some());
            return Some(Box::pin(async move {
                let moves = Moves::default();
                let delivered = courier.delete(&tree, &known, (&held, &moves), confirmed).await;
                Arrived::Decided(held, delivered)
            }));
        }
        if let Some(Recovery { wanted, after, recovered, .. }) = &self.recovery {
            let (wanted, after, mut recovered, owner) = (wanted.clone(), *after, *recovered, self.owner);
            return Some(Box::pin(async move {
                let page = courier.recover(&tree, owner, &wanted, after, &mut recovered).await;
                Arrived::Recovered(recovered, page)
            }));
        }
        // A day that is interrupted meanwhile begins with this page again.
        let due = |missing: &&Missing| missing.again_from.is_none_or(|from| from <= now);
        let mut missing = self.missing.as_ref().filter(due).cloned()?;
        let noted = Arc::clone(&self.noted);
        Some(Box::pin(async move {
            let Missing { owner, browse, restored, again_from, .. } = &mut missing;
            let again = again_from.is_some();
            let page = courier.page(&tree, (&known, &noted), *owner, browse, restored, again).await;
            Arrived::Restored(missing, page)
        }))
    }

    pub(super) fn arrived(&mut self, arrived: Arrived) {
        let now = Instant::now();
        let done = match arrived {
            Arrived::Confirmed(Ok(forgotten)) => {
                self.forgotten(forgotten);
                Ok(())
            }
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
                    self.due.unanswered(&ready);
                }
                Err(error)
            }
            Arrived::Deleted(gone, delivered) => self.deleted(gone, delivered),
            Arrived::Restored(missing, Ok(page)) => {
                let restored = missing.restored;
                self.missing = missing.turn(page);
                let is_back = self.missing.is_none();
                let awaits_settings = self.missing.as_ref().is_some_and(Missing::is_of_settings);
                self.progress.send_modify(|progress| {
                    (progress.restored, progress.is_back) = (restored.files, is_back);
                    progress.awaits_settings = awaits_settings;
                    progress.not_back = restored.failed;
                });
                Ok(())
            }
            Arrived::Restored(_, Err(error)) => Err(error),
            Arrived::Confirmed(Err(error)) => {
                // It comes before all else: whoever waits for an answer has it.
                self.unheard(&error);
                Err(error)
            }
            Arrived::Decided(held, delivered) => self.decided(&held, delivered),
            Arrived::Recovered(recovered, page) => self.recovered(recovered, page),
        };
        self.heard(done);
    }

    /// Whether headquarters is to be asked if it still knows what it acknowledged.
    pub(super) fn asks_to_confirm(&self) -> bool {
        self.known.is_in_doubt() || (self.unconfirmed && !self.known.is_empty())
    }

    /// What headquarters has forgotten waits again.
    pub(super) fn forgotten(&mut self, forgotten: Vec<WorkPath>) {
        self.unconfirmed = false;
        let now = Instant::now();
        // What was work by yesterday's policy and is not by today's stays as headquarters knows it.
        for path in forgotten.into_iter().filter(|path| self.tree.class(path).is_some()) {
            self.due.forgotten(path, now);
        }
    }

    /// Headquarters was told what a person has decided, or asked whether somebody there has.
    fn decided(
        &mut self,
        held: &BTreeSet<WorkPath>,
        delivered: Result<Delivered, TransportError>,
    ) -> Result<(), TransportError> {
        let reply = self.decided.take().and_then(|Decided { reply }| reply);
        match delivered {
            Ok(delivered) => {
                let count = held.len().saturating_sub(delivered.held.len()) as u64;
                self.held.retain(|path| !held.contains(path));
                self.noted.forget(held);
                self.count(delivered);
                reply.map(|reply| reply.send(Ok(count)));
                Ok(())
            }
            Err(error) => {
                self.held_since = Instant::now();
                let said = TransportError::Later(error.to_string());
                reply.map(|reply| reply.send(Err(said)));
                Err(error)
            }
        }
    }

    /// What a person has decided or wants back is not heard of.
    fn unheard(&mut self, error: &TransportError) {
        let said = || TransportError::Later(error.to_string());
        let decided = self.decided.take().and_then(|Decided { reply }| reply);
        decided.map(|reply| reply.send(Err(said())));
        let recovery = self.recovery.take().and_then(|recovery| recovery.reply);
        recovery.map(|reply| reply.send(Err(said())));
    }

    /// A page of what a person wants back is here.
    fn recovered(
        &mut self,
        recovered: Recovered,
        page: Result<Option<i64>, TransportError>,
    ) -> Result<(), TransportError> {
        let Some(recovery) = &mut self.recovery else { return page.map(drop) };
        recovery.recovered = recovered;
        if let Ok(Some(next)) = page {
            recovery.after = Some(next);
            return Ok(());
        }
        let said = match &page {
            Ok(_) => Ok(recovered),
            Err(error) => Err(TransportError::Later(error.to_string())),
        };
        // Who asked may have gone.
        self.recovery.take().and_then(|recovery| recovery.reply).map(|reply| reply.send(said));
        page.map(drop)
    }

    /// Whether headquarters answers.
    fn heard(&mut self, done: Result<(), TransportError>) {
        self.answered = done.is_ok();
        match done {
            Ok(()) => {
                self.blocked = None;
                self.progress.send_if_modified(|progress| {
                    progress.trouble_code = None;
                    progress.trouble.take().is_some()
                });
            }
            Err(error) => {
                let [first, last] = BACKOFF;
                let wait = self.blocked.map_or(first, |(_, wait)| (wait * 2).min(last));
                self.blocked = Some((Instant::now() + wait, wait));
                let ended = matches!(error, TransportError::Ended(_));
                // One that was put back may not know the session.
                self.unconfirmed |= ended;
                tracing::info!(%error, "the handover waits");
                self.progress.send_modify(|progress| {
                    progress.trouble = Some(error.to_string());
                    progress.trouble_code = Some(error.code());
                    progress.ended = ended;
                });
            }
        }
    }
}
