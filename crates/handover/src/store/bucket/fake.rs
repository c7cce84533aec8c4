//! A server that speaks as much of S3 as this store asks for, in a test's own process, and misbehaves on demand.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, RANGE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Mood {
    Good,
    /// Nobody is there.
    Down,
    /// Whoever asks waits.
    Silent,
    Forbidden,
    Unavailable,
    NoBucket,
    /// What is there can be read, and nothing is taken or removed.
    ReadOnly,
    /// A narrow line: what is sent takes so long if it goes alone, and twice as long beside another.
    Narrow(Duration),
    /// Each answer takes so long.
    Far(Duration),
}

/// How often it looks how it is to behave.
const LOOK: Duration = Duration::from_millis(10);
/// In so many parts something travels over a narrow line.
const SLICES: u32 = 10;

type Objects = BTreeMap<String, (Bytes, SystemTime)>;

pub(in crate::store) struct Fake {
    pub(in crate::store) address: SocketAddr,
    pub(in crate::store) objects: Arc<Mutex<Objects>>,
    shared: Shared,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    objects: Arc<Mutex<Objects>>,
    mood: Arc<Mutex<Mood>>,
    /// Who sends takes turns.
    line: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub(in crate::store) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same by TLS.
    pub(in crate::store) async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let objects: Arc<Mutex<Objects>> = Arc::default();
        let mood = Arc::new(Mutex::new(Mood::Good));
        let shared = Shared { objects: Arc::clone(&objects), mood, line: Arc::default() };
        let all = shared.clone();
        let server = tokio::spawn(async move {
            let mut listener = Some(listener);
            let mut calls = tokio::task::JoinSet::new();
            loop {
                let is_down = *all.mood.lock().unwrap() == Mood::Down;
                if is_down {
                    listener = None;
                    calls.abort_all();
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                if listener.is_none() {
                    listener = tokio::net::TcpListener::bind(address).await.ok();
                }
                let Some(accepting) = &listener else { continue };
                let Ok(Ok((stream, _))) = tokio::time::timeout(LOOK, accepting.accept()).await else {
                    continue;
                };
                let (all, tls) = (all.clone(), tls.clone());
                calls.spawn(async move {
                    match tls {
                        None => serve(stream, all).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, all).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, objects, shared, server }
    }

    pub(in crate::store) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// Names, without the mark.
    pub(in crate::store) fn names(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        objects.keys().filter(|name| !name.ends_with("/hanare")).cloned().collect()
    }
}

async fn serve<S>(stream: S, all: Shared)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(all.clone(), request));
    // Whoever hangs up has got what they wanted.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(all: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let say = |status: StatusCode, code: &str| {
        let text = format!("<Error><Code>{code}</Code><Message>as told</Message></Error>");
        Ok(Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap())
    };
    let mood = *all.mood.lock().unwrap();
    match mood {
        Mood::Narrow(alone) if parts.method == Method::PUT => {
            for _ in 0..SLICES {
                let _turn = all.line.lock().await;
                tokio::time::sleep(alone / SLICES).await;
            }
        }
        Mood::Good | Mood::Narrow(_) => {}
        Mood::Far(away) => tokio::time::sleep(away).await,
        Mood::ReadOnly if matches!(parts.method, Method::GET | Method::HEAD) => {}
        Mood::ReadOnly => return say(StatusCode::FORBIDDEN, "AccessDenied"),
        Mood::Down | Mood::Silent => tokio::time::sleep(Duration::from_mins(1)).await,
        Mood::Forbidden => return say(StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Mood::Unavailable => return say(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Mood::NoBucket => return say(StatusCode::NOT_FOUND, "NoSuchBucket"),
    }
    let signed = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with("AWS4-HMAC-SHA256 Credential=GKtest/") || !parts.headers.contains_key("host") {
        return say(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let Some(name) = parts.uri.path().strip_prefix("/hanare-work") else {
        return say(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    let name = name.trim_start_matches('/').to_owned();
    let mut held = all.objects.lock().unwrap();
    Ok(match (&parts.method, name.as_str()) {
        (&Method::GET, "") => list(&held, parts.uri.query().unwrap_or_default()),
        (&Method::PUT, _) => {
            held.insert(name, (body, SystemTime::now()));
            Response::builder().header(ETAG, "\"of-it\"").body(Full::default()).unwrap()
        }
        (&Method::DELETE, _) => {
            held.remove(&name);
            Response::builder().status(StatusCode::NO_CONTENT).body(Full::default()).unwrap()
        }
        (&Method::HEAD | &Method::GET, _) => {
            let Some((bytes, _)) = held.get(&name) else { return say(StatusCode::NOT_FOUND, "NoSuchKey") };
            let range = parts.headers.get(RANGE).and_then(|value| value.to_str().ok());
            match range {
                Some(range) => part(bytes, range),
                None => Response::builder()
                    .header(CONTENT_LENGTH, bytes.len())
                    .body(Full::new(bytes.clone()))
                    .unwrap(),
            }
        }
        _ => return say(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    })
}

fn part(bytes: &Bytes, range: &str) -> Response<Full<Bytes>> {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    if first >= bytes.len() {
        return Response::builder().status(StatusCode::RANGE_NOT_SATISFIABLE).body(Full::default()).unwrap();
    }
    let last = last.min(bytes.len() - 1);
    Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(CONTENT_RANGE, format!("bytes {first}-{last}/{}", bytes.len()))
        .body(Full::new(bytes.slice(first..=last)))
        .unwrap()
}

fn list(held: &Objects, query: &str) -> Response<Full<Bytes>> {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let prefix = prefix.replace("%2F", "/");
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (name, (bytes, at)) in held.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let at = hanare_model::Timestamp::from_seconds(seconds);
        let size = bytes.len();
        text += "<Contents>";
        text.extend(["<Key>", name, "</Key><LastModified>", &at.to_string(), "</LastModified>"]);
        text.extend(["<Size>", &size.to_string(), "</Size></Contents>"]);
    }
    Response::new(Full::new(Bytes::from(text + "</ListBucketResult>")))
}
