//! `POST /v1/handover/since` and `/v1/handover/check`: whether headquarters still knows what it acknowledged to a node. Without
//! a person: one that was put back from a backup may have forgotten their session, too. What a node gets to know is whether
//! versions that it names are there; their names are drawn at random.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use hanare_handover::protocol::{Check, Checked, MAX_ASK, Memory, Since};
use hanare_handover::store::PutBack;
use hanare_ledger::Entry;
use hanare_model::api::Refusal;

use super::Api;
use super::handover::{document, unavailable};
use super::routes::No;
use super::tls::Peer;
use super::work::{actor, endpoint};
use crate::random;
use crate::registry::Act;

pub(super) async fn since(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Json<Memory>, No> {
    let node = endpoint(&api, &peer).await?;
    let since: Since = document(&api, &node.name, request).await?;
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    let told = store.since(&node.company, &node.name, since.mark, random::now()).await;
    let (memory, noticed) = told.map_err(|error| unavailable(&error))?;
    if let Some(PutBack { what, at, .. }) = noticed {
        tracing::error!(node = %node.name, what = what.code(), "a node remembers what headquarters has forgotten");
        let entry = Entry {
            at,
            actor: actor(&node),
            kind: "handover.put-back".to_owned(),
            subject: node.name.to_string(),
            data: serde_json::json!({
                "forgotten": what.code(),
                "told": since.mark.map(|mark| mark.number),
                "known": memory.mark.map(|mark| mark.number),
            }),
        };
        if let Err(error) = api.hq.writer.act(&actor(&node), Act::Note(entry)).await {
            tracing::warn!(%error, "that headquarters was put back was not recorded");
        }
    }
    Ok(Json(memory))
}

pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Json<Checked>, No> {
    let node = endpoint(&api, &peer).await?;
    let check: Check = document(&api, &node.name, request).await?;
    if check.versions.len() > MAX_ASK {
        return Err(Refusal::Malformed.into());
    }
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    store.check(&node.company, &check).await.map(Json).map_err(|error| unavailable(&error))
}
