//! `POST /v1/handover/sealed` and `/v1/handover/waiting`: what a node may do without its person. It delivers what it sealed
//! while headquarters was away, and gets nothing for it but the word that it arrived.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use hanare_handover::protocol::{Became, MAX_CHUNKS_BODY, SealedAnswer, SealedCount, SealedPart};
use hanare_handover::seal::Refused;
use hanare_handover::store::{Bearer, Owner, StoreError};
use hanare_model::api::Refusal;
use hanare_model::{CompanyId, PersonId, VerifyKey};

use super::Api;
use super::handover::{body, document, unavailable};
use super::routes::No;
use super::tls::Peer;
use super::work::{actor, endpoint, note};
use crate::held;
use crate::random;
use crate::registry::NodeRow;
use crate::sessions::Sessions;
use crate::shared::Hq;

pub(super) async fn part(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Json<SealedAnswer>, No> {
    let node = endpoint(&api, &peer).await?;
    let (bytes, place) = body(&api, &node.name, request, MAX_CHUNKS_BODY).await?;
    let part = SealedPart::read(bytes).ok_or(Refusal::Malformed)?;
    let (hq, row) = (Arc::clone(&api), node.clone());
    // A node that stops waiting does not stop what is being stored.
    let taking = tokio::spawn(async move {
        let answer = take(&hq.hq, &row, part).await;
        drop(place);
        answer
    });
    let answer = taking.await.map_err(|_| No::Unavailable)?.map_err(|error| unavailable(&error))?;
    if let SealedAnswer::Done { became: Became::Refused { reason }, .. } = &answer {
        note(&api, &node, None, (actor(&node), &format!("sealed-{reason}"))).await;
    }
    Ok(Json(answer))
}

pub(super) async fn waiting(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Json<()>, No> {
    let node = endpoint(&api, &peer).await?;
    let count: SealedCount = document(&api, &node.name, request).await?;
    let store = api.hq.work.open().await.map_err(|error| unavailable(&error))?;
    let noted = store.note_waiting(&node.company, &node.name, count, random::now()).await;
    noted.map(Json).map_err(|error| unavailable(&error))
}

/// Takes a part that a node sealed, whoever brought it.
pub(crate) async fn take(hq: &Arc<Hq>, node: &NodeRow, part: SealedPart) -> Result<SealedAnswer, StoreError> {
    let refused = |why: &Refused| {
        let reason = why.code().to_owned();
        Ok(SealedAnswer::Done { became: Became::Refused { reason }, mark: None })
    };
    let Some(key) = hq.terms.sealing.company(&node.company) else { return refused(&Refused::Key) };
    // An external node has none.
    let Some(signer) = node.signing_key else { return refused(&Refused::Node) };
    let bearer = Bearer { company: node.company.clone(), node: node.name.clone(), signer };
    let (registry, now) = (hq.writer.registry(), random::now());
    let mut whose = None;
    let standing = |told: &hanare_handover::seal::Note| {
        whose = Some(told.person.clone());
        Sessions::new(&registry, now).standing(told.session.as_ref(), &node.public_key, &told.person)
    };
    let answer = hq.work.open().await?.take_sealed(&bearer, &key, part, standing, now).await?;
    if let (SealedAnswer::Done { became, .. }, Some(person)) = (&answer, whose)
        && became.is_safe()
    {
        held::pass_later(hq, person);
    }
    Ok(answer)
}

/// Stores what waited for a person who has proven themselves now, in a folder of its own. In the background: it may be much.
pub(super) fn release(api: &Arc<Api>, company: CompanyId, person: PersonId) {
    let (api, owner) = (Arc::clone(api), Owner { company, person });
    // Before they can ask for anything of it.
    let releasing = api.hq.work.releases(owner.clone());
    tokio::spawn(async move {
        match release_to(&api.hq, &owner).await {
            Ok(0) => {}
            Ok(items) => tracing::info!(items, "sealed items have found their person"),
            Err(error) => tracing::error!(%error, "sealed items that wait for their person"),
        }
        drop(releasing);
    });
}

pub(crate) async fn release_to(hq: &Hq, owner: &Owner) -> Result<u64, StoreError> {
    let Some(key) = hq.terms.sealing.company(&owner.company) else { return Ok(0) };
    let registry = hq.writer.registry();
    // What the key of a lost machine has signed may be anybody's.
    let may = |signer: &VerifyKey| registry.node_by_signing_key(signer).is_some_and(|node| !node.is_lost());
    hq.work.open().await?.release_sealed(owner, &key, may, random::now()).await
}
