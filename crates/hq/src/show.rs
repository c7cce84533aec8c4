//! Rows as an admin sees them.

use hanare_ledger::receipt::Verdict;
use hanare_model::lease::LEASE_GRACE;
use hanare_model::{NodeKind, Timestamp};

use crate::admin::{
    Company, Node, NodeState, NodeWipes, Office, Person, PersonState, ReceiptCounts, Room, WipeStanding,
};
use crate::plane::PeerReport;
use crate::registry::{CompanyRow, NodeRow, OfficeRow, PersonRow, Registry, RoomRow};

pub(crate) fn company(registry: &Registry, row: &CompanyRow) -> Company {
    let rooms = registry.rooms.values().filter(|room| room.company == row.id).count();
    Company {
        id: row.id.clone(),
        name: row.name.clone(),
        rooms: u64::try_from(rooms).unwrap_or(u64::MAX),
        created_at: row.created_at,
    }
}

pub(crate) fn office(registry: &Registry, row: &OfficeRow) -> Office {
    Office {
        id: row.id.clone(),
        name: row.name.clone(),
        site: row.site.clone(),
        rooms: registry.rooms.keys().filter(|room| *room.office() == row.id).cloned().collect(),
        created_at: row.created_at,
    }
}

pub(crate) fn room(registry: &Registry, row: &RoomRow, now: Timestamp) -> Room {
    let overlay = &registry.settings.overlay;
    let open = registry.invites.values().filter(|invite| invite.room == row.id && invite.open(now)).count();
    let mut nodes: Vec<_> = registry.nodes_of(&row.id).map(|node| node.name.clone()).collect();
    nodes.sort();
    Room {
        id: row.id.clone(),
        company: row.company.clone(),
        prefix: row.place.v4.into(),
        nodes_prefixes: overlay.nodes(row.place).to_vec(),
        lan_prefixes: overlay.lan(row.place).to_vec(),
        nodes,
        open_invites: u64::try_from(open).unwrap_or(u64::MAX),
        created_at: row.created_at,
    }
}

pub(crate) fn person(registry: &Registry, row: &PersonRow, now: Timestamp) -> Person {
    let state = match (row.disabled_at, row.must_change) {
        (Some(_), _) => PersonState::Disabled,
        (None, true) => PersonState::Temporary,
        (None, false) => PersonState::Active,
    };
    let open = registry.open_sessions(&row.id, now).filter_map(|session| registry.nodes.get(&session.node));
    let tries = registry.tries.values().filter(|tried| tried.key.person == row.id);
    Person {
        id: row.id.clone(),
        company: row.company.clone(),
        name: row.name.clone(),
        state,
        open: open.map(|node| node.name.clone()).collect(),
        locked_until: tries.map(|tried| tried.locked_until).filter(|until| *until > now).max(),
        created_at: row.created_at,
        disabled_at: row.disabled_at,
        successor: row.successor.clone(),
    }
}

pub(crate) fn node(row: &NodeRow, now: Timestamp, report: Option<&PeerReport>) -> Node {
    let external = row.kind == NodeKind::External;
    let state = if row.has_left {
        NodeState::Left
    } else if row.revoked_at.is_some() {
        NodeState::Revoked
    } else if lapsed(row, now) {
        NodeState::Expired
    } else {
        NodeState::Enrolled
    };
    Node {
        name: row.name.clone(),
        kind: row.kind,
        state,
        company: row.company.clone(),
        room: row.room.clone(),
        public_key: row.public_key,
        addresses: row.addresses.to_vec(),
        lan: row.lan.clone(),
        enrolled_at: row.enrolled_at,
        lease_until: (!external).then_some(row.expires_at),
        revoked_at: row.revoked_at,
        reason: row.reason.clone(),
        endpoint: report.and_then(|report| report.endpoint).or(row.endpoint),
        last_handshake_seconds: report.and_then(|report| report.last_handshake_seconds),
        rx_bytes: report.map_or(0, |report| report.rx_bytes),
        tx_bytes: report.map_or(0, |report| report.tx_bytes),
        listening: false,
        person: None,
        wipes: None,
    }
}

/// What is known of an endpoint's wipes.
pub(crate) fn wipes(registry: &Registry, row: &NodeRow, now: Timestamp) -> Option<NodeWipes> {
    if row.kind != NodeKind::Endpoint {
        return None;
    }
    let open = registry.sessions.get(&row.public_key).filter(|session| session.is_open(now));
    let open = open.map(|session| hex::encode(session.fingerprint));
    let Some(known) = registry.wipes.get(&row.public_key) else {
        let counts = ReceiptCounts::default();
        let (unknown, missing) = (Vec::new(), Vec::new());
        let standing = WipeStanding::None;
        return Some(NodeWipes { standing, last: None, head: 0, counts, unknown, missing, told: None });
    };
    let unknown: Vec<_> =
        known.due.iter().filter(|due| open.as_ref() != Some(&due.session)).cloned().collect();
    let standing = if known.is_contradicted() {
        WipeStanding::Contradicted
    } else if !known.missing.is_empty() {
        WipeStanding::Missing
    } else if open.is_some() {
        WipeStanding::Open
    } else if !unknown.is_empty() {
        WipeStanding::Unknown
    } else {
        known.last.as_ref().map_or(WipeStanding::None, |last| match last.verdict {
            Verdict::Pass => WipeStanding::Pass,
            Verdict::Partial => WipeStanding::Partial,
            Verdict::Fail => WipeStanding::Fail,
        })
    };
    Some(NodeWipes {
        standing,
        last: known.last.clone(),
        head: known.head.seq,
        counts: known.counts,
        unknown,
        missing: known.missing.clone(),
        told: known.told.clone(),
    })
}

/// Whether a node's lease and grace are over: its peer is no longer published until it renews.
pub(crate) fn lapsed(row: &NodeRow, now: Timestamp) -> bool {
    row.kind != NodeKind::External && now > row.expires_at.after(LEASE_GRACE)
}
