//! `POST /v1/records`: what a node has on its own ledger, for headquarters'. Also from outside the tunnel and from a revoked
//! node: a record proves itself.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::routing::post;
use axum::{Json, Router};
use hanare_ledger::carried::{MAX_RECORD, MAX_RECORDS, NodeRecords, RecordsTaken};
use hanare_model::api::Refusal;

use super::Api;
use super::routes::{No, too_many};
use super::tls::Peer;
use crate::registry::{Act, Outcome};

/// So many bytes of a record count as one: what an unlock takes.
const RECORD_SHARE: usize = 512;
/// The largest request: as many of the longest records as there may be, every character of them escaped.
const MAX_BODY: usize = 2 * MAX_RECORD * MAX_RECORDS + 1024;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/records", post(records)).layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn records(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<RecordsTaken>, No> {
    let registry = api.hq.writer.registry();
    let node = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key));
    let node = node.ok_or(Refusal::NotEnrolled)?.clone();
    drop(registry);
    let told: NodeRecords = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let [address, _] = node.addresses;
    let now = Instant::now();
    // Each record has its place on the ledger for good, a long one a longer one.
    let size = told.lines.iter().map(|line| line.len().div_ceil(RECORD_SHARE).max(1)).sum::<usize>();
    let count = u32::try_from(size.max(1)).unwrap_or(u32::MAX);
    let allowed = api.records.lock().map(|mut records| records.take_all(address, count, now));
    allowed.map_err(|_| No::Unavailable)?.map_err(too_many)?;
    let actor = super::work::actor(&node);
    match api.hq.writer.act(&actor, Act::Records(node.public_key, Box::new(told))).await {
        Ok(Outcome::Answer(taken)) => {
            let taken = serde_json::from_value::<Option<RecordsTaken>>(taken).map_err(|_| No::Unavailable)?;
            taken.map(Json).ok_or(No::Refused(Refusal::Malformed))
        }
        Ok(Outcome::Joined(_) | Outcome::Opened(_) | Outcome::Done) | Err(_) => Err(No::Unavailable),
    }
}
