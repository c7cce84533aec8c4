//! Routes, and who may take them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hanare_ledger::Entry;
use hanare_model::api::{Ack, Granted, Hello, Leave, Refusal};
use hanare_model::{PublicKey, Signed};
use serde_json::json;

use super::tls::Peer;
use super::{Api, PATIENCE, events, handover, join, records, report, work};
use crate::lease::tombstone;
use crate::plane::Order;
use crate::random;
use crate::registry::{Act, NodeRow};
use crate::shared::Hq;
use crate::store::NOT_ENROLLED;

/// The largest request; a join has less than 1 KiB.
const MAX_BODY: usize = 64 * 1024;

/// The routes for one connection.
pub(super) fn router(api: Arc<Api>, peer: Peer) -> Router {
    Router::new()
        .route("/v1/hello", get(hello))
        .route("/v1/join", post(join::join))
        .route("/v1/lease", get(lease))
        .route("/v1/events", get(events::events))
        .route("/v1/ack", post(ack))
        .route("/v1/leave", post(leave))
        .route("/v1/rebuild", post(rebuild))
        .route("/v1/work/open", post(work::open))
        .route("/v1/work/close", post(work::close))
        .route("/v1/work/overtime", post(work::overtime))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(report::routes())
        .merge(records::routes())
        .layer(middleware::from_fn(in_time))
        // What carries work bounds sizes and times by itself.
        .merge(handover::routes())
        .layer(Extension(peer))
        .with_state(api)
}

/// A body that does not come, or a database that does not answer, must not hold a connection. What streams afterwards
/// (`/v1/events`) has its answer by then.
async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// A refusal, or our own failure, as an answer.
pub(super) enum No {
    Refused(Refusal),
    /// The database does not do its work; trying again later may help.
    Unavailable,
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal @ Refusal::TooMany { .. }) => {
                (StatusCode::TOO_MANY_REQUESTS, Json(refusal)).into_response()
            }
            Self::Refused(refusal) => (StatusCode::FORBIDDEN, Json(refusal)).into_response(),
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// Says how long to wait, in whole seconds, at least one.
pub(super) fn too_many(wait: Duration) -> Refusal {
    Refusal::TooMany { retry_after_seconds: wait.as_secs().saturating_add(1) }
}

async fn hello(State(api): State<Arc<Api>>) -> Json<Hello> {
    Json(Hello {
        public_key: api.hq.wireguard.public(),
        signing_key: api.hq.signing.verify_key(),
        now: random::now(),
    })
}

async fn lease(State(api): State<Arc<Api>>, Extension(peer): Extension<Peer>) -> Result<Json<Granted>, No> {
    match enrolled(&api, &peer) {
        Ok(node) => renew(&api.hq, node.public_key).await.map(Json),
        Err(no) => {
            let registry = api.hq.writer.registry();
            let node = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key));
            let (name, why) = match node {
                Some(node) => (node.name.to_string(), "revoked"),
                None => (String::new(), NOT_ENROLLED),
            };
            drop(registry);
            note(&api, &peer, "lease.refused", &name, why).await;
            Err(no)
        }
    }
}

/// Puts a refusal on the ledger, if it has room for one more.
pub(super) async fn note(api: &Api, peer: &Peer, kind: &str, subject: &str, why: &str) {
    let entry = Entry {
        at: random::now(),
        actor: format!("address {}", peer.from.ip().to_canonical()),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        data: json!({ "why": why, "signing_key": peer.signing_key }),
    };
    if let Err(error) = api.hq.writer.act("hq", Act::Note(entry)).await {
        tracing::warn!(%error, "a refusal was not recorded");
    }
}

async fn ack(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<StatusCode, No> {
    let ack: Ack = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let registry = api.hq.writer.registry();
    let node = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key));
    match (node, ack) {
        (None, _) => Err(Refusal::NotEnrolled.into()),
        (Some(node), Ack::Revoked) => {
            if node.revoked_at.is_some() {
                api.hq.farewell(&node.public_key);
            }
            Ok(StatusCode::NO_CONTENT)
        }
        (Some(node), Ack::Lease { serial }) => {
            tracing::info!(node = %node.name, serial, "a lease is in force");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

/// Durable before it is answered; the answer leaves before the peer goes.
async fn leave(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<StatusCode, No> {
    let node = enrolled(&api, &peer)?;
    let word: Leave = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    if peer.inside {
        api.hq.depart(node.public_key);
    }
    let left = api.hq.writer.act(&format!("node {}", node.name), Act::Leave(node.public_key, word)).await;
    if left.is_err() {
        api.hq.farewell(&node.public_key);
        return Err(No::Unavailable);
    }
    tracing::info!(node = %node.name, "a node has left");
    Ok(StatusCode::NO_CONTENT)
}

async fn rebuild(State(api): State<Arc<Api>>, Extension(peer): Extension<Peer>) -> Result<StatusCode, No> {
    let node = enrolled(&api, &peer)?;
    let _ = api.hq.orders.try_send(Order::Rebuild(node.public_key));
    Ok(StatusCode::NO_CONTENT)
}

/// The enrolled node at the other end; a revoked one hears its tombstone again.
pub(super) fn enrolled(api: &Api, peer: &Peer) -> Result<NodeRow, No> {
    let registry = api.hq.writer.registry();
    let node = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key));
    match node {
        None => Err(Refusal::NotEnrolled.into()),
        Some(node) if node.revoked_at.is_some() => Err(revoked(&api.hq, node)),
        Some(node) => Ok(node.clone()),
    }
}

/// Whether a node asks from its own place inside the tunnel. The address proves it: the data plane lets a node use none but
/// its own.
pub(super) fn is_at_home(node: &NodeRow, peer: &Peer) -> bool {
    peer.inside && node.addresses.contains(&peer.from.ip().to_canonical())
}

/// The refusal with a node's tombstone.
pub(super) fn revoked(hq: &Hq, node: &NodeRow) -> No {
    match notice(hq, node) {
        Some(tombstone) => Refusal::Revoked { tombstone }.into(),
        None => No::Unavailable,
    }
}

/// A revoked node's tombstone.
pub(super) fn notice(hq: &Hq, node: &NodeRow) -> Option<Signed> {
    tombstone(node, &hq.signing)?.ok()
}

/// The node's lease, a new one if that is due.
pub(super) async fn renew(hq: &Hq, key: PublicKey) -> Result<Granted, No> {
    let registry = hq.writer.registry();
    let stale = |node: &NodeRow| hq.terms.stale(&registry, node, random::now());
    if registry.nodes.get(&key).is_some_and(stale) {
        hq.writer.act("hq", Act::Renew(key)).await.map_err(|_| No::Unavailable)?;
    }
    let registry = hq.writer.registry();
    let node = registry.nodes.get(&key).ok_or(Refusal::NotEnrolled)?;
    if node.revoked_at.is_some() {
        return Err(revoked(hq, node));
    }
    hq.terms.granted(&registry, node, &hq.signing).map_err(|_| No::Unavailable)
}
