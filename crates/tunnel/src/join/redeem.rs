//! One try on one connection, and the check of what came back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::api::{Granted, Hello, JoinRequest, PROOF_CONTEXT};
use hanare_model::{Lease, PublicKey};
use ring::hmac;

use super::{JoinError, JoinOptions};
use crate::api::{ApiError, Connection};
use crate::state::{Enrolment, Keys, StoredLease};

/// Says hello, proves both keys, redeems.
pub(super) async fn redeem(
    connection: &mut Connection,
    options: &JoinOptions,
    keys: &Keys,
) -> Result<(Enrolment, Granted), ApiError> {
    let hello: Hello = connection.get("/v1/hello").await?;
    let request = JoinRequest {
        invite: options.invite.id.to_string(),
        secret: options.invite.secret.expose_base64().to_string(),
        public_key: keys.wireguard.public(),
        name: options.invite.name.clone().or_else(|| options.name.clone()),
        code: options.code.as_ref().map(|code| code.expose().to_string()),
        proof: proof(keys, &hello.public_key, connection.exporter())?,
    };
    let granted: Granted = connection.post("/v1/join", &request).await?;
    Ok((Enrolment::new(options.invite.pin, &hello, options.invite.id), granted))
}

/// See [`JoinRequest::proof`].
fn proof(keys: &Keys, hq: &PublicKey, exporter: &[u8; 32]) -> Result<String, ApiError> {
    let shared = keys
        .wireguard
        .diffie_hellman(hq)
        .map_err(|error| ApiError::Answer { why: format!("headquarters' key: {error}") })?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, shared.as_slice()));
    context.update(PROOF_CONTEXT);
    context.update(exporter);
    context.update(keys.signing.verify_key().as_bytes());
    Ok(STANDARD.encode(context.sign()))
}

/// Whether the lease is signed by whom it should be, is ours, and is not older than the one we have.
pub(super) fn check(
    enrolment: &Enrolment,
    granted: &Granted,
    keys: &Keys,
    stored: Option<&StoredLease>,
) -> Result<Lease, JoinError> {
    if granted.signing_key != enrolment.signing_key {
        return Err(JoinError::Lease("it names another signing key than headquarters' greeting".to_owned()));
    }
    let lease: Lease =
        granted.lease.open(&enrolment.signing_key).map_err(|error| JoinError::Lease(error.to_string()))?;
    if lease.public_key != keys.wireguard.public() {
        return Err(JoinError::Lease("it is for another node's key".to_owned()));
    }
    if lease.hq.public_key != enrolment.hq_public_key {
        return Err(JoinError::Lease(
            "it names another WireGuard key than headquarters' greeting".to_owned(),
        ));
    }
    if stored.is_some_and(|stored| lease.serial < stored.lease.serial) {
        return Err(JoinError::Lease("it is older than the one that this node has".to_owned()));
    }
    Ok(lease)
}
