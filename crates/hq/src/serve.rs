//! A running headquarters: starting, publishing, stopping.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hanare_handover::store::{Bucket, Removed, StoreError as WorkError};
use hanare_ledger::Entry;
use hanare_model::{Endpoint, PrivateKey, PublicKey};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::admin_socket::{AdminSocket, Caller, SocketError};
use crate::api::{self, ApiError};
use crate::claims;
use crate::grants::Grants;
use crate::identity::Embedded;
use crate::init::KEYS_DIRECTORY;
use crate::inside_port;
use crate::keys::{Keys, KeysError};
use crate::lease::LeaseTerms;
use crate::lock::{LockError, StateLock};
use crate::objects;
use crate::plane::{Order, PlaneLink, PlaneReport, Published};
use crate::publish::Frame;
use crate::random;
use crate::registry::{Act, Context};
use crate::settings::Settings;
use crate::shared::Hq;
use crate::store::writer::Writer;
use crate::store::{FILE_NAME, Store, StoreError};
use crate::work_store::WorkStore;

/// Endpoints are written down this long after the first news: they matter only for the next start.
const ENDPOINT_DELAY: Duration = Duration::from_secs(2);
/// How often leases and sessions that ran out are looked for.
const LAPSE_INTERVAL: Duration = Duration::from_mins(1);

/// The daily round among versions begins this long after a start, when nodes have settled,
const FIRST_ROUND: Duration = Duration::from_hours(1);
/// and comes again this long after the last one.
const ROUND: Duration = Duration::from_hours(24);

/// What `hq serve` is told.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The state directory.
    pub state: PathBuf,
    /// The runtime directory.
    pub runtime: PathBuf,
    /// Where `WireGuard` listens; the data plane binds it.
    pub listen: SocketAddr,
    /// Where the node API listens; port 0 takes any.
    pub api: SocketAddr,
    /// The tunnel interface.
    pub interface: String,
    /// Where systemd puts credentials.
    pub credentials: Option<PathBuf>,
    /// Where the objects of work data are, if not in the state directory.
    pub bucket: Option<Arc<Bucket>>,
}

/// Why headquarters does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process works on this state.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database does not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of work data does not do its work.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The node API cannot listen.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The node API cannot listen inside the tunnel, on the port that was written down for good.
    #[error("the node API cannot listen on {address}, as {} has it: {source}", kept.display())]
    Inside {
        /// Where.
        address: SocketAddr,
        /// The file that keeps the port.
        kept: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The admin socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

impl ServeError {
    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Store(error) => error.exit_status(),
            Self::Work(_)
            | Self::Lock(_)
            | Self::Keys(_)
            | Self::Api(_)
            | Self::Inside { .. }
            | Self::Socket(_) => 4,
        }
    }
}

/// A running headquarters. Its tasks end with [`Server::stop`].
pub struct Server {
    pub(crate) hq: Arc<Hq>,
    published: watch::Receiver<Published>,
    link: PlaneLink,
    orders: Option<mpsc::Receiver<Order>>,
    tasks: JoinSet<()>,
    stopping: watch::Sender<bool>,
    socket: PathBuf,
    _lock: StateLock,
}

impl Server {
    /// Opens the registry and listens, on the admin socket, from outside and (before the interface has them) on
    /// headquarters' own addresses inside the tunnel.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn start(options: ServeOptions) -> Result<Self, ServeError> {
        // Root alone, and whoever runs this.
        let caller: Caller = |socket| {
            let uid = rustix::net::sockopt::socket_peercred(socket)?.uid.as_raw();
            Ok((uid, uid == 0))
        };
        Self::start_with(options, api::bind, caller).await
    }

    /// The same where `bind` makes the listening sockets, as [`crate::bind`] does: whoever runs this may not take every port; and
    /// `caller` tells who asks on the admin socket.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn start_with(
        options: ServeOptions,
        mut bind: impl FnMut(SocketAddr, bool) -> io::Result<TcpListener>,
        caller: Caller,
    ) -> Result<Self, ServeError> {
        let database = options.state.join(FILE_NAME);
        if !database.exists() {
            return Err(StoreError::Absent { path: options.state }.into());
        }
        let lock = StateLock::take(&options.state)?;
        let keys = Keys::load(&options.state.join(KEYS_DIRECTORY), options.credentials.as_deref())?;
        let mut store = Store::open(&database).await?;
        let settings = store.load(random::now()).await?.settings;
        let outside = api::listen(options.api, &mut bind)?;
        let bound = outside.local_addr().map_err(|source| ApiError::Bind { address: options.api, source })?;
        let api_endpoints = api_endpoints(bound, &settings);
        let kept = inside_port::read(&options.state)?;
        let inside = kept.unwrap_or_else(|| bound.port());
        let terms = LeaseTerms::new(
            &settings,
            (keys.wireguard.public(), keys.sealing.clone()),
            api_endpoints.clone(),
            inside,
        );
        let context = Context {
            now: random::now(),
            actor: "hq".to_owned(),
            interface: options.interface.clone(),
            api: api_endpoints,
            terms: terms.clone(),
            pin: keys.pin,
        };
        let writer = Writer::start(store, context, keys.signing.clone()).await?;
        let (report, reports) = watch::channel(PlaneReport::default());
        let (in_force, forces) = watch::channel(None);
        let (orders, order_queue) = mpsc::channel(64);
        let (roamed, roaming) = mpsc::channel(1024);
        let (departing, _) = watch::channel(BTreeMap::new());
        let frame = Frame::new(options.interface.clone(), inside, &writer.registry());
        let hq = Arc::new(Hq {
            writer,
            identity: Box::new(Embedded::default()),
            wireguard: keys.wireguard.clone(),
            signing: keys.signing.clone(),
            pin: keys.pin,
            terms,
            interface: options.interface,
            listen: options.listen,
            api: bound,
            since: random::now(),
            work: WorkStore::new(&options.state, options.bucket),
            grants: Grants::default(),
            report: reports,
            in_force: forces,
            orders,
            departing,
            listening: Mutex::new(BTreeMap::new()),
            streams: AtomicU64::new(0),
        });
        let socket = AdminSocket::bind(&options.runtime, caller)?;
        let socket_path = socket.path().to_owned();
        let mut listeners = vec![outside];
        let within = api::listen_inside(bound, settings.overlay.hq(), inside, &mut bind);
        listeners.extend(within.map_err(|error| match error {
            // Not where `--api` says, and not to be moved by it.
            ApiError::Bind { address, source } if kept.is_some() => {
                ServeError::Inside { address, kept: inside_port::path(&options.state), source }
            }
            error @ (ApiError::Bind { .. } | ApiError::Tls(_)) => error.into(),
        })?);
        // Any port is another one each time.
        if options.api.port() != 0 {
            inside_port::keep(&options.state, inside)?;
        }

        let first = frame.published(&hq.writer.registry(), &hq.departing(), random::now());
        let (publish, published) = watch::channel(first);
        let (stopping, stop) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(publisher(Arc::clone(&hq), frame, publish));
        tasks.spawn(endpoints(Arc::clone(&hq), roaming));
        tasks.spawn(lapse(Arc::clone(&hq)));
        tasks.spawn(retain(Arc::clone(&hq)));
        if let Some(bucket) = hq.work.bucket() {
            tasks.spawn(objects::watch(Arc::clone(bucket)));
        }
        tasks.spawn(socket.serve(Arc::clone(&hq), stop.clone()));
        let api = api::Api::new(Arc::clone(&hq), &keys)?;
        for listener in listeners {
            tasks.spawn(Arc::clone(&api).serve(listener, stop.clone()));
        }
        let link = PlaneLink { roamed, report, in_force };
        Ok(Self {
            hq,
            published,
            link,
            orders: Some(order_queue),
            tasks,
            stopping,
            socket: socket_path,
            _lock: lock,
        })
    }

    /// What the data plane, the interface and the firewall should be, now and from now on.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// Headquarters' `WireGuard` key, for the data plane.
    #[must_use]
    pub fn private_key(&self) -> PrivateKey {
        self.hq.wireguard.clone()
    }

    /// Where the node API listens, with the port that was taken.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.hq.api
    }

    /// The data plane's end of the link.
    #[must_use]
    pub fn plane(&self) -> PlaneLink {
        self.link.clone()
    }

    /// What headquarters asks of the data plane; the first call gets it.
    pub const fn take_orders(&mut self) -> Option<mpsc::Receiver<Order>> {
        self.orders.take()
    }

    /// Stops listening, finishes what was asked, closes the database and removes the socket.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let _ = std::fs::remove_file(&self.socket);
        // Open event streams end with their tasks; what an admin asked before is answered by the writer first.
        let admin_grace = Duration::from_millis(200);
        let _ = tokio::time::timeout(admin_grace, async { while self.tasks.join_next().await.is_some() {} })
            .await;
        self.hq.work.close().await;
        self.hq.writer.stop().await;
        self.tasks.shutdown().await;
    }
}

/// An address to dial from outside: where the API listens, or with a wildcard every endpoint's host (`INTERFACE`).
fn api_endpoints(bound: SocketAddr, settings: &Settings) -> Vec<Endpoint> {
    if !bound.ip().is_unspecified() {
        return vec![Endpoint::from_address(bound.ip(), bound.port())];
    }
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for endpoint in settings.endpoints.iter().map(|endpoint| endpoint.with_port(bound.port())) {
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    endpoints
}

/// Publishes after every change, when a farewell is over, and once a minute for leases that ran out.
async fn publisher(hq: Arc<Hq>, frame: Frame, publish: watch::Sender<Published>) {
    let (mut registry, mut departing) = (hq.writer.watch(), hq.departing.subscribe());
    loop {
        let now = Instant::now();
        let due: Vec<PublicKey> =
            hq.departing.borrow().iter().filter(|(_, until)| **until <= now).map(|(key, _)| *key).collect();
        for key in &due {
            hq.farewell(key);
        }
        let next = frame.published(&registry.borrow_and_update().clone(), &hq.departing(), random::now());
        publish.send_if_modified(|current| {
            let changed = *current != next;
            *current = next;
            changed
        });
        let wake = departing.borrow_and_update().values().min().copied();
        let wait = wake.map_or(LAPSE_INTERVAL, |until| until.saturating_duration_since(Instant::now()));
        tokio::select! {
            changed = registry.changed() => if changed.is_err() { return },
            changed = departing.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Ends, on the record, what people left open for a day. It is good no longer either way.
async fn lapse(hq: Arc<Hq>) {
    loop {
        let (registry, now) = (hq.writer.registry(), random::now());
        if registry.sessions.values().any(|session| session.ended.is_none() && session.until <= now)
            && let Err(error) = hq.writer.act("hq", Act::WorkLapse).await
        {
            tracing::warn!(%error, "sessions that are over were not ended on the record");
        }
        drop(registry);
        tokio::time::sleep(LAPSE_INTERVAL).await;
    }
}

/// Removes versions that are kept no longer, once a day, and looks at those that came; both are on the ledger.
async fn retain(hq: Arc<Hq>) {
    tokio::time::sleep(FIRST_ROUND).await;
    loop {
        match hq.work.retain(random::now()).await {
            Ok(Some(removed)) => {
                tracing::info!(?removed, "versions that are kept no longer were removed");
                let entry = removed_entry(&removed);
                if let Err(error) = hq.writer.act("hq", Act::Note(entry)).await {
                    tracing::warn!(%error, "what was removed was not recorded");
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "versions that are kept no longer were not removed"),
        }
        claims::look(&hq).await;
        tokio::time::sleep(ROUND).await;
    }
}

fn removed_entry(removed: &Removed) -> Entry {
    let Removed { versions, files, chunks, objects, bytes } = *removed;
    let data = serde_json::json!({
        "versions": versions, "files": files, "chunks": chunks, "objects": objects, "bytes": bytes,
    });
    let (kind, subject) = ("handover.retained".to_owned(), String::new());
    Entry { at: random::now(), actor: "hq".to_owned(), kind, subject, data }
}

/// Gathers news of endpoints for a while and writes them down together.
async fn endpoints(hq: Arc<Hq>, mut roaming: mpsc::Receiver<(PublicKey, SocketAddr)>) {
    while let Some((key, endpoint)) = roaming.recv().await {
        let mut news = BTreeMap::from([(key, endpoint)]);
        let deadline = tokio::time::Instant::now() + ENDPOINT_DELAY;
        while let Ok(Some((key, endpoint))) = tokio::time::timeout_at(deadline, roaming.recv()).await {
            news.insert(key, endpoint);
        }
        if let Err(error) = hq.writer.act("hq", Act::Roamed(news.into_iter().collect())).await {
            tracing::warn!(%error, "endpoints were not written down");
        }
    }
}
