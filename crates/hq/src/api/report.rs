//! `POST /v1/report`: an endpoint's receipts and how it stands, with the node's own key. Also from outside the tunnel and from
//! a revoked node: a receipt proves itself, and that of a revoked one is wanted most.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::routing::post;
use axum::{Json, Router};
use hanare_model::api::Refusal;
use hanare_model::report::{MAX_RECEIPTS, MAX_REPORT, NodeReport};
use serde_json::Value;

use super::Api;
use super::routes::{No, too_many};
use super::tls::Peer;
use crate::registry::{Act, Outcome};

/// A boot's name as kernels write it: 8-4-4-4-12 hexadecimal digits.
const BOOT_ID_LEN: usize = 36;
/// The longest of a volume's words.
const WORD: usize = 32;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/report", post(report)).layer(DefaultBodyLimit::max(MAX_REPORT))
}

async fn report(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<Value>, No> {
    let registry = api.hq.writer.registry();
    let node = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key));
    let node = node.ok_or(Refusal::NotEnrolled)?.clone();
    drop(registry);
    let [address, _] = node.addresses;
    let taken = api.reports.lock().map(|mut reports| reports.take(address, Instant::now()));
    taken.map_err(|_| No::Unavailable)?.map_err(too_many)?;
    let report: NodeReport = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    if !is_sound(&report) {
        return Err(Refusal::Malformed.into());
    }
    let actor = super::work::actor(&node);
    match api.hq.writer.act(&actor, Act::Report(node.public_key, Box::new(report))).await {
        Ok(Outcome::Answer(taken)) => Ok(Json(taken)),
        Ok(Outcome::Joined(_) | Outcome::Opened(_) | Outcome::Done) | Err(_) => Err(No::Unavailable),
    }
}

fn is_sound(report: &NodeReport) -> bool {
    let hexadecimal = |text: &str| text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let word = |text: &String| text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_graphic());
    report.receipts.len() <= MAX_RECEIPTS
        && report.boot_id.len() == BOOT_ID_LEN
        && hexadecimal(&report.boot_id)
        && report.session.as_ref().is_none_or(|session| session.len() == 64 && hexadecimal(session))
        && report.volume.as_ref().is_none_or(|volume| word(&volume.kind) && word(&volume.swap))
}
