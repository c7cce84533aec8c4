//! `GET /v1/events`: what a node hears while it is connected, inside the tunnel only.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hanare_model::PublicKey;
use hanare_model::api::{Event, Refusal};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Api;
use super::routes::{No, enrolled, is_at_home, notice, renew};
use super::tls::Peer;
use crate::registry::{Registry, notices};
use crate::shared::Hq;

/// How often a silent stream says that it is there (`model/api.rs`).
const ALIVE: Duration = Duration::from_secs(10);

pub(super) async fn events(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, No> {
    let node = enrolled(&api, &peer)?;
    if !is_at_home(&node, &peer) {
        return Err(Refusal::Malformed.into());
    }
    let feed = Feed::new(Arc::clone(&api.hq), node.public_key);
    let lines = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        let mut line = serde_json::to_string(&event).ok()?;
        line.push('\n');
        Some((Ok::<_, Infallible>(line), feed))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// One node's stream: its lease when it changes, its end, and signs of life between.
pub(crate) struct Feed {
    hq: Arc<Hq>,
    node: PublicKey,
    number: u64,
    registry: watch::Receiver<Arc<Registry>>,
    /// Serial of the lease that was sent last; none at first, so that a node that missed one hears it at once.
    sent: Option<u64>,
    /// The ended session that it was told of last.
    closed: Option<[u8; 32]>,
    /// The newest notice that it was told of, and in which session.
    noticed: Option<([u8; 32], u64)>,
    alive_at: Instant,
    ended: bool,
}

impl Feed {
    pub(crate) fn new(hq: Arc<Hq>, node: PublicKey) -> Self {
        let number = hq.streams.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut listening) = hq.listening.lock() {
            listening.insert(node, number);
        }
        let mut registry = hq.writer.watch();
        registry.mark_changed();
        Self {
            hq,
            node,
            number,
            registry,
            sent: None,
            closed: None,
            noticed: None,
            alive_at: Instant::now() + ALIVE,
            ended: false,
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            tokio::select! {
                changed = self.registry.changed() => {
                    changed.ok()?;
                    if let Some(event) = self.news().await {
                        return Some(event);
                    }
                }
                () = tokio::time::sleep_until(self.alive_at) => {
                    self.alive_at = Instant::now() + ALIVE;
                    // Half of a lease passes without a change of the registry.
                    return Some(self.news().await.unwrap_or(Event::Alive));
                }
            }
        }
    }

    async fn news(&mut self) -> Option<Event> {
        let registry = Arc::clone(&self.registry.borrow_and_update());
        let node = registry.nodes.get(&self.node)?;
        if node.revoked_at.is_some() {
            self.ended = true;
            return notice(&self.hq, node).map(|tombstone| Event::Revoked { tombstone });
        }
        if let Some(event) = self.closed(&registry) {
            return Some(event);
        }
        if let Some(event) = self.notices(&registry) {
            return Some(event);
        }
        let stale = self.hq.terms.stale(&registry, node, crate::random::now());
        if !stale && self.sent == Some(node.serial) {
            return None;
        }
        let granted = renew(&self.hq, self.node).await.ok()?;
        self.sent = self.hq.writer.registry().nodes.get(&self.node).map(|node| node.serial);
        Some(Event::Lease { granted })
    }
}

impl Feed {
    /// The end of this node's work, unless it was its own word. A node hears it again on each new stream: it may have been
    /// cut off when it came, and knows the session that is meant.
    fn closed(&mut self, registry: &Registry) -> Option<Event> {
        let session = registry.sessions.get(&self.node)?;
        let (_, reason) = session.ended.filter(|(_, reason)| !reason.is_nodes_own())?;
        if self.closed == Some(session.fingerprint) {
            return None;
        }
        self.closed = Some(session.fingerprint);
        // One look at the registry brings one event: what else is new is looked for at once.
        self.registry.mark_changed();
        let (person, session) = (session.person.clone(), hex::encode(session.fingerprint));
        Some(Event::WorkClosed { person, session, reason })
    }
}

impl Feed {
    /// What others did with the work of the person whose work is open here, when there is something new.
    fn notices(&mut self, registry: &Registry) -> Option<Event> {
        let now = crate::random::now();
        let session = registry.sessions.get(&self.node).filter(|session| session.is_open(now))?;
        let (newest, notices) = notices(registry, &session.person, now);
        let newest = (session.fingerprint, newest?);
        if self.noticed == Some(newest) {
            return None;
        }
        self.noticed = Some(newest);
        self.registry.mark_changed();
        Some(Event::Notices { session: hex::encode(session.fingerprint), notices })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Ok(mut listening) = self.hq.listening.lock()
            && listening.get(&self.node) == Some(&self.number)
        {
            listening.remove(&self.node);
        }
    }
}
