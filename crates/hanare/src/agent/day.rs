//! One person's day, from its opening to what ends it: work is handed over meanwhile, and the clock is watched.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use hanare_handover::deliver::{Day, Owner, Tree};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::{ControlError, Problem, Session};
use hanare_wipe::{Granted, NoOvertime};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::coming::{Coming, Said, said};
use super::ending::Alive;
use super::keeping::Kept;
use super::line::Carrier;
use super::machine::Happened;
use super::record::Record;
use super::recovery;
use super::sealing::{self, Ended, finish};
use super::socket::{Answer, Asked, Standing, Wish};
use super::trigger::Trigger;
use super::{AGAIN, Agent, LOOK, boot_clock, desktop, machine, notify_alive, terminals};
use crate::durations;
use crate::exit::Exit;
use crate::failure::Failure;

/// How soon the day is written down after anything has changed, and how late if nothing has: after a power cut the sentence for
/// people tells the last minute apart.
const NOTE: Duration = Duration::from_secs(5);
const BEAT: Duration = Duration::from_mins(1);

/// Why a day's work was interrupted.
enum Pause {
    /// It has ended.
    End(Trigger),
    /// Nobody's work is open any more; only where somebody else keeps the volume.
    Closed,
    /// The agent is to stop, and the day goes on without it.
    Stop,
    /// The person has opened it again, and goes on by another session.
    Renewed(Session),
    /// Nothing is handed over or sealed, for whatever reason: it is tried again.
    Again,
    /// Somebody wishes something that needs all of the work.
    Wish(Wish),
}

impl Agent<'_> {
    /// One person's day. `None` for the session: an agent before this one has begun it, and no session is known by now.
    pub(super) async fn day(
        &mut self,
        session: Option<Session>,
        mut kept: Option<Kept>,
    ) -> Result<Option<Exit>, Failure> {
        let mut token = session.as_ref().map(|session| session.token.clone());
        let mut day = match (&session, &kept) {
            // Without a session, what is sealed meanwhile waits for its person.
            (_, Some(kept)) => self.attach_if_it_can(&kept.noted.person, token.as_ref()).await,
            (Some(session), None) => self.attach(&session.person, Some(&session.token)).await?,
            (None, None) => None,
        };
        let plain = session.map(|session| session.fingerprint).unwrap_or_default();
        let mut coming = Coming::default();
        loop {
            if day.is_some() {
                self.tell(|standing| standing.active = true);
            }
            match self.until(&mut day, kept.as_mut(), &plain, &mut coming).await {
                Pause::Closed => {
                    self.tell(|standing| *standing = Standing::default());
                    return Ok(None);
                }
                Pause::Stop => {
                    let _alive = Alive::begin();
                    if let Some(day) = &mut day {
                        finish(day).await;
                    }
                    return Ok(Some(Exit::Good));
                }
                Pause::Renewed(session) => {
                    drop(day.take());
                    token = Some(session.token.clone());
                    day = match &mut kept {
                        Some(kept) => {
                            kept.go_on(&session, &self.context.runtime);
                            self.attach_if_it_can(&session.person, token.as_ref()).await
                        }
                        None => self.attach(&session.person, token.as_ref()).await?,
                    };
                }
                Pause::Again => {
                    if let Some(kept) = &kept {
                        day = self.attach_if_it_can(&kept.noted.person, token.as_ref()).await;
                    }
                }
                Pause::End(trigger) => {
                    if let Some(kept) = kept {
                        self.end(kept, day, trigger).await;
                    }
                    // Whoever stops this agent together with the machine waits for it.
                    return Ok(self.stopped.then_some(Exit::Good));
                }
                Pause::Wish(wish) if recovery::is_one(&wish.asked) => {
                    recovery::begin(day.as_mut(), wish, &self.told);
                }
                Pause::Wish(wish) => {
                    let alive = Alive::begin();
                    let ended = if let Some(day) = &mut day {
                        finish(day).await
                    } else {
                        // Nobody can say how much there is in a volume that nobody looks into: not nothing.
                        let told = self.told.borrow();
                        let lost = told.waiting.max(u64::from(kept.is_some()));
                        Ended { lost, trouble: told.trouble.clone() }
                    };
                    if let Some(day) = &day {
                        let progress = day.progress().borrow().clone();
                        self.tell(|standing| standing.count(&progress));
                    }
                    let mut standing = self.told.borrow().clone();
                    // What was on its way is done now, one way or the other.
                    (standing.waiting, standing.trouble) = (ended.lost, ended.trouble);
                    drop(alive);
                    let abandon = matches!(wish.asked, Asked::Close { abandon: true });
                    let is_left = standing.waiting > 0;
                    match (wish.asked, kept.take()) {
                        (Asked::Close { .. }, Some(open)) if abandon || !is_left => {
                            let verdict = self.end(open, day, Trigger::Closed).await;
                            standing.answer = Some(Answer::Ended { verdict });
                            let _ = wish.reply.send(standing);
                            return Ok(None);
                        }
                        (asked, open) => {
                            kept = open;
                            if matches!(asked, Asked::Close { .. }) {
                                standing.answer = Some(Answer::Left);
                            }
                            let _ = wish.reply.send(standing);
                        }
                    }
                }
            }
        }
    }

    /// Begins to hand over a person's work by their session; without one it can be sealed only. `None` on a machine that is not
    /// enrolled any more.
    pub(super) async fn attach(
        &self,
        person: &PersonId,
        session: Option<&Secret>,
    ) -> Result<Option<Day<Carrier>>, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| {
            let failure = Failure::new(Exit::Impossible, "agent-work").with("path", self.work.display());
            failure.because(error)
        };
        let Some((keys, _, lease)) = self.joined()? else { return Ok(None) };
        let Some(carrier) = self.line(session.cloned())? else { return Ok(None) };
        // An agent before this one may have stopped all writing, and this one writes as well.
        if self.policy.is_some() {
            self.let_write().await;
        }
        let tree = Tree::open(&self.work).map_err(|error| failed(&error))?;
        sealing::measure(&self.spool, &self.work, self.bounds.reserve).map_err(|error| failed(&error))?;
        let sealer = |tree: &Tree| sealing::sealer(tree, &self.spool, (&keys, &lease.lease), person, session);
        let mut day = Day::begin_sealing(tree, carrier, sealer).map_err(|error| failed(&error))?;
        if session.is_some() {
            day.bring_back(self.owner());
            tracing::info!(%person, "a day's work begins");
        }
        Ok(Some(day))
    }

    /// The same where a volume is open that has to end, whatever its person has done to the folder.
    async fn attach_if_it_can(&self, person: &PersonId, session: Option<&Secret>) -> Option<Day<Carrier>> {
        let failure = match self.attach(person, session).await {
            Ok(day) => return day,
            Err(failure) => failure,
        };
        let why = failure.tell(self.context.out.voice());
        tracing::error!(code = failure.code, cause = why.cause, "work is not handed over");
        self.tell(|standing| standing.trouble = Some(format!("{}: {}", failure.code, why.cause)));
        None
    }

    /// Whose what comes back is.
    fn owner(&self) -> Option<Owner> {
        let found = std::fs::metadata(&self.work).ok()?;
        Some(Owner {
            uid: rustix::fs::Uid::from_raw(found.uid()),
            gid: rustix::fs::Gid::from_raw(found.gid()),
        })
    }

    /// Lets the day work until something interrupts it.
    async fn until(
        &mut self,
        day: &mut Option<Day<Carrier>>,
        kept: Option<&mut Kept>,
        plain: &str,
        coming: &mut Coming,
    ) -> Pause {
        let progress = day.as_ref().map(Day::progress);
        let mut pause = Pause::Closed;
        let look = self.look(progress, kept, plain, coming);
        match day {
            Some(day) => day.work(async { pause = look.await }).await,
            None => pause = look.await,
        }
        pause
    }

    async fn look(
        &mut self,
        progress: Option<tokio::sync::watch::Receiver<hanare_handover::deliver::Progress>>,
        mut kept: Option<&mut Kept>,
        plain: &str,
        coming: &mut Coming,
    ) -> Pause {
        let begun = Instant::now();
        let mut noted: Option<(Instant, Record)> = None;
        loop {
            notify_alive();
            let mut wished = None;
            let happened = {
                let [terminate, interrupt] = &mut self.stop;
                tokio::select! {
                    // One that something more urgent came between has waited long enough.
                    () = sleep(LOOK), if self.unanswered.is_none() => None,
                    () = std::future::ready(()), if self.unanswered.is_some() => None,
                    happened = self.machine.next() => Some(happened),
                    _ = terminate.recv() => Some(Happened::Stop),
                    _ = interrupt.recv() => Some(Happened::Stop),
                    // One at a time: what one waits for is not lost to the next.
                    Some(wish) = self.wishes.recv(), if self.unanswered.is_none() => {
                        wished = Some(wish);
                        None
                    }
                }
            };
            self.stopped |= matches!(happened, Some(Happened::Stop));
            if let Some(wish) = wished {
                self.unanswered = self.wished(wish, kept.as_deref_mut()).await;
            }
            if let Some(progress) = &progress {
                let progress = progress.borrow().clone();
                self.tell(|standing| standing.count(&progress));
            }
            let today = self.today().await;
            let Some(kept) = kept.as_deref_mut() else {
                let open = today.and_then(|today| today.open);
                if let Some(wish) = self.unanswered.take() {
                    return Pause::Wish(wish);
                }
                match open {
                    _ if self.stopped => return Pause::Stop,
                    Some(open) if open.fingerprint == plain => continue,
                    Some(_) | None => return Pause::Closed,
                }
            };
            let mut renewed = None;
            let said = match today.map(|today| said(today, kept)) {
                Some(Said::Renewed(session)) => {
                    renewed = Some(session);
                    None
                }
                Some(Said::Nothing(time)) => {
                    kept.date(time, &self.context.runtime);
                    None
                }
                Some(Said::End(trigger)) => Some(trigger),
                None => None,
            };
            if self.stopped && !machine::is_going_down().await {
                return Pause::Stop;
            }
            let now = boot_clock();
            let trigger = said.or_else(|| happened.as_ref().and_then(Happened::trigger));
            coming.hear(trigger, happened.as_ref(), kept, now);
            if let Some(happened @ Happened::GoingDown(_)) = happened {
                // The machine waits until this is dropped, with the end of the day.
                coming.held = Some(happened);
            }
            if let Some(trigger) = coming.due(now) {
                return Pause::End(trigger);
            }
            if let Some(session) = renewed {
                return Pause::Renewed(session);
            }
            let alone = kept.is_alone();
            self.tell(|standing| standing.alone = alone);
            self.count_down(coming, kept, now);
            self.mind_room(kept).await;
            let record = self.record(&kept.noted.person);
            let is_old = noted.as_ref().is_none_or(|(at, before)| {
                let same = Record { at: before.at, ..record.clone() } == *before;
                at.elapsed() >= if same { BEAT } else { NOTE }
            });
            if is_old {
                record.save(&self.context.state);
                noted = Some((Instant::now(), record));
            }
            if progress.is_none() && begun.elapsed() >= AGAIN {
                return Pause::Again;
            }
            // After all that ends a day: whoever goes on wishing keeps nobody from it.
            if let Some(wish) = self.unanswered.take() {
                return Pause::Wish(wish);
            }
        }
    }

    /// Says how long the day has still.
    fn count_down(&self, coming: &mut Coming, kept: &Kept, now: u64) {
        let left = coming.at(kept).map(|at| at.saturating_sub(now));
        let ending = coming.trigger.map(|(trigger, _)| trigger.cause());
        self.tell(|standing| (standing.ends_in_seconds, standing.ending) = (left, ending));
        if let (Some(cause), Some(left)) = (ending, left)
            && coming.is_to_be_said(left)
        {
            let voice = self.context.out.voice();
            let why = voice.say(crate::commands::wipe::cause(cause));
            let time = durations::tell(left, voice);
            tracing::info!(seconds = left, ?cause, "the day is about to end");
            self.say(&voice.say_with("day-ends-soon", &[("left", &time), ("why", &why)]), kept);
        }
    }

    /// Says something to who works here.
    pub(super) fn say(&self, line: &str, kept: &Kept) {
        let uid = kept.account.unwrap_or(kept.noted.uid);
        terminals::say(line, uid);
        desktop::show(self.context.out.voice().say("desktop-title"), line.to_owned(), uid);
    }

    /// Answers what can be answered at once; what needs all of the work comes back.
    async fn wished(&self, wish: Wish, kept: Option<&mut Kept>) -> Option<Wish> {
        let account = kept.as_ref().and_then(|kept| kept.account);
        // A log-in screen opens work as root, for the account.
        let may = |uid: u32| {
            wish.peer.is_admin()
                || wish.peer.uid == uid
                || account.is_some_and(|account| wish.peer.uid == account)
        };
        let answer = match (&wish.asked, kept) {
            (Asked::Status, _) => None,
            (Asked::Finish, _) | (Asked::Close { .. }, None) => return Some(wish),
            (Asked::Restore { .. } | Asked::Deletions { .. }, kept) => {
                let owner = match kept {
                    Some(kept) => Some(kept.noted.uid),
                    None => self.owner().map(|owner| owner.uid.as_raw()),
                };
                if owner.is_some_and(may) {
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
        for by in [Granted::Headquarters, Granted::Alone] {
            let mut day = day;
            granted = day.grant(wanted, by, calendar);
            let Ok(given) = granted else { continue };
            let client = self.client.clone();
            let told = spawn_blocking(move || client.work_overtime(given, by == Granted::Alone)).await;
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
