//! The node API: TLS 1.3 with HQ's pinned certificate, JSON over HTTP/1.1, every resource bounded.

mod events;
mod handover;
mod join;
mod listen;
mod memory;
mod records;
mod report;
mod routes;
pub(crate) mod sealed;
mod share;
mod strangers;
mod tls;
mod work;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

#[cfg(test)]
pub(crate) use events::Feed;
pub use listen::bind;
pub(crate) use listen::{inside as listen_inside, outside as listen};

use crate::keys::Keys;
use crate::limit::{Limiter, Rate, network};
use crate::registry::NodeRow;
use crate::shared::Hq;
use share::{Shares, Source, site};
use strangers::{Stranger, Strangers};
use tls::Peer;

/// How long a handshake, a request's headers, or its body and our decision together may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection from outside may take in all: a join is two requests, and who reads no answer holds a place.
const OUTSIDE_LIFE: Duration = Duration::from_mins(1);
/// Connections from outside at a time: about 30 KiB each keeps an attacker below 8 MiB.
const MAX_OUTSIDE: usize = 256;
/// Connections from inside the tunnel at a time: a node holds one, and one more while it renews.
const MAX_INSIDE: usize = 4096;
/// Of those, from one address outside: a room behind one address gets its turn, and leaves the others theirs.
const OUTSIDE_SHARE: usize = 64;
/// And from one IPv6 network of 48 bits, which is what one customer of a provider has.
const SITE_SHARE: usize = 96;
/// How long a connection that makes room may take to end.
const ROOM_PATIENCE: Duration = Duration::from_millis(100);
/// And from one node inside: with connections whose other end went silent.
const INSIDE_SHARE: usize = 32;
/// New connections from one address: far more than a room behind one address makes, far less than a core can handshake.
const CONNECTIONS: Rate = Rate { burst: 500, every: Duration::from_millis(10) };
/// Requests from one address that were refused for what no honest device sends.
const FORGERIES: Rate = Rate { burst: 30, every: Duration::from_secs(2) };

/// Openings that one node asks for: far more than its people need, far less than a guesser would like.
const OPENINGS: Rate = Rate { burst: 10, every: Duration::from_secs(6) };

/// Reports of one node: it sends them when something happens, and all that it holds after a long time without a line.
const REPORTS: Rate = Rate { burst: 200, every: Duration::from_secs(10) };

/// Records of one node's own ledger, or half kilobytes of long ones: far more than people ask for unlocks, and, as the ledger has what it
/// says beside the line itself, some 40 MB a day of one node that does nothing else.
const RECORDS: Rate = Rate { burst: 400, every: Duration::from_secs(5) };

/// Why the API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The port is taken, or not ours to take.
    #[error("the node API cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The certificate and its key do not work.
    #[error("headquarters' certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// The API of one running headquarters.
pub(crate) struct Api {
    hq: Arc<Hq>,
    acceptor: TlsAcceptor,
    outside: Arc<Semaphore>,
    inside: Arc<Semaphore>,
    connections: Mutex<Limiter>,
    forgeries: Mutex<Limiter>,
    openings: Mutex<Limiter>,
    reports: Mutex<Limiter>,
    records: Mutex<Limiter>,
    shares: Arc<Shares>,
    strangers: Arc<Strangers>,
}

impl Api {
    pub(crate) fn new(hq: Arc<Hq>, keys: &Keys) -> Result<Arc<Self>, ApiError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls::config(keys)?));
        Ok(Arc::new(Self {
            hq,
            acceptor,
            outside: Arc::new(Semaphore::new(MAX_OUTSIDE)),
            inside: Arc::new(Semaphore::new(MAX_INSIDE)),
            connections: Mutex::new(Limiter::new(CONNECTIONS)),
            forgeries: Mutex::new(Limiter::new(FORGERIES)),
            openings: Mutex::new(Limiter::new(OPENINGS)),
            reports: Mutex::new(Limiter::new(REPORTS)),
            records: Mutex::new(Limiter::new(RECORDS)),
            shares: Arc::default(),
            strangers: Arc::default(),
        }))
    }

    /// Accepts until told to stop.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while connections.try_join_next().is_some() {}
            let Ok((stream, from)) = accepted else {
                // Out of descriptors: give others time to close theirs.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(at) = stream.local_addr() else { continue };
            let inside = self.is_inside(at, from);
            let most = if inside { INSIDE_SHARE } else { OUTSIDE_SHARE };
            let source = self.source(from, inside);
            let site = match source {
                Source::Network(IpAddr::V6(v6)) => Some(Source::Site(site(v6))),
                Source::Network(IpAddr::V4(_)) | Source::Node(_) | Source::Site(_) => None,
            };
            let Some(share) = Shares::take(&self.shares, source, most) else { continue };
            let site_share = site.map(|site| Shares::take(&self.shares, site, SITE_SHARE));
            if site_share.as_ref().is_some_and(Option::is_none) {
                continue;
            }
            if !inside && !take(&self.connections, from) {
                continue;
            }
            let Some(permit) = self.permit(inside).await else { continue };
            let api = Arc::clone(&self);
            let stranger = (!inside).then(|| Strangers::come(&self.strangers));
            let number = stranger.as_ref().map(Stranger::number);
            let task = connections.spawn(async move {
                let connection = api.connection(stream, from, inside, stranger);
                if inside {
                    connection.await;
                } else if tokio::time::timeout(OUTSIDE_LIFE, connection).await.is_err() {
                    tracing::debug!(%from, "a connection took too long");
                }
                drop((permit, share, site_share));
            });
            if let Some(number) = number {
                self.strangers.served_by(number, task);
            }
        }
        connections.shutdown().await;
    }

    /// A place for one more connection. Outside, where all are taken, the oldest of those who have not said who they are goes:
    /// whoever holds them has to come again and again, and a node with something to say is in meanwhile.
    async fn permit(&self, inside: bool) -> Option<OwnedSemaphorePermit> {
        let permits = if inside { &self.inside } else { &self.outside };
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Some(permit);
        }
        if inside || !self.strangers.evict() {
            return None;
        }
        let room = tokio::time::timeout(ROOM_PATIENCE, Arc::clone(permits).acquire_owned());
        room.await.ok()?.ok()
    }

    /// Whether a connection came through the tunnel: to an address that is there and from one. The firewall takes care that
    /// neither comes by another interface; without it somebody beside headquarters reaches its own addresses, but answers to
    /// an overlay's address go into the tunnel.
    fn is_inside(&self, at: SocketAddr, from: SocketAddr) -> bool {
        let overlay = self.hq.writer.registry().settings.overlay.prefixes();
        let lives_there = |ip: IpAddr| overlay.iter().any(|prefix| prefix.contains(&ip.to_canonical()));
        self.hq.terms.addresses.contains(&at.ip().to_canonical()) && lives_there(from.ip())
    }

    /// Who shares the places of this connection: the node, whichever of its addresses it uses, or the address.
    fn source(&self, from: SocketAddr, inside: bool) -> Source {
        let ip = from.ip().to_canonical();
        let registry = self.hq.writer.registry();
        let lives_here = |node: &&NodeRow| {
            node.addresses.contains(&ip) || node.lan.iter().any(|prefix| prefix.contains(&ip))
        };
        match registry.enrolled().find(lives_here) {
            Some(node) if inside => Source::Node(node.public_key),
            Some(_) | None => Source::Network(network(ip)),
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        from: SocketAddr,
        inside: bool,
        stranger: Option<Stranger>,
    ) {
        let _ = stream.set_nodelay(true);
        let accepted = tokio::time::timeout(PATIENCE, self.acceptor.accept(stream)).await;
        let Ok(Ok(stream)) = accepted else { return };
        let Some(peer) = tls::peer(stream.get_ref().1, from, inside) else { return };
        let registry = self.hq.writer.registry();
        let is_known = registry
            .enrolled()
            .any(|node| peer.signing_key.is_some() && node.signing_key == peer.signing_key);
        drop(registry);
        let _stranger = stranger.filter(|_| !is_known);
        self.speak(stream, peer).await;
    }

    /// HTTP with whoever has proven a key, or has none.
    async fn speak(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
    ) {
        let from = peer.from;
        let service = TowerToHyperService::new(routes::router(Arc::clone(&self), peer));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%from, %error, "a connection ended early");
        }
    }

    /// A connection as it arrives from inside the tunnel, which a test on loopback cannot make: a node with its own key at its
    /// own address.
    #[cfg(test)]
    pub(crate) fn from_inside(self: &Arc<Self>, node: &NodeRow) -> tokio::io::DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let from = SocketAddr::new(node.addresses[0], 40_000);
        let peer = Peer { from, inside: true, signing_key: node.signing_key, exporter: [0; 32] };
        tokio::spawn(Arc::clone(self).speak(ours, peer));
        theirs
    }

    /// Notes that an address sent what no honest device sends.
    fn forged(&self, from: SocketAddr) {
        take(&self.forgeries, from);
    }

    /// Whether an address has sent too much of that, and how long it has to wait.
    fn banned(&self, from: SocketAddr) -> Option<Duration> {
        self.forgeries.lock().ok()?.wait(from.ip(), Instant::now())
    }
}

fn take(limiter: &Mutex<Limiter>, from: SocketAddr) -> bool {
    limiter.lock().is_ok_and(|mut limiter| limiter.take(from.ip(), Instant::now()).is_ok())
}
