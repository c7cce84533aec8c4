//! Talks to headquarters through the tunnel: probes whether it answers, listens to what it pushes, says what was done.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hanare_host::hands::Client;
use hanare_model::api::{Ack, Event, Granted, Hello};
use hanare_model::work::{Notice, WorkClose, WorkEnd, WorkOpen, WorkOpened, WorkOvertime};
use hanare_model::{Secret, Signed, Timestamp};
use http_body_util::BodyExt as _;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::farewell;
use super::outside::connect;
use super::records::Rest;
use crate::api::{ApiError, Connection, Identity};

/// Between probes; three of them fit into `health::STALE`.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// A probe that takes longer has failed.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);
/// A fresh SYN every few seconds finds a tunnel that is back sooner than TCP's own backoff.
const CONNECT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(1);
/// Headquarters says [`Event::Alive`] every 10 s.
const SILENCE: Duration = Duration::from_secs(25);
/// The longest pushed document.
const MAX_LINE: usize = 1024 * 1024;

/// What came through the tunnel.
#[derive(Debug)]
pub(super) enum News {
    /// Headquarters answered.
    Answered {
        /// In this time, if it was asked.
        rtt: Option<Duration>,
        /// Its clock.
        clock: Option<Timestamp>,
    },
    /// It pushed a lease.
    Lease(Granted),
    /// It pushed a tombstone.
    Revoked(Signed),
    /// It closed a person's work.
    WorkClosed {
        /// SHA-256 of the session, hexadecimal.
        session: String,
        /// Why.
        reason: WorkEnd,
    },
    /// It tells a person what others did with their work.
    Notices {
        /// SHA-256 of the session, hexadecimal.
        session: String,
        /// All of them, newest first.
        notices: Vec<Notice>,
    },
    /// It said no on the events channel or to a renewal.
    Refused(ApiError),
}

/// The tasks that talk through the tunnel; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    hands: Client,
    addresses: Vec<SocketAddr>,
    identity: Identity,
    again: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Inside {
    /// Starts talking to headquarters at its addresses inside the tunnel.
    pub(super) fn start(
        hands: &Client,
        addresses: &[IpAddr],
        port: u16,
        identity: &Identity,
        news: &mpsc::Sender<News>,
    ) -> Self {
        let addresses: Vec<_> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let again = Arc::new(Notify::new());
        let reconnected = Arc::new(Notify::new());
        let probe = probe(
            hands.clone(),
            addresses.clone(),
            identity.clone(),
            news.clone(),
            Arc::clone(&again),
            Arc::clone(&reconnected),
        );
        let listen = listen(hands.clone(), addresses.clone(), identity.clone(), news.clone(), reconnected);
        let tasks = vec![tokio::spawn(probe), tokio::spawn(listen)];
        Self { hands: hands.clone(), addresses, identity: identity.clone(), again, tasks }
    }

    /// Probes at once: something changed below.
    pub(super) fn probe_now(&self) {
        self.again.notify_one();
    }

    /// Says that something was done, within `patience`; on a connection of its own, so that nothing waits before it.
    pub(super) async fn acknowledge(&self, ack: Ack, patience: Duration) {
        let tell = async {
            let mut connection = open(&self.hands, &self.addresses, &self.identity).await?;
            connection.tell("/v1/ack", &ack).await
        };
        match timeout(patience, tell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(%error, "headquarters was not told"),
            Err(_) => tracing::info!("headquarters was not told in time"),
        }
    }

    /// [`Inside::acknowledge`] without waiting.
    pub(super) fn acknowledge_later(&self, ack: Ack) {
        let (hands, addresses, identity) =
            (self.hands.clone(), self.addresses.clone(), self.identity.clone());
        tokio::spawn(async move {
            let once = Self { hands, addresses, identity, again: Arc::default(), tasks: Vec::new() };
            once.acknowledge(ack, Duration::from_secs(10)).await;
        });
    }

    /// A connection of its own.
    pub(super) async fn open(
        hands: &Client,
        addresses: &[SocketAddr],
        identity: &Identity,
    ) -> Result<Connection, ApiError> {
        open(hands, addresses, identity).await
    }

    /// Says that this node leaves.
    pub(super) async fn leave(&self, rest: &mut Rest<'_>) -> Result<(), ApiError> {
        let mut connection = open(&self.hands, &self.addresses, &self.identity).await?;
        farewell::leave(&mut connection, rest).await
    }

    /// Asks for a lease through the tunnel.
    pub(super) async fn renew(
        hands: &Client,
        addresses: Vec<SocketAddr>,
        identity: Identity,
    ) -> Result<Granted, ApiError> {
        open(hands, &addresses, &identity).await?.get("/v1/lease").await
    }

    /// Proves a person.
    pub(super) async fn work_open(
        hands: &Client,
        addresses: &[SocketAddr],
        identity: &Identity,
        claim: &WorkOpen,
    ) -> Result<WorkOpened, ApiError> {
        open(hands, addresses, identity).await?.post("/v1/work/open", claim).await
    }

    /// Closes what a person had open.
    pub(super) async fn work_close(
        hands: &Client,
        addresses: &[SocketAddr],
        identity: &Identity,
        session: Secret,
    ) -> Result<(), ApiError> {
        open(hands, addresses, identity).await?.tell("/v1/work/close", &WorkClose { session }).await
    }

    /// Puts a person's overtime on headquarters' record.
    pub(super) async fn work_overtime(
        hands: &Client,
        addresses: &[SocketAddr],
        identity: &Identity,
        ask: &WorkOvertime,
    ) -> Result<(), ApiError> {
        open(hands, addresses, identity).await?.tell("/v1/work/overtime", ask).await
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

async fn open(hands: &Client, addresses: &[SocketAddr], identity: &Identity) -> Result<Connection, ApiError> {
    let mut last = ApiError::Timeout { what: "connecting" };
    for address in addresses {
        match timeout(CONNECT, connect(hands, *address)).await {
            Ok(Ok(stream)) => return Connection::open(stream, identity).await,
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

async fn probe(
    hands: Client,
    addresses: Vec<SocketAddr>,
    identity: Identity,
    news: mpsc::Sender<News>,
    again: Arc<Notify>,
    reconnected: Arc<Notify>,
) {
    let mut lost = false;
    loop {
        match open(&hands, &addresses, &identity).await {
            Ok(mut connection) => {
                if std::mem::replace(&mut lost, true) {
                    reconnected.notify_one();
                }
                while let Some((rtt, hello)) = one_probe(&mut connection).await {
                    let answered = News::Answered { rtt: Some(rtt), clock: Some(hello.now) };
                    if news.send(answered).await.is_err() {
                        return;
                    }
                    let _ = timeout(PROBE_EVERY, again.notified()).await;
                }
            }
            Err(error) => {
                tracing::debug!(?error, "no way to headquarters through the tunnel");
                lost = true;
            }
        }
        sleep(PAUSE).await;
    }
}

async fn one_probe(connection: &mut Connection) -> Option<(Duration, Hello)> {
    let asked = Instant::now();
    match timeout(PROBE_PATIENCE, connection.get::<Hello>("/v1/hello")).await {
        Ok(Ok(hello)) => Some((asked.elapsed(), hello)),
        Ok(Err(error)) => {
            tracing::debug!(?error, "the probe failed");
            None
        }
        Err(_) => None,
    }
}

/// Keeps the events channel; starts over at once when the probe had to (the old connection is as dead as the probe's was):
/// a revocation finds nobody while nobody listens.
async fn listen(
    hands: Client,
    addresses: Vec<SocketAddr>,
    identity: Identity,
    news: mpsc::Sender<News>,
    reconnected: Arc<Notify>,
) {
    loop {
        let channel = async {
            let mut connection = open(&hands, &addresses, &identity).await?;
            events(&mut connection, &news).await
        };
        let error = tokio::select! {
            ended = channel => ended.err(),
            () = reconnected.notified() => continue,
        };
        if let Some(error @ ApiError::Refused(_)) = error {
            if news.send(News::Refused(error)).await.is_err() {
                return;
            }
            sleep(PROBE_EVERY).await;
        }
        sleep(PAUSE).await;
    }
}

async fn events(connection: &mut Connection, news: &mpsc::Sender<News>) -> Result<(), ApiError> {
    let mut body = connection.stream("/v1/events").await?;
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let frame = timeout(SILENCE, body.frame())
            .await
            .map_err(|_| ApiError::Timeout { what: "the events channel" })?;
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|error| ApiError::connection("the events channel")(Box::new(error)))?;
        let Some(data) = frame.data_ref() else { continue };
        pending.extend_from_slice(data);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(told) = read(&line)?
                && news.send(told).await.is_err()
            {
                return Ok(());
            }
        }
        if pending.len() > MAX_LINE {
            return Err(ApiError::Answer { why: "an event without end".to_owned() });
        }
    }
}

fn read(line: &[u8]) -> Result<Option<News>, ApiError> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let event: Event =
        serde_json::from_slice(line).map_err(|error| ApiError::Answer { why: error.to_string() })?;
    Ok(Some(match event {
        Event::Lease { granted } => News::Lease(granted),
        Event::Revoked { tombstone } => News::Revoked(tombstone),
        Event::WorkClosed { person: _, session, reason } => News::WorkClosed { session, reason },
        Event::Notices { session, notices } => News::Notices { session, notices },
        Event::Alive => News::Answered { rtt: None, clock: None },
    }))
}
