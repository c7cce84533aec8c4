//! The agent of an endpoint: hands a person's work over while it is open, and brings it back when it is opened.

mod line;
mod receipts;
mod socket;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_handover::deliver::{Day, Owner, Progress, Restored, Tree};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::Line;
use hanare_tunnel::control::Client;
use hanare_tunnel::state::NodeState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use self::line::Carrier;
use self::receipts::Reporter;
use self::socket::Wish;
pub(crate) use self::socket::{Asked, Standing, ask};
use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

/// How often it is looked whether work was opened or closed.
const LOOK: Duration = Duration::from_secs(1);
/// When it is tried again to bring back what did not come.
const AGAIN: Duration = Duration::from_secs(10);

/// Runs until a signal ends it.
pub(crate) fn run(context: &Context, work: &Path) -> Outcome {
    block_on(serve(context, work))?
}

async fn serve(context: &Context, work: &Path) -> Outcome {
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
    let mut agent = Agent {
        client: Client::new(&context.runtime),
        state: NodeState::new(&context.state),
        work: work.to_owned(),
        wishes,
        told,
        stop: [terminate, interrupt],
    };
    let reporting = tokio::spawn(Reporter::new(&context.state, &context.runtime).run());
    let outcome = agent.run().await;
    reporting.abort();
    answering.abort();
    outcome
}

struct Agent {
    client: Client,
    state: NodeState,
    work: PathBuf,
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
    /// Not everything had come back, and it is time to try again.
    Again,
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
            let [terminate, interrupt] = &mut self.stop;
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = terminate.recv() => return Ok(Exit::Good),
                _ = interrupt.recv() => return Ok(Exit::Good),
                Some(wish) = self.wishes.recv() => {
                    let _ = wish.send(Standing::default());
                }
            }
        }
    }

    /// The open session, if there is one and a daemon that knows it.
    async fn session(&self) -> Option<(PersonId, Secret)> {
        let client = self.client.clone();
        tokio::task::spawn_blocking(move || client.work_session()).await.ok()?.ok()
    }

    /// One person's work, from its opening to its end.
    async fn day(&mut self, person: &PersonId, session: Secret) -> Result<Option<Exit>, Failure> {
        let failed = |error: &std::io::Error| {
            Failure::new(Exit::Impossible, "agent-work").with("path", self.work.display()).because(error)
        };
        let (Some(keys), Some(enrolment), Some(lease)) = (
            self.state.keys().map_err(foreign::state_error)?,
            self.state.enrolment().map_err(foreign::state_error)?,
            self.state.lease().map_err(foreign::state_error)?,
        ) else {
            return Ok(None);
        };
        let line = Line::new(&keys, &enrolment, &lease.lease, session.clone())
            .map_err(|error| Failure::new(Exit::Impossible, "agent-hq").because(&error))?;
        let tree = Tree::open(&self.work).map_err(|error| failed(&error))?;
        let found = std::fs::metadata(&self.work).map_err(|error| failed(&error))?;
        let owner = Owner {
            uid: rustix::fs::Uid::from_raw(found.uid()),
            gid: rustix::fs::Gid::from_raw(found.gid()),
        };
        let mut day = Day::begin(tree, Carrier(line)).map_err(|error| {
            Failure::new(Exit::Impossible, "agent-work").with("path", self.work.display()).because(&error)
        })?;
        tracing::info!(%person, "a day's work begins");
        let mut restored = Restored::default();
        let mut is_back = false;
        loop {
            if !is_back {
                match day.restore(Some(owner)).await {
                    Ok(came) => (restored, is_back) = (came, true),
                    Err(error) => tracing::warn!(%error, "not everything is back yet"),
                }
            }
            let again = (!is_back).then_some(AGAIN);
            match self.until(&mut day, &session, &restored, again).await {
                End::Again => {}
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
                    let (left, trouble) = finish(&mut day).await;
                    let mut standing = standing(&day.progress().borrow(), &restored);
                    standing.waiting = standing.waiting.max(left);
                    standing.trouble = trouble.or(standing.trouble);
                    let _ = wish.send(standing);
                }
            }
        }
    }

    /// Lets the day work until something ends it.
    async fn until(
        &mut self,
        day: &mut Day<Carrier>,
        session: &Secret,
        restored: &Restored,
        again: Option<Duration>,
    ) -> End {
        let again = again.map(|after| Instant::now() + after);
        let progress = day.progress();
        let Self { client, wishes, told, stop: [terminate, interrupt], .. } = self;
        let mut end = End::Closed;
        let watch = async {
            loop {
                tokio::select! {
                    () = sleep(LOOK) => {
                        told.send_replace(standing(&progress.borrow(), restored));
                        let client = client.clone();
                        let open = tokio::task::spawn_blocking(move || client.work_session()).await;
                        if !matches!(open, Ok(Ok((_, open))) if open == *session) {
                            return End::Closed;
                        }
                        if again.is_some_and(|at| at <= Instant::now()) {
                            return End::Again;
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

/// Hands over all that is left: how many files could not be, and why it stopped.
async fn finish(day: &mut Day<Carrier>) -> (u64, Option<String>) {
    match day.finish().await {
        Ok(swept) => (swept.changed.len() as u64 + swept.unread, None),
        Err(error) => {
            tracing::warn!(%error, "not everything is handed over");
            (1, Some(error.to_string()))
        }
    }
}

fn standing(progress: &Progress, restored: &Restored) -> Standing {
    Standing {
        active: true,
        files: progress.held,
        versions: progress.delivered,
        sent_bytes: progress.sent_bytes,
        restored: restored.files,
        waiting: progress.waiting,
        deletions_held: progress.deletions_held,
        conflicts: progress.conflicts,
        full: progress.full,
        trouble: progress.trouble.clone(),
    }
}
