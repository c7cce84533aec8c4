//! The agent of an endpoint: keeps the work volume while a person works, hands their work over, brings it back when it is opened,
//! and ends the day.
//!
//! Without a policy it only hands over and brings back: the volume is somebody else's then.

mod alone;
mod beside;
mod coming;
mod day;
mod desktop;
mod ending;
mod gate;
mod keeping;
mod line;
mod looking;
mod machine;
mod message;
mod nobodys;
mod receipts;
mod record;
mod recovery;
mod room;
mod sealing;
mod socket;
mod terminals;
mod trigger;
mod wishes;
pub(crate) mod words;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hanare_handover::deliver::Progress;
use hanare_handover::seal::Spool;
use hanare_model::{CalendarDay, PersonId, Secret};
use hanare_tunnel::Line;
use hanare_tunnel::control::{Client, HqTime, Session, Today};
use hanare_tunnel::state::{Enrolment, Keys, NodeState, StoredLease};
use hanare_wipe::BootId;
use hanare_wipe::policy::Policy;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use self::beside::beside;
use self::ending::thaw;
use self::gate::Gate;
pub(crate) use self::gate::Salt;
use self::keeping::{Ending, Kept, Noted, Opener, settle};
pub(crate) use self::line::Carrier;
use self::machine::Machine;
pub(crate) use self::message::{Answer, Asked, Standing, Unwatched};
use self::receipts::Reporter;
use self::record::Record;
use self::sealing::Deliveries;
pub(crate) use self::sealing::FOLDER as SEALED;
use self::socket::Wish;
pub(crate) use self::socket::ask;
use crate::context::{Context, Outcome, keep_on};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::foreign;
use crate::times;

/// How often it is looked whether work was opened or closed.
const LOOK: Duration = Duration::from_secs(1);
/// After work could not be opened here.
const AGAIN: Duration = Duration::from_secs(10);
/// In the runtime directory, which a reboot empties: an agent has run here that keeps the work volume.
const KEEPS: &str = "agent.keeps";

/// How much the agent may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes that may wait sealed on the disk; as much as fits the work, if absent.
    pub(crate) reserve: Option<u64>,
    /// Bytes a second that are sent to headquarters; as many as the line takes, if absent.
    pub(crate) rate: Option<u64>,
}

/// Runs until a signal ends it.
pub(crate) fn run(context: &Context, work: &Path, policy: Option<Policy>, bounds: Bounds) -> Outcome {
    keep_on(serve(context, work, policy, bounds))?
}

async fn serve(context: &Context, work: &Path, policy: Option<Policy>, bounds: Bounds) -> Outcome {
    context.prepare_runtime();
    let impossible = |error: &std::io::Error| Failure::new(Exit::Impossible, "agent-socket").because(error);
    let listener = socket::listen(&context.runtime).map_err(|error| impossible(&error))?;
    let gate = Gate::new().map_err(|_| {
        Failure::new(Exit::Impossible, "runtime").with_phrase("cause", Phrase::new("cause-random"))
    })?;
    note_keeping(&context.runtime, policy.is_some()).map_err(|error| impossible(&error))?;
    let (wish, wishes) = mpsc::channel(8);
    let last = Record::load(&context.state);
    let (told, standing) = watch::channel(Standing { last, ..Standing::idle(policy.as_ref()) });
    let answering = tokio::spawn(socket::serve(listener, standing, gate.clone(), wish));
    let stop = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(terminate), Ok(interrupt)] = stop else {
        return Err(
            Failure::new(Exit::Impossible, "runtime").with_phrase("cause", Phrase::new("deed-signals"))
        );
    };
    let spool = sealing::spool(&context.state).map_err(|error| {
        let path = context.state.join(sealing::FOLDER);
        Failure::new(Exit::Impossible, "agent-sealed").with("path", path.display()).because(&error)
    })?;
    let mount = policy.as_ref().and_then(|policy| policy.volume.as_ref());
    let was_in = Noted::was_in(&context.runtime);
    let mut agent = Agent {
        context,
        gate,
        deliveries: Deliveries::new(Arc::clone(&spool)),
        spool,
        bounds,
        client: Client::new(&context.runtime),
        state: NodeState::new(&context.state),
        work: mount.map_or_else(|| work.to_owned(), |volume| volume.mount.path.clone()),
        machine: Machine::watch(policy.as_ref(), &told, was_in),
        is_in: was_in,
        policy,
        wishes,
        unanswered: VecDeque::new(),
        told,
        stop: [terminate, interrupt],
        stopped: false,
    };
    let reporting =
        tokio::spawn(Reporter::new(&context.state, &context.runtime, Arc::clone(&agent.spool)).run());
    let outcome = agent.run().await;
    reporting.abort();
    answering.abort();
    outcome
}

/// Leaves a mark, or takes it away: a log-in while this agent is away, or before it answers, waits for it.
fn note_keeping(runtime: &Path, keeps: bool) -> std::io::Result<()> {
    let mark = runtime.join(KEEPS);
    if keeps { std::fs::write(mark, "") } else { hanare_host::files::remove(&mark).map(drop) }
}

/// Whether an agent that keeps the work volume has run here since the machine started.
pub(crate) fn has_kept(runtime: &Path) -> bool {
    runtime.join(KEEPS).exists()
}

struct Agent<'a> {
    context: &'a Context,
    gate: Gate,
    spool: Arc<Spool>,
    deliveries: Deliveries,
    client: Client,
    state: NodeState,
    work: PathBuf,
    /// Bytes that sealed items may take, if somebody has said so.
    bounds: Bounds,
    policy: Option<Policy>,
    wishes: mpsc::Receiver<Wish>,
    /// Wishes that something more urgent came between.
    unanswered: VecDeque<Wish>,
    told: watch::Sender<Standing>,
    stop: [Signal; 2],
    /// One of them came.
    stopped: bool,
    machine: Machine,
    /// Whether the account that people work as is logged in.
    is_in: bool,
}

impl Agent<'_> {
    async fn run(&mut self) -> Outcome {
        if let Some(policy) = self.policy.clone() {
            beside(self.context, settle).await?;
            notify_ready();
            // One that was killed is followed by another: the day goes on, or its end.
            if !self.go_on_ending(&policy).await? {
                thaw(&policy);
                if let Some(kept) = Kept::take_over(self.context, &policy)?
                    && let Some(exit) = Box::pin(self.day(None, Some(kept))).await?
                {
                    return Ok(exit);
                }
            }
        }
        loop {
            let mut pause = LOOK;
            self.answer_late();
            let policy = self.policy.clone();
            if let Some(policy) = policy
                && self.go_on_ending(&policy).await?
            {
                pause = AGAIN;
            } else if let Some(session) = self.today().await.and_then(|today| today.open) {
                let begun = match self.begin(&session).await {
                    Ok(kept) => Box::pin(self.day(Some(session), kept)).await,
                    Err(failure) => Err(failure),
                };
                match begun {
                    Ok(None) => {}
                    Ok(Some(exit)) => return Ok(exit),
                    Err(failure) if self.policy.is_none() => return Err(failure),
                    Err(failure) => {
                        let why = failure.tell(self.context.out.voice());
                        tracing::error!(code = failure.code, cause = why.cause, "work cannot be opened here");
                        self.tell(|standing| {
                            standing.hinder(Some(format!("{}: {}", failure.code, why.cause)));
                        });
                        pause = AGAIN;
                    }
                }
            }
            let sealed = self.spool.count();
            self.tell(|standing| standing.sealed = sealed);
            self.answer_late();
            let carrier = if self.deliveries.is_due() { self.line(None)? } else { None };
            let (deliveries, client) = (&mut self.deliveries, self.client.clone());
            let idle = async {
                if let Some(carrier) = carrier {
                    // Much may wait; whoever comes to work does not.
                    tokio::select! {
                        () = deliveries.deliver(&carrier) => {}
                        () = async {
                            sleep(pause).await;
                            opening(&client).await;
                        } => return,
                    }
                }
                sleep(pause).await;
            };
            let [terminate, interrupt] = &mut self.stop;
            tokio::select! {
                () = idle => notify_alive(),
                // Nobody works: nothing keeps the machine, and nothing is to be ended.
                happened = self.machine.next() => self.is_in = happened.is_in().unwrap_or(self.is_in),
                _ = terminate.recv() => return Ok(Exit::Good),
                _ = interrupt.recv() => return Ok(Exit::Good),
                Some(wish) = self.wishes.recv() => {
                    if let Some(kept) = self.idle_wish(wish).await
                        && let Some(exit) = Box::pin(self.day(None, Some(kept))).await?
                    {
                        return Ok(exit);
                    }
                }
            }
        }
    }

    /// Answers wishes that a day's end came before: how it ended is what there is to say. Never carried into another day.
    fn answer_late(&mut self) {
        for wish in self.unanswered.drain(..) {
            let mut standing = self.told.borrow().clone();
            if matches!(wish.asked, Asked::Close { .. }) {
                let end = standing.last.as_ref().and_then(|last| last.end);
                standing.answer = end.map(|end| Answer::Ended { verdict: end.verdict });
            }
            let _ = wish.reply.send(standing);
        }
    }

    /// Goes on with an end that was interrupted, or that failed; whether there was one.
    async fn go_on_ending(&mut self, policy: &Policy) -> Result<bool, Failure> {
        if !Noted::is_ending(&self.context.runtime) {
            return Ok(false);
        }
        let Some(kept) = Kept::take_over(self.context, policy)? else { return Ok(false) };
        let Some(Ending { trigger, .. }) = kept.noted.ending else { return Ok(false) };
        Box::pin(self.end(kept, None, trigger)).await;
        Ok(true)
    }

    /// A line to headquarters, for a session or for the node alone; `None` for who has not joined.
    fn line(&self, session: Option<Secret>) -> Result<Option<Carrier>, Failure> {
        let Some((keys, enrolment, lease)) = self.joined()? else { return Ok(None) };
        let line = Line::new(&keys, &enrolment, &lease.lease, session)
            .map_err(|error| Failure::new(Exit::Impossible, "agent-hq").because(&error))?;
        Ok(Some(Carrier(line.at_most(self.bounds.rate))))
    }

    fn joined(&self) -> Result<Option<(Keys, Enrolment, StoredLease)>, Failure> {
        let keys = self.state.keys().map_err(foreign::state_error)?;
        let enrolment = self.state.enrolment().map_err(foreign::state_error)?;
        let lease = self.state.lease().map_err(foreign::state_error)?;
        Ok(keys.zip(enrolment).zip(lease).map(|((keys, enrolment), lease)| (keys, enrolment, lease)))
    }

    /// Days on which nobody works, as headquarters told them last.
    fn holidays(&self) -> BTreeSet<CalendarDay> {
        let stored = self.state.lease().unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "headquarters' holidays are not known");
            None
        });
        stored.map(|stored| stored.lease.holidays).unwrap_or_default()
    }

    /// Opens the volume for a person, where it is this agent's to open.
    async fn begin(&self, session: &Session) -> Result<Option<Kept>, Failure> {
        let fingerprint = Some(session.fingerprint.clone());
        let who = Opener { person: session.person.clone(), uid: session.uid, fingerprint };
        match self.policy.clone() {
            None => Ok(None),
            Some(policy) => self.open(policy, who).await.map(Some),
        }
    }

    /// The same for whoever says who they are.
    async fn open(&self, policy: Policy, who: Opener) -> Result<Kept, Failure> {
        beside(self.context, move |context| {
            settle(context)?;
            Kept::open(context, &policy, &who)
        })
        .await
    }

    /// The working day as the daemon sees it; `None` while there is no daemon.
    async fn today(&self) -> Option<Today> {
        today(&self.client).await
    }

    fn tell(&self, change: impl FnOnce(&mut Standing)) {
        self.told.send_modify(change);
    }

    /// How the day stands, for the disk.
    fn record(&self, person: &PersonId) -> Record {
        let standing = self.told.borrow();
        let before = Record::load(&self.context.state)
            .filter(|record| record.end.is_none() && record.person == *person && !record.was_cut_off());
        let now = times::now();
        let since = before.and_then(|record| record.waiting_since).or(Some(now));
        Record {
            person: person.clone(),
            boot_id: BootId::current().unwrap_or(BootId::from_bytes([0; 16])),
            at: now,
            held: standing.files,
            versions: standing.versions,
            waiting: standing.exposed,
            waiting_since: since.filter(|_| standing.exposed > 0),
            sealed: self.spool.count(),
            end: None,
        }
    }
}

async fn today(client: &Client) -> Option<Today> {
    let client = client.clone();
    tokio::task::spawn_blocking(move || client.work_today()).await.ok()?.ok()
}

/// Waits until somebody's work is open; tells the watchdog meanwhile.
async fn opening(client: &Client) {
    while today(client).await.and_then(|today| today.open).is_none() {
        sleep(LOOK).await;
        notify_alive();
    }
}

/// The unit's start is over: whoever must not log in before may log in.
fn notify_ready() {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// Tells the unit's watchdog that this agent lives.
fn notify_alive() {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
}

impl Standing {
    fn count(&mut self, progress: &Progress) {
        self.active = true;
        self.files = progress.held;
        self.versions = progress.delivered;
        self.sent_bytes = progress.sent_bytes;
        self.waiting = progress.waiting;
        self.exposed = progress.exposed;
        self.deletions_held = progress.deletions_held;
        self.conflicts = progress.conflicts;
        self.full = progress.full;
        self.sealed = progress.sealed;
        self.reserve = progress.reserve;
        self.restored = progress.restored;
        self.awaits_settings = progress.awaits_settings;
        self.trouble.clone_from(&progress.trouble);
        self.trouble_code = progress.trouble_code.map(str::to_owned);
        if progress.blind {
            self.unwatched.insert(Unwatched::Changes);
        } else {
            self.unwatched.remove(&Unwatched::Changes);
        }
    }
}

/// The boot clock, in seconds.
fn boot_clock() -> u64 {
    HqTime::boot_seconds()
}
