//! The agent of an endpoint: hands a person's work over while it is open, and brings it back when it is opened.

mod line;
mod sealing;
mod socket;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hanare_handover::deliver::{Day, Owner, Progress, Tree};
use hanare_handover::seal::Spool;
use hanare_model::{PersonId, Secret};
use hanare_tunnel::Line;
use hanare_tunnel::control::Client;
use hanare_tunnel::state::{Enrolment, Keys, NodeState, StoredLease};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

pub(crate) use self::line::Carrier;
pub(crate) use self::sealing::FOLDER as SEALED;
use self::sealing::{Deliveries, Ended, finish};
use self::socket::Wish;
pub(crate) use self::socket::{Asked, Standing, ask};
use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

/// How often it is looked whether work was opened or closed.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
pub(crate) fn run(context: &Context, work: &Path, reserve: Option<u64>) -> Outcome {
    block_on(serve(context, work, reserve))?
}

async fn serve(context: &Context, work: &Path, reserve: Option<u64>) -> Outcome {
    context.prepare_runtime();
    let impossible = |error: &std::io::Error| Failure::new(Exit::Impossible, "agent-socket").because(error);
    let listener = socket::listen(&context.runtime).map_err(|error| impossible(&error))?;
    let (wish, wishes) = mpsc::channel(8);
    let (told, standing) = watch::channel(Standing::default());
    let answering = tokio::spawn(socket::serve(listener, standing, wish));
    let stop = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(terminate), Ok(interrupt)] = stop else {
        return Err(Failure::new(Exit::Impossible, "runtime").with("cause", "signals"));
    };
    let spool = sealing::spool(&context.state).map_err(|error| {
        let path = context.state.join(sealing::FOLDER);
        Failure::new(Exit::Impossible, "agent-sealed").with("path", path.display()).because(&error)
    })?;
    let mut agent = Agent {
        deliveries: Deliveries::new(Arc::clone(&spool)),
        spool,
        client: Client::new(&context.runtime),
        state: NodeState::new(&context.state),
        work: work.to_owned(),
        reserve,
        wishes,
        told,
        stop: [terminate, interrupt],
    };
    let outcome = agent.run().await;
    answering.abort();
    outcome
}

struct Agent {
    spool: Arc<Spool>,
    deliveries: Deliveries,
    client: Client,
    state: NodeState,
    work: PathBuf,
    /// Bytes that sealed items may take, if somebody has said so.
    reserve: Option<u64>,
    wishes: mpsc::Receiver<Wish>,
    told: watch::Sender<Standing>,
    stop: [Signal; 2],
}

/// Why a day's work stopped.
enum End {
    /// Nobody's work is open any more, or another person's is.
    Closed,
    /// The agent is to end.
    Stop,
    /// Somebody wants all of it handed over.
    Finish(Wish),
}

impl Agent {
    async fn run(&mut self) -> Outcome {
        loop {
            if let Some((person, session)) = self.session().await
                && let Some(exit) = self.day(&person, session).await?
            {
                return Ok(exit);
            }
            let nobody = Standing { sealed: self.spool.count(), ..Standing::default() };
            self.told.send_replace(nobody.clone());
            let carrier = if self.deliveries.is_due() { self.line(None)? } else { None };
            let [terminate, interrupt] = &mut self.stop;
            let (deliveries, client) = (&mut self.deliveries, self.client.clone());
            let pause = async {
                if let Some(carrier) = carrier {
                    // Much may wait; whoever comes to work does not.
                    tokio::select! {
                        () = deliveries.deliver(&carrier) => {}
                        () = opening(&client) => return,
                    }
                }
                sleep(LOOK).await;
            };
            tokio::select! {
                () = pause => {}
                _ = terminate.recv() => return Ok(Exit::Good),
                _ = interrupt.recv() => return Ok(Exit::Good),
                Some(wish) = self.wishes.recv() => {
                    let _ = wish.send(nobody);
                }
            }
        }
    }

    /// The open session, if there is one and a daemon that knows it.
    async fn session(&self) -> Option<(PersonId, Secret)> {
        session(&self.client).await
    }

    /// A line to headquarters, for a session or for the node alone; `None` for who has not joined.
    fn line(&self, session: Option<Secret>) -> Result<Option<Carrier>, Failure> {
        let Some((keys, enrolment, lease)) = self.joined()? else { return Ok(None) };
        let line = Line::new(&keys, &enrolment, &lease.lease, session)
            .map_err(|error| Failure::new(Exit::Impossible, "agent-hq").because(&error))?;
        Ok(Some(Carrier(line)))
    }

    fn joined(&self) -> Result<Option<(Keys, Enrolment, StoredLease)>, Failure> {
        let keys = self.state.keys().map_err(foreign::state_error)?;
        let enrolment = self.state.enrolment().map_err(foreign::state_error)?;
        let lease = self.state.lease().map_err(foreign::state_error)?;
        Ok(keys.zip(enrolment).zip(lease).map(|((keys, enrolment), lease)| (keys, enrolment, lease)))
    }

    /// One person's work, from its opening to its end.
    async fn day(&mut self, person: &PersonId, session: Secret) -> Result<Option<Exit>, Failure> {
        let failed = |error: &std::io::Error| {
            Failure::new(Exit::Impossible, "agent-work").with("path", self.work.display()).because(error)
        };
        let Some((keys, _, lease)) = self.joined()? else { return Ok(None) };
        let Some(carrier) = self.line(Some(session.clone()))? else { return Ok(None) };
        let tree = Tree::open(&self.work).map_err(|error| failed(&error))?;
        let found = std::fs::metadata(&self.work).map_err(|error| failed(&error))?;
        let owner = Owner {
            uid: rustix::fs::Uid::from_raw(found.uid()),
            gid: rustix::fs::Gid::from_raw(found.gid()),
        };
        sealing::measure(&self.spool, &self.work, self.reserve).map_err(|error| failed(&error))?;
        let sealer =
            |tree: &Tree| sealing::sealer(tree, &self.spool, (&keys, &lease.lease), person, Some(&session));
        let mut day = Day::begin_sealing(tree, carrier, sealer).map_err(|error| {
            Failure::new(Exit::Impossible, "agent-work").with("path", self.work.display()).because(&error)
        })?;
        tracing::info!(%person, "a day's work begins");
        day.bring_back(Some(owner));
        loop {
            match self.until(&mut day, &session).await {
                End::Closed => {
                    tracing::info!(%person, "a day's work has ended");
                    self.told.send_replace(Standing::default());
                    return Ok(None);
                }
                End::Stop => {
                    finish(&mut day).await;
                    return Ok(Some(Exit::Good));
                }
                End::Finish(wish) => {
                    let Ended { lost, trouble } = finish(&mut day).await;
                    let standing = standing(&day.progress().borrow());
                    // What was on its way is done now, one way or the other.
                    let standing = Standing { waiting: lost, trouble, ..standing };
                    let _ = wish.send(standing);
                }
            }
        }
    }

    /// Lets the day work until something ends it.
    async fn until(&mut self, day: &mut Day<Carrier>, session: &Secret) -> End {
        let progress = day.progress();
        let Self { client, wishes, told, stop: [terminate, interrupt], .. } = self;
        let mut end = End::Closed;
        let watch = async {
            loop {
                tokio::select! {
                    () = sleep(LOOK) => {
                        told.send_replace(standing(&progress.borrow()));
                        let client = client.clone();
                        let open = tokio::task::spawn_blocking(move || client.work_session()).await;
                        if !matches!(open, Ok(Ok((_, open))) if open == *session) {
                            return End::Closed;
                        }
                    }
                    _ = terminate.recv() => return End::Stop,
                    _ = interrupt.recv() => return End::Stop,
                    Some(wish) = wishes.recv() => return End::Finish(wish),
                }
            }
        };
        day.work(async { end = watch.await }).await;
        end
    }
}

async fn session(client: &Client) -> Option<(PersonId, Secret)> {
    let client = client.clone();
    tokio::task::spawn_blocking(move || client.work_session()).await.ok()?.ok()
}

/// Waits until somebody's work is open.
async fn opening(client: &Client) {
    while session(client).await.is_none() {
        sleep(LOOK).await;
    }
}

fn standing(progress: &Progress) -> Standing {
    Standing {
        active: true,
        files: progress.held,
        versions: progress.delivered,
        sent_bytes: progress.sent_bytes,
        restored: progress.restored,
        waiting: progress.waiting,
        deletions_held: progress.deletions_held,
        conflicts: progress.conflicts,
        full: progress.full,
        sealed: progress.sealed,
        reserve: progress.reserve,
        trouble: progress.trouble.clone(),
    }
}
