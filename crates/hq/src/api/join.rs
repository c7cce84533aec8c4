//! `POST /v1/join`: proofs first, then the registry decides.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::api::{Granted, JoinRequest, PROOF_CONTEXT, Refusal};
use hanare_model::invite::{InviteSecret, SheetCode};
use hanare_model::{PrivateKey, VerifyKey};
use ring::hmac;

use super::Api;
use super::routes::{No, note, renew, revoked, too_many};
use super::tls::Peer;
use crate::registry::{Act, Joined, Joining, Outcome};

pub(super) async fn join(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Result<Json<Granted>, No> {
    if let Some(wait) = api.banned(peer.from) {
        return Err(too_many(wait).into());
    }
    let joining = match read(&api.hq.wireguard, &peer, &body) {
        Ok(joining) => joining,
        Err((why, refusal)) => {
            api.forged(peer.from);
            note(&api, &peer, "join.refused", "", why).await;
            return Err(refusal.into());
        }
    };
    let actor = format!("address {}", peer.from.ip().to_canonical());
    let outcome = api.hq.writer.act(&actor, Act::Join(Box::new(joining))).await;
    match outcome.map_err(|_| No::Unavailable)? {
        Outcome::Joined(Joined::Granted(key)) => renew(&api.hq, key).await.map(Json),
        Outcome::Joined(Joined::Revoked(key)) => match api.hq.writer.registry().nodes.get(&key) {
            Some(node) => Err(revoked(&api.hq, node)),
            None => Err(No::Unavailable),
        },
        Outcome::Joined(Joined::Refused(refusal)) => {
            if matches!(refusal, Refusal::UnknownInvite) {
                api.forged(peer.from);
            }
            Err(refusal.into())
        }
        Outcome::Answer(_) | Outcome::Opened(_) | Outcome::Done => Err(No::Unavailable),
    }
}

/// Reads the request and checks both proofs; says why not, for the ledger and for the device.
fn read(wireguard: &PrivateKey, peer: &Peer, body: &[u8]) -> Result<Joining, (&'static str, Refusal)> {
    let request: JoinRequest = serde_json::from_slice(body).map_err(|_| ("malformed", Refusal::Malformed))?;
    let signing_key = peer.signing_key.ok_or(("no-certificate", Refusal::Proof))?;
    let secret = InviteSecret::from_base64(&request.secret).map_err(|_| ("malformed", Refusal::Malformed))?;
    if !proves(wireguard, peer, &request, &signing_key) || request.public_key == wireguard.public() {
        return Err(("proof", Refusal::Proof));
    }
    Ok(Joining {
        invite: request.invite.clone(),
        secret,
        public_key: request.public_key,
        signing_key,
        name: request.name.clone(),
        code: request.code.as_deref().and_then(SheetCode::parse),
    })
}

/// Whether the device holds its `WireGuard` key, on this connection; see [`JoinRequest::proof`].
fn proves(wireguard: &PrivateKey, peer: &Peer, request: &JoinRequest, signing_key: &VerifyKey) -> bool {
    let Ok(shared) = wireguard.diffie_hellman(&request.public_key) else { return false };
    let Ok(proof) = STANDARD.decode(&request.proof) else { return false };
    let message = [PROOF_CONTEXT, &peer.exporter, signing_key.as_bytes()].concat();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &shared[..]), &message, &proof).is_ok()
}
