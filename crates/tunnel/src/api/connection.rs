//! One connection to headquarters: requests one after the other, answers bounded in size and time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hanare_model::api::{EXPORTER_LABEL, Refusal};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls::is_wrong_certificate;
use super::{ApiError, Identity};
use crate::paced::{Pace, Paced};

/// The longest answer: a lease is a few kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// How long TLS, and then each answer, may take on a bad line.
const PATIENCE: Duration = Duration::from_secs(8);

/// An authenticated connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    exporter: [u8; 32],
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Speaks TLS on a connected socket; must be called inside a tokio runtime.
    pub(crate) async fn open(stream: TcpStream, identity: &Identity) -> Result<Self, ApiError> {
        Self::open_paced(stream, identity, None).await
    }

    /// The same; what is sent keeps to a rate, if there is one.
    pub(crate) async fn open_paced(
        stream: TcpStream,
        identity: &Identity,
        pace: Option<Arc<Pace>>,
    ) -> Result<Self, ApiError> {
        stream.set_nodelay(true).map_err(ApiError::io("setting up the socket"))?;
        let peer = stream.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
        let stream = Paced::new(stream, pace);
        let connector = TlsConnector::from(Arc::clone(&identity.config));
        let tls = timeout(PATIENCE, connector.connect(ServerName::IpAddress(peer.into()), stream))
            .await
            .map_err(|_| ApiError::Timeout { what: "TLS" })?
            .map_err(|error| {
                if is_wrong_certificate(&error) {
                    ApiError::NotHeadquarters
                } else {
                    ApiError::io("TLS")(error)
                }
            })?;
        let exporter = tls
            .get_ref()
            .1
            .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
            .map_err(|error| ApiError::Setup { why: error.to_string() })?;
        let (sender, connection) = handshake(TokioIo::new(tls))
            .await
            .map_err(|error| ApiError::connection("HTTP")(Box::new(error)))?;
        let driver = tokio::spawn(async move {
            // The request in flight gets the error too, and is who reports it.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the API connection ended");
            }
        });
        Ok(Self { sender, exporter, driver })
    }

    /// The TLS exporter that binds a proof to this connection.
    pub(crate) const fn exporter(&self) -> &[u8; 32] {
        &self.exporter
    }

    /// `GET`, answered with a document.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &'static str) -> Result<T, ApiError> {
        let answer = self.call(Method::GET, path, Bytes::new()).await?;
        read(answer).await
    }

    /// `POST` of a document, answered with a document.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &mut self,
        path: &'static str,
        body: &B,
    ) -> Result<T, ApiError> {
        let answer = self.call(Method::POST, path, json(body)?).await?;
        read(answer).await
    }

    /// `POST` of a document, answered with a status only.
    pub(crate) async fn tell<B: Serialize>(&mut self, path: &'static str, body: &B) -> Result<(), ApiError> {
        self.call(Method::POST, path, json(body)?).await.map(drop)
    }

    /// `GET` of a document that does not end; the caller reads it and bounds the time.
    pub(crate) async fn stream(&mut self, path: &'static str) -> Result<Incoming, ApiError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// `POST` of bytes, in the name of a session if there is one, answered with at most `most` bytes; the caller bounds the time.
    pub(crate) async fn exchange(
        &mut self,
        path: &'static str,
        session: Option<&str>,
        body: Bytes,
        most: usize,
    ) -> Result<Bytes, ApiError> {
        let mut request = request(Method::POST, path);
        if let Some(session) = session {
            let mut bearer = HeaderValue::try_from(format!("Bearer {session}"))
                .map_err(|error| ApiError::Setup { why: error.to_string() })?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let answer = self.send(path, request, body).await?;
        let collected = Limited::new(answer, most).collect().await;
        Ok(collected.map_err(ApiError::connection("reading the answer"))?.to_bytes())
    }

    async fn call(&mut self, method: Method, path: &'static str, body: Bytes) -> Result<Incoming, ApiError> {
        let request = request(method, path).header(CONTENT_TYPE, "application/json");
        timeout(PATIENCE, self.send(path, request, body))
            .await
            .map_err(|_| ApiError::Timeout { what: path })?
    }

    async fn send(
        &mut self,
        path: &'static str,
        request: Builder,
        body: Bytes,
    ) -> Result<Incoming, ApiError> {
        let request =
            request.body(Full::new(body)).map_err(|error| ApiError::Setup { why: error.to_string() })?;
        let exchange = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        let answer = exchange.await.map_err(|error| ApiError::connection(path)(Box::new(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        if status == StatusCode::FORBIDDEN || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(ApiError::Refused(read::<Refusal>(answer.into_body()).await?));
        }
        Err(ApiError::Unavailable { status: status.as_u16() })
    }
}

fn request(method: Method, path: &'static str) -> Builder {
    Request::builder().method(method).uri(path).header(HOST, "hq.hanare.invalid")
}

fn json<B: Serialize>(body: &B) -> Result<Bytes, ApiError> {
    let text = serde_json::to_vec(body).map_err(|error| ApiError::Setup { why: error.to_string() })?;
    Ok(Bytes::from(text))
}

async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, ApiError> {
    let body = timeout(PATIENCE, Limited::new(body, MAX_ANSWER).collect())
        .await
        .map_err(|_| ApiError::Timeout { what: "reading the answer" })?
        .map_err(ApiError::connection("reading the answer"))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| ApiError::Answer { why: error.to_string() })
}
