//! What people wish while a day is open: who may, what can be answered at once, and what takes all of the work.

use std::cell::Cell;
use std::time::{Duration, Instant};

use hanare_handover::deliver::Day;
use hanare_tunnel::control::{ControlError, Problem};
use hanare_wipe::{Granted, NoOvertime};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::Agent;
use super::day::Pause;
use super::keeping::Kept;
use super::line::Carrier;
use super::looking::{Looking, Plain};
use super::sealing::{Ended, finish_within};
use super::socket::{Answer, Asked, Standing, Wish};

/// How long headquarters is waited for when somebody wishes that all is handed over.
const HANDING_OVER: Duration = Duration::from_secs(45);
/// What it did not get is sealed in steps, each twice as long as the one before, so that what ends a day need not wait for all of it.
const SEALING: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(16),
];

/// How far a wish is.
#[derive(Debug, Default)]
struct Course {
    /// A step of sealing is under way that nobody can take back.
    is_sealing: Cell<bool>,
    /// There is to be no further one.
    is_over: Cell<bool>,
}

impl Agent<'_> {
    /// Hands over all that is left, and seals what headquarters does not get, unless something more urgent comes between.
    ///
    /// # Errors
    /// What came between.
    pub(super) async fn finish_unless(
        &mut self,
        day: &mut Day<Carrier>,
        looking: Looking<'_>,
    ) -> Result<Ended, Pause> {
        let (course, done) = (Course::default(), Notify::new());
        let mut ended = None;
        let pause = {
            let look = self.look(looking.until_done(&done));
            let finishing = async {
                ended = Some(finish_in_steps(day, &course).await);
                done.notify_one();
            };
            tokio::pin!(look, finishing);
            tokio::select! {
                pause = &mut look => {
                    course.is_over.set(true);
                    // What a step seals is not sealed a second time beside it. A thief's is not waited for.
                    if course.is_sealing.get() && pause.is_polite() {
                        finishing.await;
                    }
                    pause
                }
                () = &mut finishing => look.await,
            }
        };
        match (pause, ended) {
            (Pause::Done, Some(ended)) => Ok(ended),
            (pause, _) => Err(pause),
        }
    }

    /// Answers what can be answered at once; what needs all of the work comes back.
    pub(super) async fn wished(&self, wish: Wish, kept: Option<&mut Kept>, plain: &Plain) -> Option<Wish> {
        let account = kept.as_ref().and_then(|kept| kept.account);
        // A log-in screen opens work as root, for the account.
        let may = |uid: u32| {
            wish.peer.is_admin()
                || wish.peer.uid == uid
                || account.is_some_and(|account| wish.peer.uid == account)
        };
        let answer = match (&wish.asked, kept) {
            (Asked::Status | Asked::Salt | Asked::Keep { .. } | Asked::Unlock { .. }, _) => None,
            // Whoever else wishes it would only keep the person's day busy.
            (Asked::Finish | Asked::Restore { .. } | Asked::Deletions { .. }, kept)
            | (Asked::Close { .. }, kept @ None) => {
                let owners = match kept {
                    Some(kept) => [Some(kept.noted.uid), None],
                    None => [self.owner().map(|owner| owner.uid.as_raw()), plain.uid],
                };
                if owners.into_iter().flatten().any(may) {
                    return Some(wish);
                }
                Some(Answer::Forbidden)
            }
            (Asked::Close { .. }, Some(kept)) if may(kept.noted.uid) => return Some(wish),
            (Asked::Overtime { seconds }, Some(kept)) if may(kept.noted.uid) => {
                Some(self.overtime(kept, Duration::from_secs(*seconds)).await)
            }
            (Asked::Overtime { .. }, None) => Some(Answer::Endless),
            (Asked::Alone { .. }, _) => Some(Answer::Taken),
            (Asked::Close { .. } | Asked::Overtime { .. }, Some(_)) => Some(Answer::Forbidden),
        };
        let _ = wish.reply.send(Standing { answer, ..self.told.borrow().clone() });
        None
    }

    /// More time, once it is on a record: headquarters', or this node's own while headquarters is away.
    async fn overtime(&self, kept: &mut Kept, wanted: Duration) -> Answer {
        let (Some(day), Some(calendar)) = (kept.noted.day, &kept.policy.day) else { return Answer::Endless };
        let mut granted = Err(NoOvertime::Enough);
        let grant = number();
        for by in [Granted::Headquarters, Granted::Alone] {
            let mut day = day;
            granted = day.grant(wanted, by, calendar);
            let Ok(given) = granted else { continue };
            let (client, person) = (self.client.clone(), kept.noted.person.clone());
            let told =
                spawn_blocking(move || client.work_overtime(person, given, grant, by == Granted::Alone))
                    .await;
            // Headquarters is there and says no: nobody grants it to themselves then.
            let no = |problem: &Problem| matches!(problem, Problem::Work { .. } | Problem::NotEnrolled);
            if matches!(&told, Ok(Err(ControlError::Refused(problem))) if no(problem)) {
                return Answer::Enough;
            }
            // Without a daemon there is no record but this agent's log, and a person still has their hour.
            if matches!(told, Ok(Ok(()))) || by == Granted::Alone {
                tracing::warn!(person = %kept.noted.person, seconds = given.as_secs(), ?by, "overtime");
                kept.noted.day = Some(day);
                kept.note(&self.context.runtime);
                return Answer::Overtime { seconds: given.as_secs() };
            }
        }
        match granted {
            Err(NoOvertime::Again) => Answer::Again,
            Err(NoOvertime::Enough) | Ok(_) => Answer::Enough,
        }
    }
}

/// A number that no other wish has: with it a wish whose answer is lost counts once.
fn number() -> Option<u32> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(u32::from_ne_bytes(bytes))
}

async fn finish_in_steps(day: &mut Day<Carrier>, course: &Course) -> Ended {
    let [first, further @ ..] = SEALING;
    let mut ended = finish_within(day, HANDING_OVER, first).await;
    for step in further {
        if ended.lost == 0 || course.is_over.get() {
            break;
        }
        course.is_sealing.set(true);
        ended.lost = day.seal_rest(Instant::now() + step).await.lost;
        course.is_sealing.set(false);
    }
    ended
}
