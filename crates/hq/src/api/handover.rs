//! `POST /v1/handover/…`: a person's work, from an endpoint where they have proven themselves, inside the tunnel only.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hanare_handover::protocol::{
    Ask, Browse, Commit, Committed, Fetch, MAX_ASK, MAX_CHUNKS_BODY, MAX_COMMIT, MAX_DOCUMENT, Page, Stored,
    Wanted, frames,
};
use hanare_handover::store::{Owner, StoreError};
use hanare_model::api::Refusal;
use hanare_model::work::WorkRefusal;
use hanare_model::{NodeName, Secret};
use serde::de::DeserializeOwned;

use super::Api;
use super::routes::No;
use super::tls::Peer;
use super::work::{actor, endpoint, note, refuse};
use super::{memory, sealed};
use crate::random;
use crate::sessions::Sessions;
use crate::work_store::Place;

/// How long a body may take: 4 MiB on a line of half a megabit.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest document, with what is around its versions.
const LONGEST: usize = MAX_DOCUMENT + 1024;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/handover/ask", post(ask))
        .route("/v1/handover/chunks", post(chunks))
        .route("/v1/handover/commit", post(commit))
        .route("/v1/handover/browse", post(browse))
        .route("/v1/handover/fetch", post(fetch))
        .route("/v1/handover/sealed", post(sealed::part))
        .route("/v1/handover/waiting", post(sealed::waiting))
        .route("/v1/handover/since", post(memory::since))
        .route("/v1/handover/check", post(memory::check))
}

async fn ask(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Wanted>, No> {
    let (owner, node) = owner(&api, &peer, &headers).await?;
    let ask: Ask = document(&api, &node, request).await?;
    if ask.chunks.len() > MAX_ASK {
        return Err(Refusal::Malformed.into());
    }
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    store.missing(&owner, &ask).await.map(Json).map_err(|error| unavailable(&error))
}

async fn chunks(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Stored>, No> {
    let (owner, node) = owner(&api, &peer, &headers).await?;
    let (body, place) = body(&api, &node, request, MAX_CHUNKS_BODY).await?;
    let chunks = frames(body).map_err(|_| Refusal::Malformed)?;
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    let stored = store.put_chunks(&owner, chunks, random::now()).await.map_err(|error| unavailable(&error));
    drop(place);
    stored.map(Json)
}

async fn commit(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Committed>, No> {
    let (owner, node) = owner(&api, &peer, &headers).await?;
    let commit: Commit = document(&api, &node, request).await?;
    if commit.versions.len() > MAX_COMMIT {
        return Err(Refusal::Malformed.into());
    }
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    store.commit(&owner, &node, commit, random::now()).await.map(Json).map_err(|error| unavailable(&error))
}

async fn browse(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Page>, No> {
    let (owner, node) = owner(&api, &peer, &headers).await?;
    let browse: Browse = document(&api, &node, request).await?;
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    // Looked at before the list is: what is done by then is in it.
    let coming = api.hq.work.is_releasing(&owner);
    let page = store.browse(&owner, &browse).await.map_err(|error| unavailable(&error))?;
    Ok(Json(Page { coming, ..page }))
}

async fn fetch(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, No> {
    let (owner, node) = owner(&api, &peer, &headers).await?;
    let fetch: Fetch = document(&api, &node, request).await?;
    if fetch.chunks.len() > MAX_ASK {
        return Err(Refusal::Malformed.into());
    }
    let place = api.hq.work.place(&node, MAX_CHUNKS_BODY).await;
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    let body = match store.fetch(&owner, &fetch).await {
        Ok(body) => body.unwrap_or_default(),
        // That will not get better by asking again: no chunk comes, and the endpoint goes on with its other files.
        Err(error @ StoreError::Damaged { .. }) => {
            tracing::error!(%error, "a chunk is damaged");
            Vec::new()
        }
        Err(error) => return Err(unavailable(&error)),
    };
    drop(place);
    Ok(Body::from(body).into_response())
}

/// Whose work this is: the person who has proven themselves on this very node. A node alone opens nothing, and that it tried
/// is on the record.
async fn owner(api: &Api, peer: &Peer, headers: &HeaderMap) -> Result<(Owner, NodeName), No> {
    let node = endpoint(api, peer).await?;
    let registry = api.hq.writer.registry();
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let found = token.and_then(|token| {
        Sessions::new(&registry, random::now()).person(&Secret::new(token.to_owned()), &node.public_key)
    });
    let Some((person, company)) = found else {
        note(api, &node, None, (actor(&node), "no-session")).await;
        return Err(refuse(WorkRefusal::NotOpen));
    };
    Ok((Owner { company, person }, node.name))
}

/// A body, once there is a place for it.
pub(super) async fn body(
    api: &Api,
    node: &NodeName,
    request: Request,
    most: usize,
) -> Result<(Bytes, Place), No> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(length) = length.filter(|length: &usize| *length <= most) else {
        return Err(Refusal::Malformed.into());
    };
    let place = api.hq.work.place(node, length).await.ok_or(No::Unavailable)?;
    let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), length)).await;
    match body {
        Ok(Ok(body)) => Ok((body, place)),
        Ok(Err(_)) | Err(_) => Err(Refusal::Malformed.into()),
    }
}

pub(super) async fn document<T: DeserializeOwned>(
    api: &Api,
    node: &NodeName,
    request: Request,
) -> Result<T, No> {
    let (body, _place) = body(api, node, request, LONGEST).await?;
    serde_json::from_slice(&body).map_err(|_| Refusal::Malformed.into())
}

/// The store cannot write now: the endpoint keeps what it has and asks again.
pub(super) fn unavailable(error: &StoreError) -> No {
    tracing::error!(%error, "the store of work data");
    No::Unavailable
}
