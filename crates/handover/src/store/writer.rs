//! The one writer of the index: what waits is committed together, and each is answered once it is durable.

use std::path::PathBuf;
use std::sync::Arc;

use hanare_model::{NodeName, Timestamp};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::keys::{Keys, Name};
use super::pack::Pack;
use super::place::{place, unsealed};
use super::put_back::{self, Noticed};
use super::rows::{self, OwnerRow};
use super::rows_sweep::{self, Swept};
use super::sealed::Came;
use super::vanishing::{self, Decision};
use super::{index, items, marks, rows_many, space};
use crate::protocol::{Mark, NewVersion, Placed, SealedCount, VersionId};

/// How many requests may wait; who comes later waits before the queue.
const QUEUE: usize = 256;
/// How many are committed together: a commit costs two writes to the disk, whatever is in it.
const GROUP: usize = 64;

/// What is to be written.
pub(super) enum Job {
    Owner {
        company: String,
        person: String,
    },
    Quota {
        owner: OwnerRow,
        bytes: Option<u64>,
    },
    CompanyQuota {
        company: String,
        bytes: Option<u64>,
    },
    Chunks {
        owner: OwnerRow,
        pack: Option<Pack>,
        known: Vec<Name>,
        now: Timestamp,
    },
    Retain {
        files: Vec<i64>,
        now: Timestamp,
    },
    Forget {
        chunks: Vec<i64>,
        before: Timestamp,
    },
    Removed {
        objects: Vec<VersionId>,
    },
    /// Objects of which the index was not told.
    Orphans {
        objects: Vec<VersionId>,
    },
    Versions(Versions),
    /// About deletions that are held.
    Decide(Decision),
    /// A sealed item waits for its person.
    Quarantined {
        owner: OwnerRow,
        came: Came,
        now: Timestamp,
    },
    /// Something is forgotten that was acknowledged.
    PutBack(Noticed),
    /// So much waits on a node.
    Waiting {
        company: String,
        node: NodeName,
        count: SealedCount,
        now: Timestamp,
    },
}

/// Versions of one person.
pub(super) struct Versions {
    pub owner: OwnerRow,
    pub keys: Arc<Keys>,
    pub person: String,
    pub node: NodeName,
    pub now: Timestamp,
    pub confirmed: bool,
    /// Of how many that go at once these are a part.
    pub vanishing: u64,
    /// Where the store is said to have stood: if it does not know that, nothing is placed.
    pub since: Option<Mark>,
    pub new: Vec<NewVersion>,
    /// The sealed item that the only version comes from.
    pub sealed: Option<Box<Came>>,
}

/// What was written.
pub(super) enum Done {
    Owner(OwnerRow),
    Written,
    /// And where the store stands now.
    Placed(Vec<Placed>, Option<Mark>),
    /// Nothing was placed.
    Forgotten,
    Noticed {
        is_new: bool,
    },
    Swept(Swept),
}

type Reply = oneshot::Sender<Result<Done, StoreError>>;

enum Message {
    Job(Job, Reply),
    Stop(oneshot::Sender<()>),
}

/// Takes jobs for the writer.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Message>);

impl Writer {
    /// Starts the writer; it ends, and closes the index, when every [`Writer`] is gone.
    pub(super) fn start(path: PathBuf, connection: SqliteConnection) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let task = Task { path, connection, spoilt: false };
        tokio::spawn(task.run(queue));
        Self(jobs)
    }

    /// Finishes what was asked before and closes the index.
    pub(super) async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.send(Message::Stop(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Writes, and returns once it is durable.
    pub(super) async fn write(&self, job: Job) -> Result<Done, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Message::Job(job, reply)).await.map_err(|_| StoreError::Closing)?;
        answer.await.map_err(|_| StoreError::Closing)?
    }
}

struct Task {
    path: PathBuf,
    connection: SqliteConnection,
    /// After a failed commit the connection is replaced: on a full disk SQLite rolls back by itself, and the driver does not
    /// know.
    spoilt: bool,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            let (mut jobs, mut replies, mut stops) = (Vec::new(), Vec::new(), Vec::new());
            for message in group.drain(..) {
                match message {
                    Message::Job(job, reply) => {
                        jobs.push(job);
                        replies.push(reply);
                    }
                    Message::Stop(reply) => stops.push(reply),
                }
            }
            self.answer(&jobs, replies).await;
            if !stops.is_empty() {
                index::close(self.connection).await;
                for stop in stops {
                    let _ = stop.send(());
                }
                return;
            }
        }
        index::close(self.connection).await;
    }

    async fn answer(&mut self, jobs: &[Job], replies: Vec<Reply>) {
        if jobs.is_empty() {
            return;
        }
        match self.commit(jobs).await {
            Ok(done) => {
                for (reply, done) in replies.into_iter().zip(done) {
                    let _ = reply.send(Ok(done));
                }
            }
            Err(error) => {
                self.spoilt = true;
                tracing::error!(%error, "nothing was written to the index of work data");
                // One of them may be at fault: each has another chance, alone.
                for (job, reply) in jobs.iter().zip(replies) {
                    let done = self.commit(std::slice::from_ref(job)).await;
                    self.spoilt |= done.is_err();
                    let _ = reply.send(done.map(|mut done| done.pop().unwrap_or(Done::Written)));
                }
            }
        }
    }

    async fn commit(&mut self, jobs: &[Job]) -> Result<Vec<Done>, StoreError> {
        if self.spoilt {
            self.connection = index::connect(&self.path).await?;
            self.spoilt = false;
        }
        let path = self.path.clone();
        let fail = |error: sqlx::Error| StoreError::index(&path, &error);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(match job {
                Job::Owner { company, person } => {
                    Done::Owner(rows::make_owner(&mut transaction, company, person).await.map_err(fail)?)
                }
                Job::Quota { owner, bytes } => {
                    space::limit(&mut transaction, *owner, *bytes).await.map_err(fail)?;
                    Done::Written
                }
                Job::CompanyQuota { company, bytes } => {
                    space::limit_company(&mut transaction, company, *bytes).await.map_err(fail)?;
                    Done::Written
                }
                Job::Chunks { owner, pack, known, now } => {
                    rows_many::put_chunks(&mut transaction, *owner, pack.as_ref(), known, *now)
                        .await
                        .map_err(fail)?;
                    Done::Written
                }
                Job::Quarantined { owner, came, now } => {
                    items::put_item(&mut transaction, *owner, came, None, *now).await.map_err(fail)?;
                    Done::Written
                }
                Job::Waiting { company, node, count, now } => {
                    items::put_waiting(&mut transaction, company, node.as_str(), *count, *now)
                        .await
                        .map_err(fail)?;
                    Done::Written
                }
                Job::Versions(versions) if versions.sealed.is_some() => {
                    Done::Placed(unsealed(&mut transaction, versions, &fail).await?, None)
                }
                Job::PutBack(noticed) => {
                    Done::Noticed { is_new: put_back::note(&mut transaction, noticed).await.map_err(fail)? }
                }
                Job::Retain { files, now } => {
                    Done::Swept(rows_sweep::retain(&mut transaction, files, *now).await.map_err(fail)?)
                }
                Job::Forget { chunks, before } => {
                    Done::Swept(rows_sweep::forget(&mut transaction, chunks, *before).await.map_err(fail)?)
                }
                Job::Removed { objects } => {
                    rows_sweep::removed(&mut transaction, objects).await.map_err(fail)?;
                    Done::Written
                }
                Job::Orphans { objects } => {
                    rows_sweep::orphaned(&mut transaction, objects).await.map_err(fail)?;
                    Done::Written
                }
                Job::Versions(versions) => match place(&mut transaction, versions, &fail).await? {
                    Some(placed) => Done::Placed(placed, None),
                    None => Done::Forgotten,
                },
                Job::Decide(decision) => {
                    Done::Placed(vanishing::decide(&mut transaction, decision, &fail).await?, None)
                }
            });
        }
        // What is acknowledged lies before the next mark, and what is noticed to be lost before that of whoever hears of it.
        if done.iter().any(|done| matches!(done, Done::Placed(..) | Done::Noticed { .. })) {
            let drawn = marks::draw(&mut transaction, &fail).await?;
            for done in &mut done {
                if let Done::Placed(_, mark) = done {
                    *mark = Some(drawn);
                }
            }
        }
        transaction.commit().await.map_err(fail)?;
        Ok(done)
    }
}
