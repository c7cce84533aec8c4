//! What interrupts a person's day: the daemon's word, the machine's, the calendar, and what people wish. It is looked for while work
//! is handed over, also while that is done because somebody wishes it.

use std::time::{Duration, Instant};

use hanare_handover::deliver::{Day, Progress};
use hanare_tunnel::control::Session;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::coming::{Coming, Said, said};
use super::day::Pause;
use super::keeping::Kept;
use super::line::Carrier;
use super::machine::Happened;
use super::record::Record;
use super::socket::Wish;
use super::{AGAIN, Agent, LOOK, boot_clock, desktop, machine, notify_alive, terminals};
use crate::durations;

/// How soon the day is written down after anything has changed, and how late if nothing has: after a power cut the sentence for
/// people tells the last minute apart.
const NOTE: Duration = Duration::from_secs(5);
const BEAT: Duration = Duration::from_mins(1);
/// Wishes that wait while one is granted.
const QUEUE: usize = 8;

/// A session whose volume is somebody else's.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) fingerprint: String,
    /// The user who opened it.
    pub(super) uid: Option<u32>,
}

impl From<Session> for Plain {
    fn from(session: Session) -> Self {
        Self { fingerprint: session.fingerprint, uid: Some(session.uid) }
    }
}

/// What was told or asked.
enum Event {
    Nothing,
    Happened(Happened),
    Wished(Wish),
    /// What somebody wished is done.
    Done,
}

/// What is looked at.
pub(super) struct Looking<'a> {
    progress: Option<watch::Receiver<Progress>>,
    kept: Option<&'a mut Kept>,
    plain: &'a Plain,
    coming: &'a mut Coming,
    /// Rung when what somebody wished is done: until then no other wish interrupts.
    done: Option<&'a Notify>,
}

impl<'a> Looking<'a> {
    pub(super) fn new(
        day: &Day<Carrier>,
        kept: Option<&'a mut Kept>,
        plain: &'a Plain,
        coming: &'a mut Coming,
    ) -> Self {
        Self { progress: Some(day.progress()), kept, plain, coming, done: None }
    }

    /// The same until what somebody wished is done.
    pub(super) fn until_done<'b>(self, done: &'b Notify) -> Looking<'b>
    where
        'a: 'b,
    {
        Looking { done: Some(done), ..self }
    }
}

impl Agent<'_> {
    /// Lets the day work until something interrupts it.
    pub(super) async fn until(
        &mut self,
        day: &mut Option<Day<Carrier>>,
        kept: Option<&mut Kept>,
        plain: &Plain,
        coming: &mut Coming,
    ) -> Pause {
        let progress = day.as_ref().map(Day::progress);
        let mut pause = Pause::Closed;
        let look = self.look(Looking { progress, kept, plain, coming, done: None });
        match day {
            Some(day) => day.work(async { pause = look.await }).await,
            None => pause = look.await,
        }
        pause
    }

    pub(super) async fn look(&mut self, looking: Looking<'_>) -> Pause {
        let Looking { progress, mut kept, plain, coming, done } = looking;
        let begun = Instant::now();
        let mut noted: Option<(Instant, Record)> = None;
        // While one wish is granted, others that need all of the work wait for it; what can be answered at once is.
        let (is_busy, mut is_done) = (done.is_some(), false);
        loop {
            notify_alive();
            let (mut happened, mut wished) = (None, None);
            match self.next_event(done).await {
                Event::Nothing => {}
                Event::Done => is_done = true,
                Event::Happened(what) => happened = Some(what),
                Event::Wished(wish) => wished = Some(wish),
            }
            self.stopped |= matches!(happened, Some(Happened::Stop));
            self.is_in = happened.as_ref().and_then(Happened::is_in).unwrap_or(self.is_in);
            if let Some(wish) = wished {
                let rest = self.wished(wish, kept.as_deref_mut(), plain).await;
                self.unanswered.extend(rest);
            }
            if let Some(progress) = &progress {
                let progress = progress.borrow().clone();
                self.tell(|standing| standing.count(&progress));
            }
            let today = self.today().await;
            let Some(kept) = kept.as_deref_mut() else {
                let open = today.and_then(|today| today.open);
                if let Some(wish) = self.unanswered.pop_front_if(|_| !is_busy) {
                    return Pause::Wish(wish);
                }
                match open {
                    _ if self.stopped => return Pause::Stop,
                    _ if is_done => return Pause::Done,
                    Some(open) if open.fingerprint == plain.fingerprint => continue,
                    // What was wished is brought to its end, whatever became of the session: nobody else waits.
                    Some(_) | None if is_busy => continue,
                    Some(_) | None => return Pause::Closed,
                }
            };
            kept.log(self.is_in, &self.context.runtime);
            let mut renewed = None;
            let said = match today.map(|today| said(today, kept, self.gate.is_doubtful(Instant::now()))) {
                Some(Said::Renewed(session)) => {
                    renewed = Some(session);
                    None
                }
                Some(Said::Nothing(time)) => {
                    kept.date(time, || self.holidays(), &self.context.runtime);
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
            self.note_down(kept, &mut noted);
            if progress.is_none() && begun.elapsed() >= AGAIN {
                return Pause::Again;
            }
            // After all that ends a day: whoever goes on wishing keeps nobody from it.
            if is_done {
                return Pause::Done;
            }
            if let Some(wish) = self.unanswered.pop_front_if(|_| !is_busy) {
                return Pause::Wish(wish);
            }
        }
    }

    /// Waits for the next thing that somebody tells or asks, and not long.
    async fn next_event(&mut self, done: Option<&Notify>) -> Event {
        let is_busy = done.is_some();
        let waits = !is_busy && !self.unanswered.is_empty();
        // One at a time: what one waits for is not lost to the next.
        let most = if is_busy { QUEUE } else { 1 };
        let [terminate, interrupt] = &mut self.stop;
        tokio::select! {
            // One that something more urgent came between has waited long enough.
            () = sleep(LOOK), if !waits => Event::Nothing,
            () = std::future::ready(()), if waits => Event::Nothing,
            () = rung(done) => Event::Done,
            happened = self.machine.next() => Event::Happened(happened),
            _ = terminate.recv() => Event::Happened(Happened::Stop),
            _ = interrupt.recv() => Event::Happened(Happened::Stop),
            Some(wish) = self.wishes.recv(), if self.unanswered.len() < most => Event::Wished(wish),
        }
    }

    /// Writes the day down, when it is time to.
    fn note_down(&self, kept: &Kept, noted: &mut Option<(Instant, Record)>) {
        if noted.as_ref().is_some_and(|(at, _)| at.elapsed() < NOTE) {
            return;
        }
        let record = self.record(&kept.noted.person);
        let is_old = noted.as_ref().is_none_or(|(at, before)| {
            let same = Record { at: before.at, ..record.clone() } == *before;
            !same || at.elapsed() >= BEAT
        });
        if is_old {
            record.save(&self.context.state);
            *noted = Some((Instant::now(), record));
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
}

/// When what was wished is done; never, if nothing was.
async fn rung(done: Option<&Notify>) {
    match done {
        Some(done) => done.notified().await,
        None => std::future::pending().await,
    }
}
