//! The one writer: decides on what is asked, in order, makes a group of decisions durable in one commit, then answers.

use std::sync::Arc;
use std::time::Instant;

use hanare_ledger::{Entry, Head};
use hanare_model::{PublicKey, SigningKey, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::flood::Floods;
use super::{Store, StoreError};
use crate::admin::{Problem, ReceiptHeld, ReceiptPlace};
use crate::random;
use crate::registry::{Act, Change, Context, Outcome, Registry, decide};

/// How many acts share a commit at most. One fsync costs about 3 ms, so a group of 64 keeps a thousand joins under a second.
const GROUP: usize = 64;
/// Acts that wait before whoever asks has to wait too.
const QUEUE: usize = 256;
/// Receipts in a page: 4 MiB of the longest ones.
const RECEIPTS: u32 = 16;

/// The writer's other end.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    registry: watch::Receiver<Arc<Registry>>,
}

#[derive(Debug)]
enum Message {
    Act { act: Act, actor: String, reply: Reply },
    Ledger { after: u64, since: Option<Timestamp>, reply: LedgerReply },
    Receipts { node: PublicKey, after: Option<ReceiptPlace>, reply: ReceiptsReply },
    Stop { reply: oneshot::Sender<()> },
}

type LedgerReply = oneshot::Sender<Result<(Vec<(u64, String)>, Head), Problem>>;
type ReceiptsReply = oneshot::Sender<Result<Vec<ReceiptHeld>, Problem>>;

impl Writer {
    /// Starts the task. `context` holds everything but the time and the actor.
    pub(crate) async fn start(
        mut store: Store,
        context: Context,
        key: SigningKey,
    ) -> Result<Self, StoreError> {
        let registry = Arc::new(store.load(random::now()).await?);
        let (publish, watch) = watch::channel(Arc::clone(&registry));
        let (queue, messages) = mpsc::channel(QUEUE);
        let floods = Floods::new(Instant::now());
        let task = Task { store, context, key, registry, publish, floods };
        tokio::spawn(task.run(messages));
        Ok(Self { queue, registry: watch })
    }

    /// The registry as it is.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.borrow())
    }

    /// Tells of every change of the registry.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Registry>> {
        self.registry.clone()
    }

    /// Asks, and returns once what was decided is durable.
    pub(crate) async fn act(&self, actor: &str, act: Act) -> Result<Outcome, Problem> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Act { act, actor: actor.to_owned(), reply };
        self.queue.send(message).await.map_err(|_| Problem::Stopping)?;
        answer.await.map_err(|_| Problem::Stopping)?
    }

    /// A page of the ledger's lines behind a place, and the ledger's head.
    pub(crate) async fn ledger(
        &self,
        after: u64,
        since: Option<Timestamp>,
    ) -> Result<(Vec<(u64, String)>, Head), Problem> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Ledger { after, since, reply }).await.map_err(|_| Problem::Stopping)?;
        answer.await.map_err(|_| Problem::Stopping)?
    }

    /// A page of a node's receipts, and where the next one begins.
    pub(crate) async fn receipts(
        &self,
        node: PublicKey,
        after: Option<ReceiptPlace>,
    ) -> Result<(Vec<ReceiptHeld>, Option<ReceiptPlace>), Problem> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Receipts { node, after, reply }).await.map_err(|_| Problem::Stopping)?;
        let receipts = answer.await.map_err(|_| Problem::Stopping)??;
        let next = receipts.last().map(|last| last.place).filter(|_| receipts.len() == RECEIPTS as usize);
        Ok((receipts, next))
    }

    /// Finishes what was asked before and closes the database.
    pub(crate) async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Message::Stop { reply }).await.is_ok() {
            let _ = answer.await;
        }
    }
}

struct Task {
    store: Store,
    context: Context,
    key: SigningKey,
    registry: Arc<Registry>,
    publish: watch::Sender<Arc<Registry>>,
    floods: Floods,
}

type Reply = oneshot::Sender<Result<Outcome, Problem>>;
type Answer = (Reply, Result<Outcome, Problem>);

impl Task {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut group = Vec::with_capacity(GROUP);
        while messages.recv_many(&mut group, GROUP).await > 0 {
            let mut acts = Vec::new();
            for message in group.drain(..) {
                match message {
                    Message::Act { act, actor, reply } => acts.push((act, actor, reply)),
                    Message::Ledger { after, since, reply } => {
                        self.commit(std::mem::take(&mut acts)).await;
                        let lines = self.store.ledger(after, since).await.map_err(|error| error.problem());
                        let _ = reply.send(lines.map(|lines| (lines, self.store.head())));
                    }
                    Message::Receipts { node, after, reply } => {
                        self.commit(std::mem::take(&mut acts)).await;
                        let found = self.store.receipts(node, after, RECEIPTS).await;
                        let _ = reply.send(found.map_err(|error| error.problem()));
                    }
                    Message::Stop { reply } => {
                        self.commit(std::mem::take(&mut acts)).await;
                        if let Err(error) = self.store.close().await {
                            tracing::warn!(%error, "closing the database");
                        }
                        let _ = reply.send(());
                        return;
                    }
                }
            }
            self.commit(acts).await;
        }
    }

    /// Decides on each act upon what the ones before it have changed, and commits all of it or nothing.
    async fn commit(&mut self, acts: Vec<(Act, String, Reply)>) {
        if acts.is_empty() {
            return;
        }
        let mut next = Arc::clone(&self.registry);
        let mut changes: Vec<Change> = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        let mut answers: Vec<Answer> = Vec::with_capacity(acts.len());
        for (act, actor, reply) in acts {
            let context = Context { now: random::now(), actor, ..self.context.clone() };
            let outcome = decide(&next, &context, act).map(|decision| {
                if !decision.changes.is_empty() {
                    let registry = Arc::make_mut(&mut next);
                    decision.changes.iter().for_each(|change| registry.apply(change));
                }
                changes.extend(decision.changes);
                let now = Instant::now();
                let admitted = decision.entries.into_iter().filter_map(|entry| self.floods.admit(entry, now));
                entries.extend(admitted);
                decision.outcome
            });
            answers.push((reply, outcome));
        }
        if changes.is_empty() && entries.is_empty() {
            send(answers);
            return;
        }
        match self.store.commit(None, &changes, entries, &self.key).await {
            Ok(()) => {
                if !changes.is_empty() {
                    self.registry = next;
                    self.publish.send_replace(Arc::clone(&self.registry));
                }
                send(answers);
            }
            Err(error) => {
                tracing::error!(%error, "nothing was written");
                for (reply, outcome) in answers {
                    let _ = reply.send(outcome.and_then(|_| Err(error.problem())));
                }
            }
        }
    }
}

fn send(answers: Vec<Answer>) {
    for (reply, outcome) in answers {
        // Whoever asked may have gone; what was decided stands.
        let _ = reply.send(outcome);
    }
}
