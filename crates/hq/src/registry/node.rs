//! Nodes: placing, renewing, revoking.

use std::net::{IpAddr, SocketAddr};

use hanare_model::api::Leave;
use hanare_model::plan::QUARANTINE;
use hanare_model::work::WorkEnd;
use hanare_model::{NodeKind, PublicKey, RoomId};
use ipnet::IpNet;
use serde_json::json;

use super::rows::{NodeRow, RoomRow};
use super::tenants::{missing, plan_problem, text};
use super::{Change, Context, Decision, Outcome, Registry, work};
use crate::admin::{DayOrdered, Field, NodeEndDay, NodeRevoke, Noun, Problem, Revoked};
use crate::show;

/// A room, and addresses and LAN for a new node in it.
pub(super) fn place<'a>(
    registry: &'a Registry,
    context: &Context,
    room: &RoomId,
    kind: NodeKind,
) -> Result<(&'a RoomRow, [IpAddr; 2], Vec<IpNet>), Problem> {
    let row = registry.rooms.get(room).ok_or_else(|| missing(Noun::Room, room))?;
    let overlay = &registry.settings.overlay;
    let gateway = registry.nodes_of(room).find(|node| node.kind == NodeKind::Gateway);
    let lan = match (kind, gateway) {
        (NodeKind::Gateway, Some(gateway)) => {
            return Err(Problem::GatewayTaken { room: room.to_string(), node: gateway.name.to_string() });
        }
        (NodeKind::Gateway, None) => overlay.lan(row.place).to_vec(),
        (NodeKind::Endpoint | NodeKind::External, _) => Vec::new(),
    };
    let addresses = overlay
        .place_node(row.place, &registry.addresses(), &registry.held(context.now))
        .map_err(|error| plan_problem(registry, &error))?;
    Ok((row, addresses, lan))
}

/// A new lease if one is due; not on the ledger, it changes nobody's rights.
pub(super) fn renew(registry: &Registry, context: &Context, key: &PublicKey) -> Decision {
    let done = Decision::nothing(Outcome::Done);
    match registry.nodes.get(key) {
        Some(node) if node.revoked_at.is_none() && context.terms.stale(registry, node, context.now) => {
            done.with(Change::Node(Box::new(context.terms.renewed(registry, node, context.now))))
        }
        _ => done,
    }
}

pub(super) fn roamed(registry: &Registry, news: &[(PublicKey, SocketAddr)]) -> Decision {
    let mut decision = Decision::nothing(Outcome::Done);
    for (key, endpoint) in news {
        if let Some(node) = registry.nodes.get(key).filter(|node| node.endpoint != Some(*endpoint)) {
            decision =
                decision.with(Change::Node(Box::new(NodeRow { endpoint: Some(*endpoint), ..node.clone() })));
        }
    }
    decision
}

pub(super) fn revoke(registry: &Registry, context: &Context, ask: NodeRevoke) -> Result<Decision, Problem> {
    if let Some(reason) = &ask.reason {
        text(Field::Reason, reason)?;
    }
    let Some(node) = registry.node_or_last(&ask.name) else {
        return Err(missing(Noun::Node, &ask.name));
    };
    if node.revoked_at.is_some() {
        let node = show::node(node, context.now, None);
        return Decision::answer(&Revoked { node, changed: false, acknowledged: false });
    }
    let row = NodeRow { revoked_at: Some(context.now), reason: ask.reason, ..node.clone() };
    let shown = Revoked { node: show::node(&row, context.now, None), changed: true, acknowledged: false };
    Ok(ended(registry, Decision::answer(&shown)?, context, "node.revoked", row))
}

/// The end of a person's day on a node: its session closes, and what is left of the work may still be handed over for a while.
pub(super) fn end_day(registry: &Registry, context: &Context, ask: &NodeEndDay) -> Result<Decision, Problem> {
    if let Some(reason) = &ask.reason {
        text(Field::Reason, reason)?;
    }
    let node = registry.node_or_last(&ask.name).ok_or_else(|| missing(Noun::Node, &ask.name))?;
    let open = registry.sessions.get(&node.public_key).filter(|session| session.is_open(context.now));
    let person = open.map(|session| session.person.clone());
    let decision = Decision::answer(&DayOrdered { node: node.name.clone(), person })?;
    let Some(session) = open else { return Ok(decision) };
    let data = json!({ "person": session.person, "reason": ask.reason });
    let decision = decision.recorded(context, "work.end-ordered", node.name.as_str(), data);
    Ok(work::end(registry, context, decision, session, WorkEnd::Ordered))
}

/// The node's own word that it has left: its end, as a revocation is.
pub(super) fn leave(registry: &Registry, context: &Context, key: &PublicKey, word: Leave) -> Decision {
    let mut done = Decision::nothing(Outcome::Done);
    match registry.nodes.get(key).filter(|node| node.revoked_at.is_none()) {
        Some(node) => {
            if word.records_missing > 0 {
                let data = json!({ "missing": word.records_missing });
                done = done.recorded(context, "records.lost", node.name.as_str(), data);
            }
            let row = NodeRow { revoked_at: Some(context.now), has_left: true, ..node.clone() };
            ended(registry, done, context, "node.left", row)
        }
        None => done,
    }
}

/// A node's end, on the ledger; its addresses are nobody's for a while.
pub(super) fn ended(
    registry: &Registry,
    decision: Decision,
    context: &Context,
    kind: &str,
    row: NodeRow,
) -> Decision {
    let data = json!({
        "public_key": row.public_key,
        "room": row.room,
        "company": row.company,
        "addresses": row.addresses,
        "reason": row.reason,
    });
    let mut ended = decision.recorded(context, kind, row.name.as_str(), data);
    if let Some(session) = registry.sessions.get(&row.public_key) {
        ended = work::end(registry, context, ended, session, WorkEnd::NodeGone);
    }
    for address in row.addresses {
        ended = ended.with(Change::Quarantine(IpNet::from(address), context.now.after(QUARANTINE)));
    }
    ended.with(Change::Node(Box::new(row)))
}
