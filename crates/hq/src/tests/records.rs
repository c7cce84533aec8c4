//! Nodes' own records as they come in: once each, in their order, with the line that the node signed, and nobody else's.

use hanare_ledger::carried::{NodeRecords, RecordsTaken};
use hanare_ledger::{Chain, Entry, Head};
use hanare_model::api::Refusal;
use hanare_model::{SigningKey, Timestamp};
use serde_json::json;

use super::device::{Device, exchange};
use super::lockout::{World, key};
use super::{Home, invite, rooms};
use crate::admin::{LedgerList, NodeRevoke};
use crate::registry::{Act, Change, Decision, Outcome, decide};

const PC: u8 = 1;

/// A node's own chain: its lines, and where it stood before each and after the last.
fn chain(key: &SigningKey, kinds: &[&str]) -> (Vec<String>, Vec<Head>) {
    let mut chain = Chain::default();
    let mut heads = vec![chain.head()];
    let lines = kinds.iter().map(|kind| {
        let entry = Entry {
            at: Timestamp::from_seconds(0),
            actor: "uid 1000".to_owned(),
            kind: (*kind).to_owned(),
            subject: "pc-1".to_owned(),
            data: json!({ "reason": "portal", "seconds": 60 }),
        };
        let line = chain.append(entry, key).unwrap().line;
        heads.push(chain.head());
        line
    });
    (lines.collect(), heads)
}

fn told(after: Head, lines: &[String]) -> NodeRecords {
    NodeRecords { after, anew: false, lines: lines.to_vec() }
}

fn take(world: &mut World, records: NodeRecords) -> (Option<Head>, Vec<Entry>) {
    let act = Act::Records(key(PC), Box::new(records));
    let Decision { changes, entries, outcome } = decide(&world.registry, &world.context, act).unwrap();
    for change in &changes {
        world.registry.apply(change);
    }
    let Outcome::Answer(answer) = outcome else { panic!("{outcome:?}") };
    let taken: Option<RecordsTaken> = serde_json::from_value(answer).unwrap();
    (taken.map(|taken| taken.head), entries)
}

fn kinds(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.kind.as_str()).collect()
}

fn world() -> (World, SigningKey) {
    let mut world = World::new();
    let signing = SigningKey::from_seed([PC; 32]);
    let mut row = world.registry.nodes[&key(PC)].clone();
    row.signing_key = Some(signing.verify_key());
    world.registry.apply(&Change::Node(Box::new(row)));
    (world, signing)
}

#[test]
fn an_unlock_is_on_the_ledger_once_with_what_the_node_signed() {
    let (mut world, signing) = world();
    let own =
        ["kill-switch.unlock", "kill-switch.unlock-refused", "work.overtime-alone", "of a later version"];
    let (lines, heads) = chain(&signing, &own);
    assert_eq!(take(&mut world, NodeRecords::question()), (Some(Head::GENESIS), Vec::new()));
    let (head, entries) = take(&mut world, told(heads[0], &lines[..1]));
    assert_eq!((head, kinds(&entries)), (Some(heads[1]), vec!["node.unlocked"]));
    let data = &entries[0].data;
    assert_eq!(
        (&data["reason"], &data["seconds"], &data["by"]),
        (&json!("portal"), &json!(60), &json!("uid 1000"))
    );
    assert_eq!(data["record"], json!(lines[0]), "byte for byte");
    assert_eq!(take(&mut world, told(heads[0], &lines[..1])), (Some(heads[1]), Vec::new()), "again");
    let (head, entries) = take(&mut world, told(heads[1], &lines[1..]));
    assert_eq!(kinds(&entries), ["node.unlock-refused", "node.overtime-alone", "node.recorded"]);
    assert_eq!(head, Some(heads[4]));
}

#[test]
fn what_the_node_did_not_sign_is_refused_on_the_record_and_what_was_put_back_is_told() {
    let (mut world, signing) = world();
    let (lines, heads) = chain(&signing, &["kill-switch.unlock"; 3]);
    take(&mut world, told(heads[0], &lines));
    let (others, _) = chain(&SigningKey::from_seed([9; 32]), &["kill-switch.unlock"]);
    let forged = NodeRecords { after: Head::GENESIS, anew: true, lines: others };
    let (head, entries) = take(&mut world, forged);
    assert_eq!((head, kinds(&entries)), (None, vec!["records.refused"]));
    assert_eq!(entries[0].data["why"], "signature");
    // A state that was restored from yesterday goes on from there.
    let (lines, heads) = chain(&signing, &["kill-switch.unlock", "work.overtime-alone"]);
    let (head, entries) = take(&mut world, NodeRecords { anew: true, ..told(heads[0], &lines) });
    assert_eq!(kinds(&entries), ["records.put-back", "node.unlocked", "node.overtime-alone"]);
    assert_eq!((head, &entries[0].data["held"]["seq"]), (Some(heads[2]), &json!(3)));
}

#[test]
fn what_a_node_leaves_out_is_noted_also_of_its_first_records() {
    let (mut world, signing) = world();
    let (lines, heads) = chain(&signing, &["kill-switch.unlock"; 3]);
    let (head, entries) = take(&mut world, NodeRecords { anew: true, ..told(heads[2], &lines[2..]) });
    assert_eq!((head, kinds(&entries)), (Some(heads[3]), vec!["records.put-back", "node.unlocked"]));
    assert_eq!(entries[0].data["told"]["seq"], 2);
}

#[tokio::test]
async fn a_node_sends_its_own_records_also_when_it_is_revoked_and_nobody_else_does() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, hq) = (home.admin(), server.private_key().public());
    rooms(&admin).await;
    let (own, stranger) = (Device::new(1), Device::new(2));
    own.join(server.api_address(), &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let (lines, heads) = chain(&own.signing(), &["kill-switch.unlock"; 3]);
    let api = server.api_address();
    let ask = async |device: &Device, records: &NodeRecords| {
        let mut stream = device.connect(api, true).await;
        exchange(&mut stream, "POST", "/v1/records", &serde_json::to_string(records).unwrap()).await
    };
    let first = told(heads[0], &lines[..2]);
    let (status, answer) = ask(&own, &first).await;
    assert_eq!((status, serde_json::from_str::<RecordsTaken>(&answer).unwrap().head), (200, heads[2]));
    assert_eq!(ask(&stranger, &first).await.0, 403);
    assert_eq!(ask(&own, &told(heads[2], &vec!["x".repeat(5000); 16])).await.0, 403);
    assert_eq!(ask(&own, &told(heads[2], &vec!["x".repeat(20_000); 16])).await.0, 413);
    let name: hanare_model::NodeName = "pc-1".parse().unwrap();
    admin.call(NodeRevoke { name, reason: None, abandon_sealed: false }).await.unwrap();
    assert_eq!(ask(&own, &told(heads[2], &lines[2..])).await.0, 200);
    // Each place on the ledger is there for good: a node does not get them without end.
    let (mut taken, mut waits) = (0, Vec::new());
    for _ in 0..40 {
        let (status, answer) = ask(&own, &told(heads[0], &vec![lines[0].clone(); 16])).await;
        taken += u32::from(status == 200);
        if let Ok(Refusal::TooMany { retry_after_seconds }) = serde_json::from_str(&answer) {
            waits.push(retry_after_seconds);
        }
    }
    // What was refused cost nothing: the wait does not grow by asking.
    assert!((10..40).contains(&taken) && waits.len() == 40 - taken as usize, "{taken} {waits:?}");
    assert!(waits.iter().max() <= waits.first() && waits[0] <= 16 * 5 + 1, "{waits:?}");
    server.stop().await;
    // It is known after a restart where headquarters stands.
    let server = home.serve().await;
    let registry = server.hq.writer.registry();
    assert_eq!(registry.ledgers.values().copied().collect::<Vec<_>>(), [heads[3]]);
    let entries = home.admin().call(LedgerList { after: 0, since: None }).await.unwrap().items;
    assert_eq!(entries.iter().filter(|entry| entry.kind == "node.unlocked").count(), 3);
    server.stop().await;
}
