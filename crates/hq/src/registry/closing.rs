//! Giving a room up: its nodes end, its invites end, its addresses rest, and the keys that headquarters holds for them go.

use std::collections::BTreeSet;

use hanare_model::{NodeKind, PresharedKey, PublicKey, RoomId, Timestamp};
use serde_json::json;

use super::rows::NodeRow;
use super::tenants::{missing, room_gone};
use super::{Change, Context, Decision, Outcome, Registry, Waiting, node, policy};
use crate::admin::{Noun, Owner, Problem, WaitingNode, WaitsFor};

/// Why each node of a closed room ended.
const REASON: &str = "room closed";

/// What an admin asks.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub room: RoomId,
    /// Whether what waits there, or may wait, is given up.
    pub abandons: bool,
    /// Nodes whose tunnel stands.
    pub connected: BTreeSet<PublicKey>,
}

pub(super) fn close(registry: &Registry, context: &Context, closing: &Closing) -> Result<Decision, Problem> {
    let row = registry.rooms.get(&closing.room).ok_or_else(|| missing(Noun::Room, &closing.room))?;
    if let Some(by) = policy::names_room(registry, &closing.room) {
        return Err(Problem::InUse { noun: Noun::Room, id: closing.room.to_string(), by });
    }
    let waiting = waiting(registry, &closing.room, &closing.connected, context.now);
    if !waiting.is_empty() && !closing.abandons {
        return Err(Problem::SealedWait { room: closing.room.clone(), nodes: waiting });
    }
    let waiting: Vec<_> = waiting.into_iter().map(|waiting| waiting.node).collect();
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

/// Nodes that keep a room from being closed: work is open there, or items wait, or nobody knows that none do.
pub(crate) fn waiting(
    registry: &Registry,
    room: &RoomId,
    connected: &BTreeSet<PublicKey>,
    now: Timestamp,
) -> Vec<WaitingNode> {
    let waits = |row: &NodeRow| {
        let is_connected = connected.contains(&row.public_key);
        let why = why(registry, row, is_connected, now)?;
        Some(WaitingNode { node: row.name.clone(), is_connected, why })
    };
    let mut nodes: Vec<_> = registry.nodes_of(room).filter_map(waits).collect();
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    nodes
}

fn why(registry: &Registry, row: &NodeRow, is_connected: bool, now: Timestamp) -> Option<WaitsFor> {
    if row.kind != NodeKind::Endpoint {
        return None;
    }
    let has_session = registry.sessions.get(&row.public_key).is_some_and(|session| session.is_open(now));
    let told = registry.wipes.get(&row.public_key).and_then(|known| known.told.as_ref());
    let has_volume = told.and_then(|told| told.volume.as_ref()).is_some_and(|volume| volume.open);
    match Waiting::of(registry, row, is_connected, now) {
        _ if has_session => Some(WaitsFor::Open),
        Waiting::Items(items) => Some(WaitsFor::Items { items }),
        Waiting::Silent(since) => Some(WaitsFor::Silent { since }),
        Waiting::Unheard => Some(WaitsFor::Unheard),
        // What is in it may still be sealed.
        Waiting::Nothing if has_volume => Some(WaitsFor::Open),
        Waiting::Nothing => None,
    }
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
