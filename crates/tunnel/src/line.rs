//! A line to headquarters through the tunnel for who hands work over: the node's own certificate, the person's session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hanare_model::{Lease, Secret};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use crate::api::{ApiError, Connection, Identity};
use crate::paced::Pace;
use crate::state::{Enrolment, Keys};

/// A SYN that nobody answers is tried again sooner than TCP would.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one exchange may take,
const PATIENCE: Duration = Duration::from_secs(20);
/// and more for what is sent: so many bytes a second every line carries.
const SLOWEST: usize = 64 * 1024;

/// Exchanges at a time: while one waits for headquarters' disk the other's bytes are on their way. More would push a call aside.
const AT_ONCE: usize = 2;

/// Exchanges with headquarters, two at a time, on connections that are made anew when they break.
pub struct Line {
    identity: Identity,
    addresses: Vec<SocketAddr>,
    session: Option<Secret>,
    seats: Semaphore,
    idle: Mutex<Vec<Connection>>,
    pace: Option<Arc<Pace>>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Line {
    /// Nothing is sent yet. Without a session the node speaks for itself alone.
    ///
    /// # Errors
    /// [`ApiError::Setup`] if the keys make no certificate.
    pub fn new(
        keys: &Keys,
        enrolment: &Enrolment,
        lease: &Lease,
        session: Option<Secret>,
    ) -> Result<Self, ApiError> {
        let identity = Identity::new(&keys.signing, enrolment.pin)?;
        let addresses = lease.hq.addresses.iter().map(|ip| SocketAddr::new(*ip, lease.hq.api_port)).collect();
        let (seats, idle) = (Semaphore::new(AT_ONCE), Mutex::default());
        Ok(Self { identity, addresses, session, seats, idle, pace: None })
    }

    /// Sends no more than this, all exchanges together; without a rate as fast as the line takes it.
    #[must_use]
    pub fn at_most(self, bytes_per_second: Option<u64>) -> Self {
        Self { pace: bytes_per_second.map(|rate| Arc::new(Pace::new(rate))), ..self }
    }

    /// Sends `body`, and returns an answer of at most `most` bytes. Everything that is asked for here may be asked again.
    ///
    /// # Errors
    /// [`ApiError`]
    pub async fn exchange(&self, path: &'static str, body: Bytes, most: usize) -> Result<Bytes, ApiError> {
        // It is never closed.
        let _seat = self.seats.acquire().await;
        let idle = self.idle.lock().await.pop();
        if let Some(connection) = idle {
            match self.on(connection, path, body.clone(), most).await {
                // Headquarters closes what was silent for ten seconds: that says nothing of now.
                Err(ApiError::Connection { .. }) => {}
                other => return other,
            }
        }
        let connection = self.connect().await?;
        self.on(connection, path, body, most).await
    }

    /// One exchange on a connection, which is kept if it is of further use.
    async fn on(
        &self,
        mut connection: Connection,
        path: &'static str,
        body: Bytes,
        most: usize,
    ) -> Result<Bytes, ApiError> {
        let heavy = u64::try_from(body.len() / SLOWEST).unwrap_or(0);
        // Others may be on their way at the same rate.
        let paced = self.pace.as_ref().map(|pace| pace.time_for((body.len() * AT_ONCE) as u64));
        let patience = PATIENCE + Duration::from_secs(heavy).max(paced.unwrap_or_default());
        let exchange = connection.exchange(path, self.session.as_ref().map(Secret::expose), body, most);
        let answer = timeout(patience, exchange).await.unwrap_or(Err(ApiError::Timeout { what: path }));
        let mut idle = self.idle.lock().await;
        // In the middle of something it is of no use any more, and what broke it broke the others.
        if answer.is_ok() {
            idle.push(connection);
        } else {
            idle.clear();
        }
        answer
    }

    async fn connect(&self) -> Result<Connection, ApiError> {
        let mut last = ApiError::Timeout { what: "connecting" };
        for address in &self.addresses {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    return Connection::open_paced(stream, &self.identity, self.pace.clone()).await;
                }
                Ok(Err(error)) => last = ApiError::io("connecting")(error),
                Err(_) => {}
            }
        }
        Err(last)
    }
}
