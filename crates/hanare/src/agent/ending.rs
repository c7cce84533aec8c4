//! The end of a day, in this order: programs close, everything stands still, what headquarters does not hold is handed over, the
//! key goes whatever is left, the leftovers follow, one receipt says what came of it. Each step has the time that the policy gives
//! it and no more.

use std::ops::Not as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_handover::deliver::Day;
use hanare_host::account;
use hanare_host::freezer::UserSlice;
use hanare_model::{PersonId, SigningKey};
use hanare_wipe::policy::{Limits, Policy};
use hanare_wipe::receipt::Cause;
use hanare_wipe::volume::{self, Announced, People, Places, Standstill};
use hanare_wipe::{Verdict, run};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::beside::Alive;
use super::keeping::{Ending, Kept, Noted};
use super::line::Carrier;
use super::record::{Ended, Record};
use super::sealing::finish_within;
use super::trigger::Trigger;
use super::{Agent, Standing};
use crate::times;

/// How often handing over is begun at an end that is interrupted each time.
const TRIES: u32 = 2;

impl Agent<'_> {
    /// Ends a person's day.
    pub(super) async fn end(
        &mut self,
        mut kept: Kept,
        day: Option<Day<Carrier>>,
        trigger: Trigger,
    ) -> Option<Verdict> {
        let cause = trigger.cause();
        tracing::info!(person = %kept.noted.person, ?cause, "the day ends");
        self.tell(|standing| (standing.ending, standing.closing) = (Some(cause), true));
        // From here on nobody comes back to it.
        self.gate.end();
        let alive = Alive::begin();
        let tries = kept.noted.ending.map_or(0, |ending| ending.tries);
        kept.noted.ending = Some(Ending { trigger, tries: tries.saturating_add(1) });
        kept.note(&self.context.runtime);
        let limits = kept.policy.limits;
        let places = self.owned_places();
        let account = kept.account.filter(|_| trigger.ends_account());
        let close = if trigger.is_polite() { limits.close } else { Duration::ZERO };
        if trigger.is_polite() {
            // What programs save at the end still has room.
            self.let_write().await;
        }
        let still = spawn_blocking({
            let places = places.clone();
            move || stand_still(&places, account, close)
        });
        let still = still.await.ok().flatten();
        // What has killed an agent twice here is not tried a third time: the key goes first then.
        let left = if tries < TRIES {
            self.hand_over(day, &kept.noted.person, limits, trigger).await
        } else {
            self.told.borrow().waiting.max(1)
        };
        // What follows is tried as often as it takes.
        kept.noted.ending = Some(Ending { trigger, tries });
        kept.note(&self.context.runtime);
        let announced = Announced { cause, lost: left, sealed: self.spool.count() };
        if let Err(error) = volume::announce(places.borrow(), &announced) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the end was not announced");
        }
        let Kept { policy, key, noted, .. } = kept;
        let wiping = spawn_blocking({
            let places = places.clone();
            move || wipe(&places, &policy, key, cause)
        });
        // What takes longer goes on, and a power-off does not wait for it: it is resumed at the next boot.
        let wiped = timeout(limits.wipe, wiping).await;
        // Where it failed, it is begun again while the key lives.
        let is_over = wiped.is_err() || matches!(wiped, Ok(Ok(Some(_)))) || !self.is_open();
        let verdict = wiped.ok().and_then(Result::ok).flatten();
        if let Some(still) = still {
            let _ = spawn_blocking(move || still.end()).await;
        }
        self.close_session(&noted).await;
        let person = noted.person.clone();
        if is_over {
            noted.close(&self.context.runtime);
        }
        let record =
            Record { waiting: left, end: Some(Ended { cause, verdict, lost: left }), ..self.record(&person) };
        record.save(&self.context.state);
        self.told.send_modify(|standing| {
            let mut unwatched = std::mem::take(&mut standing.unwatched);
            unwatched.remove(&super::Unwatched::Changes);
            *standing = Standing { last: Some(record), unwatched, ..Standing::idle(self.policy.as_ref()) };
        });
        drop(alive);
        verdict
    }

    /// Whether a volume is open; where nobody can tell, one may be.
    fn is_open(&self) -> bool {
        let status = volume::status(self.owned_places().borrow());
        status.is_ok_and(|status| status.opening.is_none()).not()
    }

    /// The session is over here, whether headquarters hears it now or when its time is over; another person's is not.
    async fn close_session(&self, noted: &Noted) {
        let open = self.today().await.and_then(|today| today.open);
        if open.is_some_and(|open| open.fingerprint == noted.fingerprint) {
            let client = self.client.clone();
            let _ = spawn_blocking(move || client.work_close()).await;
        }
    }

    /// Hands over what headquarters does not hold, while everything stands still, and seals what it does not get; how many files
    /// are neither there nor sealed then.
    async fn hand_over(
        &mut self,
        day: Option<Day<Carrier>>,
        person: &PersonId,
        limits: Limits,
        trigger: Trigger,
    ) -> u64 {
        let has_session = day.is_some();
        let day = match day {
            Some(day) => Ok(Some(day)),
            None => self.attach(person, None).await,
        };
        let Ok(Some(mut day)) = day.inspect_err(|failure| {
            tracing::warn!(code = failure.code, "nothing can be sealed");
        }) else {
            // Nobody can say how much there is: not nothing.
            return self.told.borrow().waiting.max(1);
        };
        let lost = if trigger.cause() == Cause::Revoked {
            // Headquarters takes nothing of this node any more, sealed or not, and nothing may hold the key up.
            return day.waiting();
        } else if has_session {
            finish_within(&mut day, limits.handover, limits.seal).await.lost
        } else {
            // The agent that began this day is gone, and the session with it: its person confirms what is sealed now later. What
            // headquarters acknowledged before is not asked of it in their name.
            if let Ok(Err(error)) = timeout(limits.handover, day.confirm()).await {
                tracing::info!(%error, "headquarters was not asked what it holds");
            }
            day.seal_rest(Instant::now() + limits.seal).await.lost
        };
        let progress = day.progress().borrow().clone();
        self.tell(|standing| standing.count(&progress));
        lost
    }

    pub(super) fn owned_places(&self) -> OwnedPlaces {
        OwnedPlaces { state: self.context.state.clone(), runtime: self.context.runtime.clone() }
    }
}

/// [`Places`] for another thread.
#[derive(Debug, Clone)]
pub(super) struct OwnedPlaces {
    state: PathBuf,
    runtime: PathBuf,
}

impl OwnedPlaces {
    pub(super) fn borrow(&self) -> Places<'_> {
        let (state, runtime): (&Path, &Path) = (&self.state, &self.runtime);
        Places { state, runtime }
    }
}

/// Lets the account go on that an agent which was killed has left standing still, where no end goes on: nobody could log in.
pub(super) fn thaw(policy: &Policy) {
    let uid = policy.person.user.as_deref().and_then(account::uid).filter(|uid| *uid != 0);
    if let Some(slice) = uid.and_then(UserSlice::of)
        && let Err(error) = slice.thaw()
    {
        tracing::warn!(%error, "letting the account's processes go");
    }
}

fn stand_still(places: &OwnedPlaces, account: Option<u32>, close: Duration) -> Option<Standstill> {
    match People::of(places.borrow(), account) {
        Ok(people) => {
            let stubborn = people.close(close);
            tracing::info!(stubborn, "programs were asked to end");
            Some(people.freeze())
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "programs were not asked to end");
            None
        }
    }
}

/// The key, then the leftovers, then the receipt.
fn wipe(places: &OwnedPlaces, policy: &Policy, key: SigningKey, cause: Cause) -> Option<Verdict> {
    let ended = volume::end_by(places.borrow(), Some(policy), cause, times::now());
    let ended = ended.inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "the volume was not ended");
    });
    let done = run::finish(&places.state, key, ended.ok()??, &times::now);
    let done = done.inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "the end has no receipt yet");
    });
    Some(done.ok()?.outcome.verdict)
}
