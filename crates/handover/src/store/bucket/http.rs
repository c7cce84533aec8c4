//! HTTP to a bucket's server, for `object_store`: requests on a few connections, answers bounded in size and time. Who connects
//! is somebody else: a confined process has no way out of its own.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::{self, Said};
use super::health::{Health, Work};
use super::seats::Seats;

/// How long connecting may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest answer: an object is a body of 4 MiB sealed, a list of a thousand names half a megabyte.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// A connection that was silent for longer is not used again: servers close them after a minute or less.
const STALE: Duration = Duration::from_secs(20);

/// How long somebody waits for a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For their turn.
    pub turn: Duration,
    /// For one request and its answer.
    pub call: Duration,
}

impl Patience {
    /// An endpoint waits 20 s for what is asked in its name.
    pub(super) const ENDPOINT: Self = Self { turn: Duration::from_secs(4), call: Duration::from_secs(12) };
    /// Who moves all objects waits for a slow line; a request is signed before it waits, for a quarter of an hour.
    pub(super) const MOVE: Self = Self { turn: Duration::from_mins(3), call: Duration::from_mins(4) };
}

/// Makes connections to a bucket's server.
pub trait Dial: std::fmt::Debug + Send + Sync {
    /// One more, connected, in no more than a few seconds.
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<std::net::TcpStream>> + Send + '_>>;
}

/// All connections to a server. Clones share them.
#[derive(Clone)]
pub(super) struct Server(Arc<Inner>);

struct Inner {
    dial: Arc<dyn Dial>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    health: Arc<Health>,
    patience: Patience,
    /// For what is sent, and for all else: a line may be narrow one way only.
    sending: Seats,
    asking: Seats,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    sender: SendRequest<HttpRequestBody>,
    used: Instant,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Requests carry signatures, which have no place in a log.
        f.debug_struct("Server").field("dial", &self.0.dial).finish_non_exhaustive()
    }
}

impl HttpConnector for Server {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Server {
    // As `async_trait` writes it.
    fn call<'server, 'call>(
        &'server self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'server: 'call,
        Self: 'call,
    {
        Box::pin(self.answer(request))
    }
}

/// Why there was no answer.
struct Failed {
    kind: HttpErrorKind,
    /// Nobody tried, because somebody has just tried in vain.
    rests: bool,
    error: Box<dyn std::error::Error + Send + Sync>,
}

impl Failed {
    fn of(kind: HttpErrorKind) -> impl Fn(hyper::Error) -> Self {
        move |error| Self { kind, rests: false, error: Box::new(error) }
    }

    fn timeout(what: &'static str) -> Self {
        let error = io::Error::new(io::ErrorKind::TimedOut, what);
        Self { kind: HttpErrorKind::Timeout, rests: false, error: Box::new(error) }
    }
}

impl Server {
    pub(super) fn new(
        dial: Arc<dyn Dial>,
        tls: Option<(TlsConnector, ServerName<'static>)>,
        health: Arc<Health>,
        patience: Patience,
    ) -> Self {
        let (sending, asking, idle) = (Seats::default(), Seats::default(), Mutex::default());
        Self(Arc::new(Inner { dial, tls, health, patience, sending, asking, idle }))
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = answer::Asked::of(&request);
        let failed = |failed: Failed| HttpError::new_boxed(failed.kind, failed.error);
        // Nothing was asked: that says nothing about the server.
        let seats = if asked.work == Work::Writing { &self.0.sending } else { &self.0.asking };
        let Ok(seat) = timeout(self.0.patience.turn, seats.take()).await else {
            return Err(failed(Failed::timeout("too many requests wait for the bucket")));
        };
        let answered = if let Ok(answered) = timeout(self.0.patience.call, self.exchange(request)).await {
            // A server that says no, or asks for less, is given no more.
            match &answered {
                Ok(answer) if does_its_work(answer.status()) => {
                    seat.in_time(asked.len + answer.body().len());
                }
                Ok(_) | Err(_) => drop(seat),
            }
            answered
        } else {
            seat.late();
            Err(Failed::timeout("the server does not answer"))
        };
        let response = match answered {
            Ok(response) => response,
            Err(error) => {
                let text = error.error.to_string();
                if error.rests {
                    // Nobody was asked, and who rests because of it would keep all others from asking.
                } else if matches!(error.kind, HttpErrorKind::Connect) {
                    self.0.health.unreached((asked.work, asked.len), &text);
                } else {
                    self.0.health.bad((asked.work, asked.len), false, &text);
                }
                return Err(failed(error));
            }
        };
        let (parts, body) = response.into_parts();
        match asked.judge(&parts, &body) {
            Ok(()) => self.0.health.good(asked.work, asked.len),
            Err(Said::Short) => {
                self.0.health.good(asked.work, asked.len);
                return Err(HttpError::new(HttpErrorKind::Unknown, Said::Short));
            }
            // It may be better in a moment, and object_store asks again.
            Err(said @ Said::Later { .. }) => {
                self.0.health.bad((asked.work, asked.len), false, &said.to_string());
            }
            Err(said @ Said::No { .. }) => {
                self.0.health.bad((asked.work, asked.len), true, &said.to_string());
                return Err(HttpError::new(HttpErrorKind::Unknown, said));
            }
        }
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<Response<bytes::Bytes>, Failed> {
        let request = origin_form(request);
        while let Some(connection) = self.idle() {
            // The server closes what was silent, and does not say so before the next request. All that is asked here may be
            // asked again.
            match self.on(connection, request.clone()).await {
                Err(failed) if matches!(failed.kind, HttpErrorKind::Interrupted) => {}
                other => return other,
            }
        }
        let connection = match timeout(CONNECT, self.connect()).await {
            Ok(connected) => connected?,
            Err(_) => {
                return Err(Failed { kind: HttpErrorKind::Connect, ..Failed::timeout("no connection") });
            }
        };
        self.on(connection, request).await
    }

    /// One request on a connection, which is kept if it is of further use.
    async fn on(
        &self,
        mut connection: Connection,
        request: HttpRequest,
    ) -> Result<Response<bytes::Bytes>, Failed> {
        let broken = Failed::of(HttpErrorKind::Interrupted);
        connection.sender.ready().await.map_err(&broken)?;
        let response: Response<Incoming> = connection.sender.send_request(request).await.map_err(&broken)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body
            .map_err(|error| Failed { kind: HttpErrorKind::Interrupted, rests: false, error })?
            .to_bytes();
        connection.used = Instant::now();
        if !connection.sender.is_closed() {
            self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        Ok(Response::from_parts(parts, body))
    }

    /// The connection that was used last.
    fn idle(&self) -> Option<Connection> {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.used.elapsed() < STALE && !connection.sender.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<Connection, Failed> {
        let failed =
            |error: io::Error| Failed { kind: HttpErrorKind::Connect, rests: false, error: Box::new(error) };
        if let Some(text) = self.0.health.rests() {
            return Err(Failed { rests: true, ..failed(io::Error::other(text)) });
        }
        let stream = self.0.dial.dial().await.map_err(failed)?;
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = TcpStream::from_std(stream).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        match &self.0.tls {
            None => open(stream).await,
            Some((connector, name)) => {
                open(connector.connect(name.clone(), stream).await.map_err(failed)?).await
            }
        }
    }
}

async fn open<S>(stream: S) -> Result<Connection, Failed>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(Failed::of(HttpErrorKind::Connect))?;
    let driver = tokio::spawn(async move {
        // The request in flight gets the error too, and is who reports it.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the bucket ended");
        }
    });
    Ok(Connection { sender, used: Instant::now(), driver })
}

/// Whether that is an answer of one that does what it is asked for, an object that is not there among them.
fn does_its_work(status: StatusCode) -> bool {
    status.is_success() || [StatusCode::NOT_FOUND, StatusCode::RANGE_NOT_SATISFIABLE].contains(&status)
}

/// A request as one says it to the server itself: with its name in a header, and not in the first line.
fn origin_form(mut request: HttpRequest) -> HttpRequest {
    let authority = request.uri().authority().map(|authority| HeaderValue::try_from(authority.as_str()));
    if let Some(Ok(host)) = authority {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    request
}
