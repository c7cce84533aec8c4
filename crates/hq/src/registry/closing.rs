//! Giving a room up: its nodes end, its invites end, its addresses rest, and the keys that headquarters holds for them go.

use hanare_model::{NodeKind, PresharedKey, RoomId};
use serde_json::json;

use super::rows::NodeRow;
use super::tenants::{missing, room_gone};
use super::{Change, Context, Decision, Outcome, Registry, node, policy};
use crate::admin::{Noun, Owner, Problem};
use crate::show;

/// Why each node of a closed room ended.
const REASON: &str = "room closed";

/// What an admin asks.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub room: RoomId,
    /// Whether what waits there, or may wait, is given up.
    pub abandons: bool,
}

pub(super) fn close(registry: &Registry, context: &Context, closing: &Closing) -> Result<Decision, Problem> {
    let row = registry.rooms.get(&closing.room).ok_or_else(|| missing(Noun::Room, &closing.room))?;
    if let Some(by) = policy::names_room(registry, &closing.room) {
        return Err(Problem::InUse { noun: Noun::Room, id: closing.room.to_string(), by });
    }
    let waiting = waiting(registry, context, &closing.room);
    if !waiting.is_empty() && !closing.abandons {
        return Err(Problem::SealedWait { room: closing.room.clone(), nodes: waiting });
    }
    let data = json!({
        "company": row.company, "nodes": registry.nodes_of(&row.id).count(), "abandoned": waiting,
    });
    let mut decision = Decision::nothing(Outcome::Done);
    for node in registry.nodes_of(&row.id) {
        let reason = Some(REASON.to_owned());
        let ended = NodeRow { revoked_at: Some(context.now), reason, ..node.clone() };
        decision = node::ended(registry, decision, context, "node.revoked", ended);
    }
    decision = decision.recorded(context, "room.closed", &row.id.to_string(), data);
    Ok(room_gone(registry, context, decision, row))
}

/// Nodes on which work is open, or items wait, or nobody knows that none do. Where no work was ever opened, none wait.
fn waiting(registry: &Registry, context: &Context, room: &RoomId) -> Vec<String> {
    let waits = |row: &&NodeRow| {
        if row.kind != NodeKind::Endpoint {
            return false;
        }
        let session = registry.sessions.get(&row.public_key);
        if session.is_some_and(|session| session.is_open(context.now)) {
            return true;
        }
        let Some(known) = show::wipes(registry, row, context.now) else { return false };
        if let Some(sealed) = known.told.as_ref().and_then(|told| told.sealed) {
            return sealed > 0;
        }
        // The machine does not tell: the last receipt does, if no work was opened since.
        let is_settled = known.unknown.is_empty() && known.missing.is_empty();
        match &known.last {
            Some(last) => !is_settled || last.sealed > 0,
            None => !is_settled,
        }
    };
    let mut names: Vec<_> = registry.nodes_of(room).filter(waits).map(|row| row.name.to_string()).collect();
    names.sort();
    names
}

/// The keys that headquarters shares with nodes of a room that is gone: nobody needs them, once the nodes were told.
pub(super) fn forget_keys(
    registry: &Registry,
    context: &Context,
    room: &RoomId,
) -> Result<Decision, Problem> {
    if registry.rooms.contains_key(room) {
        let by = Owner::Room(room.clone());
        return Err(Problem::InUse { noun: Noun::Room, id: room.to_string(), by });
    }
    let none = PresharedKey::from_bytes([0; 32]);
    let holds = |row: &&NodeRow| row.room == *room && row.revoked_at.is_some() && row.preshared_key != none;
    let keys: Vec<_> = registry.nodes.values().filter(holds).map(|row| row.public_key).collect();
    let decision = Decision::nothing(Outcome::Done);
    if keys.is_empty() {
        return Ok(decision);
    }
    let decision =
        decision.recorded(context, "room.keys-destroyed", &room.to_string(), json!({ "keys": keys.len() }));
    Ok(keys.into_iter().fold(decision, |decision, key| decision.with(Change::NodeKeyGone(key))))
}
