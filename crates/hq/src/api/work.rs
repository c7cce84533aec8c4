//! `POST /v1/work/open`, `/v1/work/close` and `/v1/work/overtime`: a person proves themselves from an endpoint, inside the tunnel only.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use hanare_model::api::Refusal;
use hanare_model::work::{WorkClose, WorkOpen, WorkOpened, WorkOvertime, WorkRefusal};
use hanare_model::{NodeKind, PersonId, Secret};

use super::routes::{No, enrolled, is_at_home, too_many};
use super::tls::Peer;
use super::{Api, sealed};
use crate::registry::{Act, NodeRow, Opened, Opening, Outcome, Overtime, account, refused_before};
use crate::sessions::{Sessions, fingerprint};
use crate::store::REVOKED;
use crate::{identity, random};

pub(super) async fn open(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<WorkOpened>, No> {
    let node = endpoint(&api, &peer).await?;
    let claim: WorkOpen = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    bounded(&api, &node)?;
    let now = random::now();
    let found = account(&api.hq.writer.registry(), &node, &claim.person, now);
    let account = match found {
        Ok(account) => account,
        Err(locked) => {
            note(&api, &node, Some(&claim.person), (actor(&node), "locked")).await;
            return Err(refuse(locked));
        }
    };
    let unavailable = |identity::Overloaded| No::Unavailable;
    let proof = api.hq.identity.prove(account.clone(), &claim, now).await.map_err(unavailable)?;
    let token = random::bytes::<32>().map_err(|_| No::Unavailable)?;
    let session = Secret::new(hex::encode(&token[..]));
    let opening = Opening {
        node: node.public_key,
        person: claim.person.clone(),
        account,
        proof,
        fingerprint: fingerprint(&session),
    };
    let outcome = api.hq.writer.act(&actor(&node), Act::WorkOpen(Box::new(opening))).await;
    match outcome.map_err(|_| No::Unavailable)? {
        Outcome::Opened(Opened::Open { name, until, notices }) => {
            sealed::release(&api, node.company.clone(), claim.person.clone());
            Ok(Json(WorkOpened { session, person: claim.person, name, until, notices }))
        }
        Outcome::Opened(Opened::Refused(refusal)) => Err(refuse(refusal)),
        Outcome::Answer(_) | Outcome::Joined(_) | Outcome::Done => Err(No::Unavailable),
    }
}

pub(super) async fn close(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<StatusCode, No> {
    let node = endpoint(&api, &peer).await?;
    let ask: WorkClose = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let act = Act::WorkClose(node.public_key, fingerprint(&ask.session));
    let closed = api.hq.writer.act(&actor(&node), act).await;
    closed.map_err(|_| No::Unavailable)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Overtime is granted once it is on the ledger, and only as much as headquarters' policy gives.
pub(super) async fn overtime(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<StatusCode, No> {
    let node = endpoint(&api, &peer).await?;
    let ask: WorkOvertime = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
    let person =
        Sessions::new(&api.hq.writer.registry(), random::now()).person(&ask.session, &node.public_key);
    let Some((person, _)) = person else { return Err(refuse(WorkRefusal::NotOpen)) };
    let act =
        Act::Overtime(Overtime { node: node.public_key, person, seconds: ask.seconds, grant: ask.grant });
    match api.hq.writer.act(&actor(&node), act).await.map_err(|_| No::Unavailable)? {
        Outcome::Done => Ok(StatusCode::NO_CONTENT),
        Outcome::Opened(Opened::Refused(refusal)) => Err(refuse(refusal)),
        Outcome::Opened(Opened::Open { .. }) | Outcome::Answer(_) | Outcome::Joined(_) => {
            Err(No::Unavailable)
        }
    }
}

pub(super) fn actor(node: &NodeRow) -> String {
    format!("node {}", node.name)
}

pub(super) const fn refuse(work: WorkRefusal) -> No {
    No::Refused(Refusal::Work { work })
}

/// An enrolled endpoint at its own place in the tunnel. One that asks from elsewhere is put on the record: its key may be in
/// other hands.
pub(super) async fn endpoint(api: &Api, peer: &Peer) -> Result<NodeRow, No> {
    let node = match enrolled(api, peer) {
        Ok(node) => node,
        Err(no) => {
            let registry = api.hq.writer.registry();
            let known = peer.signing_key.as_ref().and_then(|key| registry.node_by_signing_key(key)).cloned();
            drop(registry);
            // Its key may be in other hands, and what is tried with it is evidence.
            if let Some(node) = known {
                let from = format!("address {}", peer.from.ip().to_canonical());
                note(api, &node, None, (from, REVOKED)).await;
            }
            return Err(no);
        }
    };
    if !is_at_home(&node, peer) {
        let from = format!("address {}", peer.from.ip().to_canonical());
        note(api, &node, None, (from, "outside-the-tunnel")).await;
        return Err(Refusal::Malformed.into());
    }
    if node.kind != NodeKind::Endpoint {
        return Err(refuse(WorkRefusal::NotHere));
    }
    Ok(node)
}

pub(super) async fn note(api: &Api, node: &NodeRow, person: Option<&PersonId>, told: (String, &str)) {
    let entry = refused_before(&api.hq.writer.registry(), node, person, told, random::now());
    if let Err(error) = api.hq.writer.act("hq", Act::Note(entry)).await {
        tracing::warn!(%error, "a refusal was not recorded");
    }
}

/// A node asks so often and no more, whichever of its addresses it uses.
fn bounded(api: &Api, node: &NodeRow) -> Result<(), No> {
    let [address, _] = node.addresses;
    let Ok(mut openings) = api.openings.lock() else { return Err(No::Unavailable) };
    openings.take(address, Instant::now()).map_err(|wait| too_many(wait).into())
}
