//! One person's day, from its opening to what ends it: work is handed over meanwhile, and the clock is watched.

use std::os::unix::fs::MetadataExt as _;

use hanare_handover::deliver::{Day, Owner, Tree};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::Session;

use super::Agent;
use super::beside::Alive;
use super::coming::Coming;
use super::keeping::Kept;
use super::line::Carrier;
use super::looking::{Looking, Plain};
use super::recovery;
use super::sealing::{self, finish};
use super::socket::{Answer, Asked, Standing, Wish};
use super::trigger::Trigger;
use crate::exit::Exit;
use crate::failure::Failure;

/// Why a day's work was interrupted.
#[derive(Debug)]
pub(super) enum Pause {
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
    /// What somebody wished is done.
    Done,
}

impl Pause {
    /// Whether what is under way may be brought to its next step first.
    pub(super) const fn is_polite(&self) -> bool {
        match self {
            Self::End(trigger) => trigger.is_polite(),
            Self::Closed | Self::Stop | Self::Renewed(_) | Self::Again | Self::Wish(_) | Self::Done => true,
        }
    }
}

impl Agent<'_> {
    /// One person's day. `None` for the session: an agent before this one has begun it, and no session is known by now.
    pub(super) async fn day(
        &mut self,
        session: Option<Session>,
        mut kept: Option<Kept>,
    ) -> Result<Option<Exit>, Failure> {
        let mut token = session.as_ref().map(|session| session.token.clone());
        if let Some(kept) = &kept {
            self.gate.begin(&kept.noted.person);
        }
        let mut day = match (&session, &kept) {
            // Without a session, what is sealed meanwhile waits for its person.
            (_, Some(kept)) => self.attach_if_it_can(&kept.noted.person, token.as_ref()).await,
            (Some(session), None) => self.attach(&session.person, Some(&session.token)).await?,
            (None, None) => None,
        };
        let whose = kept.as_ref().map(|kept| kept.noted.person.clone());
        let whose = whose.or_else(|| session.as_ref().map(|session| session.person.clone()));
        let plain = session.map(Plain::from).unwrap_or_default();
        let (mut coming, mut sooner) = (Coming::default(), None);
        loop {
            if day.is_some() {
                let alone = kept.as_ref().is_some_and(Kept::is_alone);
                self.tell(|standing| {
                    (standing.active, standing.alone) = (true, alone);
                    standing.person.clone_from(&whose);
                });
            }
            let pause = match sooner.take() {
                Some(pause) => pause,
                None => self.until(&mut day, kept.as_mut(), &plain, &mut coming).await,
            };
            match pause {
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
                    let before = day.take();
                    token = Some(session.token.clone());
                    day = match &mut kept {
                        Some(kept) => {
                            self.gate.prove();
                            kept.go_on(&session, &self.context.runtime);
                            self.attach_if_it_can(&session.person, token.as_ref()).await
                        }
                        None => self.attach(&session.person, token.as_ref()).await?,
                    };
                    if let (Some(day), Some(mut before)) = (&mut day, before) {
                        day.go_on_from(&mut before);
                    }
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
                    let mut standing =
                        match self.finished(day.as_mut(), kept.as_mut(), &plain, &mut coming).await {
                            Ok(standing) => standing,
                            Err(pause) => {
                                self.unanswered.push_front(wish);
                                sooner = Some(pause);
                                continue;
                            }
                        };
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
                Pause::Done => {}
            }
        }
    }

    /// How it stands once all that is left is handed over or sealed, as far as that goes.
    ///
    /// # Errors
    /// What came between.
    async fn finished(
        &mut self,
        day: Option<&mut Day<Carrier>>,
        kept: Option<&mut Kept>,
        plain: &Plain,
        coming: &mut Coming,
    ) -> Result<Standing, Pause> {
        let mut standing = self.told.borrow().clone();
        let Some(day) = day else {
            // Nobody can say how much there is in a volume that nobody looks into: not nothing.
            standing.waiting = standing.waiting.max(u64::from(kept.is_some()));
            return Ok(standing);
        };
        let ended = self.finish_unless(day, Looking::new(day, kept, plain, coming)).await?;
        let progress = day.progress().borrow().clone();
        self.tell(|standing| standing.count(&progress));
        standing.clone_from(&self.told.borrow());
        // What was on its way is done now, one way or the other.
        standing.waiting = ended.lost;
        standing.hinder(ended.trouble);
        Ok(standing)
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
        let classes =
            crate::classes::of(self.policy.as_ref().map_or(&[], |policy| policy.classes.as_slice()));
        let tree = Tree::open(&self.work).map_err(|error| failed(&error))?.with_classes(classes);
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
        self.tell(|standing| standing.hinder(Some(format!("{}: {}", failure.code, why.cause))));
        None
    }

    /// Whose what comes back is.
    pub(super) fn owner(&self) -> Option<Owner> {
        let found = std::fs::metadata(&self.work).ok()?;
        Some(Owner {
            uid: rustix::fs::Uid::from_raw(found.uid()),
            gid: rustix::fs::Gid::from_raw(found.gid()),
        })
    }
}
