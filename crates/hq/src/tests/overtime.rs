//! Overtime in virtual time: headquarters' policy bounds it, and a no is on the ledger.

use std::sync::Arc;

use hanare_ledger::carried::NodeRecords;
use hanare_ledger::{Chain, Entry, Head};
use hanare_model::api::Refusal;
use hanare_model::work::WorkRefusal;
use hanare_model::{PersonId, SigningKey};
use serde_json::{Value, json};

use super::device::exchange;
use super::lockout::{World, key};
use super::receipts::Machine;
use super::work::Office;
use crate::admin::{LedgerList, PolicyApply};
use crate::registry::{Act, Opened, Outcome, Overtime};

const PC: u8 = 1;
const OTHER: u8 = 2;
const HOUR: u64 = 3600;

fn person(id: &str) -> PersonId {
    id.parse().unwrap()
}

impl World {
    fn policy(&mut self, hours: u64) {
        let text = format!("version = 1\n[calendar]\novertime_hours = {hours}\n");
        self.registry.in_force = Arc::new(text.parse().unwrap());
    }

    /// Whether it was granted, and what is on the ledger of it.
    fn longer(&mut self, node: u8, who: &str, seconds: u64) -> (bool, Entry) {
        let ask = Overtime { node: key(node), person: person(who), seconds, grant: None };
        let mut decision = self.act(Act::Overtime(ask)).unwrap();
        let outcome = &decision.outcome;
        let is_granted = matches!(outcome, Outcome::Done);
        let is_refused = matches!(outcome, Outcome::Opened(Opened::Refused(WorkRefusal::Overtime)));
        assert!(is_granted || is_refused, "{outcome:?}");
        assert_eq!(decision.entries.len(), 1);
        (is_granted, decision.entries.remove(0))
    }

    fn may(&mut self, seconds: u64) -> bool {
        self.longer(PC, "hanako", seconds).0
    }
}

#[test]
fn a_person_has_as_much_as_headquarters_policy_gives_and_a_no_is_on_the_ledger() {
    let mut world = World::new();
    world.policy(2);
    let (granted, entry) = world.longer(PC, "hanako", HOUR);
    assert_eq!((granted, entry.kind.as_str(), entry.subject.as_str()), (true, "work.overtime", "hanako"));
    assert_eq!(entry.data, json!({ "node": "pc-1", "seconds": HOUR }));
    assert!(world.may(HOUR));
    let (granted, entry) = world.longer(PC, "hanako", 1);
    assert_eq!((granted, entry.kind.as_str(), entry.subject.as_str()), (false, "work.refused", "hanako"));
    let told = ["why", "node", "seconds", "had", "hours"].map(|member| entry.data[member].clone());
    assert_eq!(told, [json!("overtime"), json!("pc-1"), json!(1), json!(2 * HOUR), json!(2)]);
    // What a colleague has, or she herself elsewhere, is another account.
    assert!(world.longer(PC, "taro", HOUR).0 && world.longer(OTHER, "hanako", HOUR).0);
    world.wait(17 * HOUR);
    assert!(!world.may(1), "it is the same day");
    world.wait(HOUR);
    assert!(world.may(2 * HOUR), "another day");
    // A policy that changes counts at once.
    world.policy(0);
    assert!(!world.may(1));
    world.policy(3);
    assert!(world.may(HOUR) && !world.may(1));
}

#[test]
fn without_a_word_in_the_policy_the_machine_decides_and_no_machine_asks_for_more_than_a_day() {
    let mut world = World::new();
    assert!(world.may(24 * HOUR) && !world.may(1));
    assert!(!world.longer(OTHER, "hanako", u64::MAX).0);
    for _ in 0..64 {
        assert!(world.longer(OTHER, "hanako", 1).0);
    }
    assert!(!world.longer(OTHER, "hanako", 1).0, "that is nobody who works");
}

#[test]
fn what_was_taken_while_headquarters_was_away_counts() {
    let mut world = World::new();
    world.policy(2);
    Machine::new(&mut world, PC);
    let entry = Entry {
        at: world.context.now,
        actor: "node pc-1".to_owned(),
        kind: "work.overtime-alone".to_owned(),
        subject: "hanako".to_owned(),
        data: json!({ "seconds": HOUR }),
    };
    let line = Chain::default().append(entry, &SigningKey::from_seed([PC; 32])).unwrap().line;
    let told = NodeRecords { after: Head::GENESIS, anew: false, lines: vec![line] };
    for kinds in [&["node.overtime-alone"][..], &[]] {
        // Again, as after an answer that did not arrive: it counts once.
        let decision = world.act(Act::Records(key(PC), Box::new(told.clone()))).unwrap();
        assert_eq!(decision.entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), kinds);
    }
    assert!(!world.may(HOUR + 1));
    assert!(world.may(HOUR));
}

/// The grant is on the ledger, its answer is lost, and the node takes the same time alone; or it tells so before it asks again.
#[test]
fn one_wish_counts_once_whichever_way_headquarters_hears_of_it_first() {
    let alone = |world: &mut World, grant: u32| {
        let entry = Entry {
            at: world.context.now,
            actor: "node pc-1".to_owned(),
            kind: "work.overtime-alone".to_owned(),
            subject: "hanako".to_owned(),
            data: json!({ "seconds": HOUR, "grant": grant }),
        };
        let line = Chain::default().append(entry, &SigningKey::from_seed([PC; 32])).unwrap().line;
        let told = NodeRecords { after: Head::GENESIS, anew: false, lines: vec![line] };
        world.act(Act::Records(key(PC), Box::new(told))).unwrap();
    };
    let longer = |world: &mut World, grant: u32, seconds: u64| {
        let (node, person) = (key(PC), person("hanako"));
        let decision = world.act(Act::Overtime(Overtime { node, person, seconds, grant: Some(grant) }));
        let decision = decision.unwrap();
        (matches!(decision.outcome, Outcome::Done), decision.entries.len())
    };
    let ask = |world: &mut World, grant: u32| longer(world, grant, HOUR);
    for is_first_granted in [true, false] {
        let mut world = World::new();
        world.policy(2);
        Machine::new(&mut world, PC);
        if is_first_granted {
            assert_eq!(ask(&mut world, 7), (true, 1));
            alone(&mut world, 7);
        } else {
            alone(&mut world, 7);
            assert_eq!(ask(&mut world, 7), (true, 0));
        }
        assert_eq!(ask(&mut world, 8), (true, 1), "there is an hour left");
        assert_eq!(ask(&mut world, 9), (false, 1));
        assert_eq!(longer(&mut world, 8, 4 * HOUR), (false, 1), "a number is good for one time only");
    }
}

#[tokio::test]
async fn a_node_is_told_no_and_a_restart_forgets_nothing() {
    let (mut office, opened) = Office::opened().await;
    let text = "version = 1\n[calendar]\novertime_hours = 1\n".to_owned();
    office.admin.call(PolicyApply { text }).await.unwrap();
    let ask = async |office: &Office, seconds: u64| {
        let mut stream = office.api.from_inside(&office.node("pc-1"));
        let body = json!({ "session": opened.session, "seconds": seconds }).to_string();
        exchange(&mut stream, "POST", "/v1/work/overtime", &body).await
    };
    assert_eq!(ask(&office, HOUR).await.0, 204);
    let (status, answer) = ask(&office, 60).await;
    let no = matches!(serde_json::from_str(&answer), Ok(Refusal::Work { work: WorkRefusal::Overtime }));
    assert!(status == 403 && no, "{answer}");
    office.server.stop().await;
    office.server = office.home.serve().await;
    let seconds: u64 = office.server.hq.writer.registry().wipes.values().next().unwrap().overtime[0].seconds;
    assert_eq!(seconds, HOUR);
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let told = |kind: &str, member: &str| -> Vec<Value> {
        entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.data[member].clone()).collect()
    };
    assert_eq!(told("work.overtime", "seconds"), [json!(HOUR)]);
    assert_eq!(told("work.refused", "why"), [json!("overtime")]);
    office.server.stop().await;
}
