//! Closing a room for good: in order, and each step again if it was cut off, until the certificate is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hanare_ledger::sshsig::Namespace;
use hanare_ledger::{Hash, Record};
use hanare_model::{PublicKey, RoomId};
use serde::Deserialize as _;
use serde_json::Value;

use crate::admin::{
    ClosedNode, ClosedRoom, LedgerPart, Noun, Problem, RoomCertificate, RoomClose, WaitingNode,
};
use crate::answers::{is_connected, json};
use crate::lost::signed;
use crate::pages;
use crate::random;
use crate::registry::{Act, Closing, NodeRow, Registry, waiting};
use crate::shared::{FAREWELL, Hq};
use crate::show;

/// What a certificate's signature is for: `ssh-keygen -Y verify -n hanare-certificate`.
const NAMESPACE: Namespace = Namespace::new("hanare-certificate");
/// How long a room that is given up waits for what is on its way: an admin's command waits 30 s for its answer
/// (`admin/client.rs`). What takes longer is refused, with a word to try again.
const DELIVERY: Duration = Duration::from_secs(20);
/// What closing a room leaves where it is.
const STAYS: [&str; 4] =
    ["work-of-persons", "company-keys", "headquarters-ledger", "backups-of-headquarters-database"];

pub(crate) async fn close(hq: &Arc<Hq>, uid: u32, ask: RoomClose) -> Result<Value, Problem> {
    let RoomClose { id, abandon_sealed } = ask;
    let registry = hq.writer.registry();
    let actor = format!("uid {uid}");
    if registry.rooms.contains_key(&id) {
        if !abandon_sealed {
            delivered(hq, &id).await;
        }
        let registry = hq.writer.registry();
        let told: Vec<_> =
            registry.nodes_of(&id).map(|row| row.public_key).filter(|key| hq.listens(key)).collect();
        for key in &told {
            // Before the commit, or the publisher would drop the peer with the notice still unsent.
            hq.depart(*key);
        }
        let connected = connected(hq, &registry, &id);
        let closing = Closing { room: id.clone(), abandons: abandon_sealed, connected };
        let closed = hq.writer.act(&actor, Act::CloseRoom(closing)).await;
        if closed.is_err() {
            for key in &told {
                hq.farewell(key);
            }
        }
        closed?;
        let mut departing = hq.departing.subscribe();
        let gone = departing.wait_for(|departing| told.iter().all(|key| !departing.contains_key(key)));
        let _ = tokio::time::timeout(FAREWELL, gone).await;
    } else if !registry.nodes.values().any(|row| row.room == id) {
        return Err(Problem::Missing { noun: Noun::Room, id: id.to_string() });
    }
    hq.writer.act(&actor, Act::ForgetKeys(id.clone())).await?;
    let registry = hq.writer.registry();
    let mut nodes: Vec<&NodeRow> = registry.nodes.values().filter(|row| row.room == id).collect();
    nodes.sort_by(|a, b| (&a.name, a.enrolled_at).cmp(&(&b.name, b.enrolled_at)));
    let mut part: Vec<(String, Record)> = Vec::new();
    let head = pages::each(hq, |line| {
        if let Some(record) = Record::parse(line).filter(|record| concerns(record, &id, &nodes)) {
            part.push((line.to_owned(), record));
        }
        true
    })
    .await?;
    let closing = part.iter().rev().find(|(_, record)| record.kind == "room.closed");
    let Some((_, closing)) = closing else {
        return Err(Problem::Missing { noun: Noun::Room, id: id.to_string() });
    };
    let ledger: String = part.iter().flat_map(|(line, _)| [line.as_str(), "\n"]).collect();
    let destroyed = part.iter().filter(|(_, record)| record.kind == "room.keys-destroyed");
    let certificate = RoomCertificate {
        room: id.clone(),
        company: said(closing, "company").and_then(Value::as_str).unwrap_or_default().to_owned(),
        closed_at: closing.at,
        closed_by: closing.actor.clone(),
        abandoned: said(closing, "abandoned")
            .and_then(|value| Vec::deserialize(value).ok())
            .unwrap_or_default(),
        nodes: nodes.iter().map(|row| node(&registry, row)).collect(),
        keys_destroyed: destroyed.filter_map(|(_, record)| said(record, "keys")?.as_u64()).sum(),
        ledger: LedgerPart {
            records: u64::try_from(part.len()).unwrap_or(u64::MAX),
            sha256: Hash::of(ledger.as_bytes()),
            head,
        },
        stays: STAYS.map(str::to_owned).into(),
    };
    json(&ClosedRoom { certificate: signed(hq, NAMESPACE, certificate)?, ledger })
}

/// Waits for what the room's nodes are delivering, as long as nothing else is in the way and for [`DELIVERY`] at most.
async fn delivered(hq: &Hq, room: &RoomId) {
    let mut changes = hq.writer.watch();
    let is_settled = |registry: &Registry| {
        let waiting = waiting(registry, room, &connected(hq, registry, room), random::now());
        waiting.is_empty() || !waiting.iter().all(WaitingNode::is_coming)
    };
    // What is there in the end decides, with a deadline or without.
    let settled = changes.wait_for(|registry| is_settled(registry));
    let _ = tokio::time::timeout(DELIVERY, settled).await;
}

/// The room's nodes whose tunnel stands.
fn connected(hq: &Hq, registry: &Registry, room: &RoomId) -> BTreeSet<PublicKey> {
    registry.nodes_of(room).filter(|row| is_connected(hq, row)).map(|row| row.public_key).collect()
}

fn node(registry: &Registry, row: &NodeRow) -> ClosedNode {
    ClosedNode {
        name: row.name.clone(),
        kind: row.kind,
        public_key: row.public_key,
        ended_at: row.revoked_at,
        wipes: show::wipes(registry, row, random::now()),
    }
}

/// Whether a record is about the room, or a node of it.
fn concerns(record: &Record, room: &RoomId, nodes: &[&NodeRow]) -> bool {
    let id = room.to_string();
    let is_node = |text: &str| nodes.iter().any(|row| row.name.as_str() == text);
    record.subject == id
        || said(record, "room").and_then(Value::as_str) == Some(&id)
        || said(record, "node").and_then(Value::as_str).is_some_and(is_node)
        || (record.kind.starts_with("receipt.") || record.kind.starts_with("node."))
            && is_node(&record.subject)
}

/// A member of what a record says.
pub(crate) fn said<'a>(record: &'a Record, member: &str) -> Option<&'a Value> {
    record.data.get(member)
}
