//! A machine that is lost or stolen: revoked at once, whatever else is unknown, and what is known of it written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use hanare_handover::protocol::{Content, Entry};
use hanare_ledger::sshsig::{self, Digest, Namespace};
use hanare_ledger::{Entry as LedgerRecord, Record};
use hanare_model::{PersonId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::{
    HeldOf, LostNode, MAX_OPENINGS, NodeLost, NodeRevoke, NodeState, Noun, Opening, Problem, RefusedTry,
    Request, Signed, Wanted,
};
use crate::answers::{self, json as answer};
use crate::closing::said;
use crate::pages;
use crate::random;
use crate::registry::{Act, LOST, NodeRow};
use crate::shared::Hq;

/// What signatures of sheets are for: `ssh-keygen -Y verify -n hanare-evidence`.
const NAMESPACE: Namespace = Namespace::new("hanare-evidence");

pub(crate) async fn lost(hq: &Arc<Hq>, uid: u32, ask: NodeLost) -> Result<Value, Problem> {
    let (registry, now) = (hq.writer.registry(), random::now());
    let missing = || Problem::Missing { noun: Noun::Node, id: ask.name.to_string() };
    let row = registry.node_or_last(&ask.name).ok_or_else(missing)?.clone();
    // As it was: a revocation ends its session and its place in the plane.
    let node = answers::node(hq, &registry, &row, now);
    // First of all: nothing below may keep the key alive.
    let (mut revoked_now, mut acknowledged) = (false, false);
    if node.state != NodeState::Revoked && node.state != NodeState::Left {
        let reason = Some(LOST.to_owned());
        let revoke = NodeRevoke { name: row.name.clone(), reason, abandon_sealed: true };
        let revoked = Box::pin(answers::answer(hq, uid, Request::NodeRevoke(revoke))).await?;
        let is_true = |member: &str| revoked.get(member).and_then(Value::as_bool).unwrap_or_default();
        (revoked_now, acknowledged) = (is_true("changed"), is_true("acknowledged"));
    }
    let data = json!({ "public_key": row.public_key, "room": row.room, "revoked_now": revoked_now });
    let entry = LedgerRecord {
        at: now,
        actor: format!("uid {uid}"),
        kind: "node.lost".to_owned(),
        subject: row.name.to_string(),
        data,
    };
    hq.writer.act("hq", Act::Note(entry)).await?;
    let ended = hq.writer.registry();
    let revoked_at = ended.nodes.get(&row.public_key).and_then(|row| row.revoked_at);
    let History { openings, refusals, reported_at } = history(hq, &row).await?;
    let reported_at = reported_at.unwrap_or(now);
    let since = refusals.iter().filter(|one| one.at >= reported_at).count();
    let refused_since = u64::try_from(since).unwrap_or(u64::MAX);
    let facts = LostNode {
        at: now,
        revoked_at,
        revoked_now,
        acknowledged,
        last_contact: last_contact(&node, now),
        openings: newest(openings),
        reported_at,
        refusals: newest(refusals),
        refused_since,
        held: held(hq, &row).await,
        was_open: node.person.is_some(),
        node,
    };
    answer(&signed(hq, NAMESPACE, facts)?)
}

/// Signs a document of headquarters.
pub(crate) fn signed<T: Serialize>(hq: &Hq, namespace: Namespace, facts: T) -> Result<Signed<T>, Problem> {
    let bug = |error: serde_json::Error| Problem::Bug { text: error.to_string() };
    let mut document = serde_json::to_string_pretty(&facts).map_err(bug)?;
    document.push('\n');
    let signature = sshsig::sign(&Digest::of(document.as_bytes()), namespace, &hq.signing);
    let key = sshsig::openssh_key(&hq.signing.verify_key(), "hanare-hq");
    Ok(Signed { facts, document, signature, key })
}

/// The last handshake, or the last report, whichever is later.
fn last_contact(node: &crate::admin::Node, now: Timestamp) -> Option<Timestamp> {
    let handshake = node.last_handshake_seconds.and_then(|age| i64::try_from(age).ok());
    let handshake = handshake.map(|age| Timestamp::from_seconds(now.seconds().saturating_sub(age)));
    let told = node.wipes.as_ref().and_then(|wipes| wipes.told.as_ref()).map(|told| told.at);
    handshake.max(told)
}

/// What the ledger says of a machine, oldest first.
#[derive(Debug, Default)]
struct History {
    /// Who had work open there.
    openings: Vec<Opening>,
    /// What was refused to whoever has its key.
    refusals: Vec<RefusedTry>,
    /// When it was first said to be lost.
    reported_at: Option<Timestamp>,
}

async fn history(hq: &Hq, row: &NodeRow) -> Result<History, Problem> {
    let mut history = History::default();
    pages::each(hq, |line| {
        if let Some(record) = Record::parse(line).filter(|record| record.at >= row.enrolled_at) {
            note_opening(&mut history.openings, &record, row);
            history.refusals.extend(refusal(&record, row));
            let is_report = record.kind == "node.lost" && is_of(&record, "public_key", &row.public_key);
            if is_report && history.reported_at.is_none() {
                history.reported_at = Some(record.at);
            }
        }
        true
    })
    .await?;
    Ok(history)
}

fn newest<T>(mut oldest_first: Vec<T>) -> Vec<T> {
    oldest_first.reverse();
    oldest_first.truncate(MAX_OPENINGS);
    oldest_first
}

/// Whether a record names this key.
fn is_of(record: &Record, member: &str, key: &impl Serialize) -> bool {
    said(record, member).is_some_and(|told| serde_json::to_value(key).is_ok_and(|key| *told == key))
}

/// Something that was refused to a machine. Its name may be another one's by now; its keys never are.
fn refusal(record: &Record, row: &NodeRow) -> Option<RefusedTry> {
    let (what, is_its) = match record.kind.as_str() {
        "work.refused" => (Wanted::Work, is_of(record, "public_key", &row.public_key)),
        "lease.refused" => (Wanted::Lease, is_of(record, "signing_key", &row.signing_key)),
        "records.refused" | "receipt.refused" => (Wanted::Records, record.subject == row.name.as_str()),
        _ => return None,
    };
    let text = |member| said(record, member).and_then(Value::as_str).unwrap_or_default().to_owned();
    (is_its && row.signing_key.is_some()).then(|| RefusedTry { at: record.at, what, why: text("why") })
}

fn note_opening(openings: &mut Vec<Opening>, record: &Record, row: &NodeRow) {
    let node = said(record, "node").and_then(Value::as_str);
    if node != Some(row.name.as_str()) {
        return;
    }
    let Ok(person) = record.subject.parse::<PersonId>() else { return };
    match record.kind.as_str() {
        "work.opened" => {
            openings.push(Opening { person, opened_at: record.at, closed_at: None, reason: None });
        }
        "work.closed" => {
            let open = openings.iter_mut().rev().find(|one| one.person == person);
            if let Some(open) = open.filter(|open| open.closed_at.is_none()) {
                open.closed_at = Some(record.at);
                open.reason = said(record, "reason").and_then(Value::as_str).map(str::to_owned);
            }
        }
        _ => {}
    }
}

/// What came from there; `None` if the store cannot tell, which keeps nobody from revoking.
async fn held(hq: &Hq, row: &NodeRow) -> Option<Vec<HeldOf>> {
    let store = hq.work.open().await.ok()?;
    let mut held: BTreeMap<PersonId, HeldOf> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.browse_node(&row.company, &row.name, None, after).await;
        let (entries, next) = page.ok()?;
        for (person, Entry { at, content, .. }) in entries {
            let new = HeldOf { person: person.clone(), files: 0, bytes: 0, latest: at };
            let one = held.entry(person).or_insert(new);
            one.files = one.files.saturating_add(1);
            one.latest = one.latest.max(at);
            if let Content::File { size, .. } = content {
                one.bytes = one.bytes.saturating_add(size);
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    Some(held.into_values().collect())
}
