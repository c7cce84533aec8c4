//! Redeeming an invite: one decision, the same answer for the same device, a refusal on the ledger for everybody else.

use hanare_model::api::Refusal;
use hanare_model::invite::{InviteSecret, MAX_WRONG_CODES, SheetCode};
use hanare_model::{NodeName, PresharedKey, PublicKey, Timestamp, VerifyKey};
use serde_json::json;

use super::rows::{InviteRow, NodeRow};
use super::{Change, Context, Decision, Outcome, Registry, node};
use crate::admin::Problem;
use crate::random;

/// A device with an invite. The connection has proven that it holds both keys.
#[derive(Debug, Clone)]
pub(crate) struct Joining {
    pub invite: String,
    pub secret: InviteSecret,
    pub public_key: PublicKey,
    pub signing_key: VerifyKey,
    pub name: Option<NodeName>,
    /// What was told over the phone, if it is a code at all.
    pub code: Option<SheetCode>,
}

/// What became of a join.
#[derive(Debug, Clone)]
pub(crate) enum Joined {
    /// The node's lease can be read from the registry under this key.
    Granted(PublicKey),
    /// It was revoked: the tombstone can be read from the registry.
    Revoked(PublicKey),
    /// No.
    Refused(Refusal),
}

/// Refusals are decided one after the other like everything else, so that of a thousand devices one is first.
pub(super) fn join(registry: &Registry, context: &Context, joining: &Joining) -> Result<Decision, Problem> {
    let Some(invite) = registry.invites.get(&joining.invite) else {
        return Ok(refused(context, joining, "unknown-invite", Refusal::UnknownInvite));
    };
    if !joining.secret.matches(&invite.fingerprint) {
        return Ok(refused(context, joining, "wrong-secret", Refusal::UnknownInvite));
    }
    match &invite.redeemed_by {
        Some(key) => Ok(again(registry, context, joining, key)),
        None if invite.wrong_codes >= MAX_WRONG_CODES => {
            Ok(refused(context, joining, "blocked", Refusal::Blocked))
        }
        None if invite.closed => Ok(refused(context, joining, "closed", Refusal::UnknownInvite)),
        None if context.now >= invite.expires_at => {
            Ok(refused(context, joining, "expired", Refusal::Expired { at: invite.expires_at }))
        }
        None => match without_code(context, joining, invite) {
            Some(refusal) => Ok(refusal),
            None => first(registry, context, joining, invite),
        },
    }
}

/// The refusal of a device that has the sheet but not its code. None at all is no guess, and is not counted.
fn without_code(context: &Context, joining: &Joining, invite: &InviteRow) -> Option<Decision> {
    let fingerprint = invite.code?;
    let Some(code) = &joining.code else {
        return Some(refused(context, joining, "no-code", Refusal::Code));
    };
    if code.matches(&joining.secret, &fingerprint) {
        return None;
    }
    let wrong_codes = invite.wrong_codes.saturating_add(1);
    let blocked = wrong_codes >= MAX_WRONG_CODES;
    let refusal = if blocked { Refusal::Blocked } else { Refusal::Code };
    let counted = InviteRow { wrong_codes, closed: blocked, ..invite.clone() };
    let decision = refused(context, joining, "wrong-code", refusal).with(Change::Invite(counted));
    Some(if blocked {
        decision.recorded(context, "invite.blocked", &invite.id, json!({ "wrong_codes": wrong_codes }))
    } else {
        decision
    })
}

/// The invite was redeemed: by this device, which only missed the answer, or by another one.
fn again(registry: &Registry, context: &Context, joining: &Joining, key: &PublicKey) -> Decision {
    match registry.nodes.get(key) {
        Some(node) if *key == joining.public_key && node.signing_key == Some(joining.signing_key) => {
            if node.revoked_at.is_some() {
                let mut decision = refused(context, joining, "revoked", Refusal::Used);
                decision.outcome = Outcome::Joined(Joined::Revoked(*key));
                return decision;
            }
            let granted = Decision::nothing(Outcome::Joined(Joined::Granted(*key)));
            if context.terms.stale(registry, node, context.now) {
                granted.with(Change::Node(Box::new(context.terms.renewed(registry, node, context.now))))
            } else {
                granted
            }
        }
        _ => refused(context, joining, "used", Refusal::Used),
    }
}

fn first(
    registry: &Registry,
    context: &Context,
    joining: &Joining,
    invite: &InviteRow,
) -> Result<Decision, Problem> {
    let known = registry
        .nodes
        .get(&joining.public_key)
        .or_else(|| registry.node_by_signing_key(&joining.signing_key));
    if let Some(node) = known {
        // A revoked key never comes back, and an enrolled one does not enrol twice. The invite stays good for another device.
        let mut decision = refused(context, joining, "key-known", Refusal::Used);
        if node.revoked_at.is_some() {
            decision.outcome = Outcome::Joined(Joined::Revoked(node.public_key));
        }
        return Ok(decision);
    }
    let Some(name) = name_of(registry, joining, invite) else {
        return Ok(refused(context, joining, "name", Refusal::Name));
    };
    let (room, addresses, lan) = match node::place(registry, context, &invite.room, invite.kind) {
        Ok(place) => place,
        Err(problem) => {
            tracing::warn!(invite = invite.id, %problem, "a join found no place");
            return Ok(refused(context, joining, problem.code(), Refusal::UnknownInvite));
        }
    };
    let preshared = random::bytes().map_err(|error| Problem::Bug { text: error.to_string() })?;
    let row = NodeRow {
        public_key: joining.public_key,
        signing_key: Some(joining.signing_key),
        preshared_key: PresharedKey::from_bytes(*preshared),
        name,
        kind: invite.kind,
        company: room.company.clone(),
        room: room.id.clone(),
        addresses,
        lan,
        enrolled_at: context.now,
        serial: 0,
        issued_at: Timestamp::from_seconds(0),
        expires_at: Timestamp::from_seconds(0),
        lease_digest: String::new(),
        endpoint: None,
        revoked_at: None,
        reason: None,
        has_left: false,
    };
    let row = context.terms.renewed(registry, &row, context.now);
    let data = json!({
        "invite": invite.id,
        "public_key": row.public_key,
        "signing_key": joining.signing_key,
        "kind": row.kind,
        "room": row.room,
        "company": row.company,
        "addresses": row.addresses,
    });
    let redeemed = InviteRow { redeemed_by: Some(row.public_key), ..invite.clone() };
    Ok(Decision::nothing(Outcome::Joined(Joined::Granted(row.public_key)))
        .recorded(context, "node.enrolled", row.name.as_str(), data)
        .with(Change::Invite(redeemed))
        .with(Change::Node(Box::new(row))))
}

/// The name that the invite fixes, the one the device asks for, or the next free `KIND-N` of the room; `None` if taken.
fn name_of(registry: &Registry, joining: &Joining, invite: &InviteRow) -> Option<NodeName> {
    let free = |name: &NodeName| registry.node_by_name(name).is_none();
    if let Some(name) = invite.node.as_ref().or(joining.name.as_ref()) {
        return free(name).then(|| name.clone());
    }
    let kind = match invite.kind {
        hanare_model::NodeKind::Endpoint => "pc",
        hanare_model::NodeKind::Gateway => "gateway",
        hanare_model::NodeKind::External => "external",
    };
    let stem = format!("{}-{}-{kind}", invite.room.office(), invite.room.room());
    let stem: String = stem.chars().take(hanare_model::id::MAX_ID_LEN - 6).collect();
    (1..100_000u32).filter_map(|number| format!("{stem}-{number}").parse().ok()).find(free)
}

fn refused(context: &Context, joining: &Joining, why: &str, refusal: Refusal) -> Decision {
    let data = json!({ "why": why, "public_key": joining.public_key, "signing_key": joining.signing_key });
    // The id is what the device sent: it may be anything, so only its beginning is written down.
    let subject: String = joining.invite.chars().take(16).filter(char::is_ascii_alphanumeric).collect();
    Decision::nothing(Outcome::Joined(Joined::Refused(refusal))).recorded(
        context,
        "join.refused",
        &subject,
        data,
    )
}
