//! Giving a room up: refused while anything waits, and afterwards certified, with its keys gone from the disk.

use hanare_ledger::Record;
use hanare_ledger::sshsig::{self, Digest, Namespace};

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hanare_model::Timestamp;
use hanare_model::plan::RoomPlace;
use hanare_model::report::{NodeReport, VolumeTold};

use super::device::exchange;
use super::lockout::{World, key};
use super::receipts::{Machine, boot};
use super::work::Office;
use crate::admin::{
    ClientError, ClosedRoom, NodeRevoke, NodeShow, NodeState, Problem, RoomClose, RoomList, WaitsFor,
};
use crate::plane::{PeerReport, PlaneReport};
use crate::registry::{Act, Change, Closing, RoomRow, Waiting};
use crate::store::FILE_NAME;

async fn close(office: &Office, room: &str, abandon_sealed: bool) -> Result<ClosedRoom, Problem> {
    let ask = RoomClose { id: room.parse().unwrap(), abandon_sealed };
    match office.admin.call(ask).await {
        Ok(closed) => Ok(closed),
        Err(ClientError::Refused(problem)) => Err(problem),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_room_where_work_is_open_or_may_wait_is_closed_only_if_that_is_given_up() {
    let (office, opened) = Office::opened().await;
    let waits = |answer: Result<ClosedRoom, Problem>| match answer {
        Err(Problem::SealedWait { nodes, .. }) => match nodes.as_slice() {
            [one] if one.node.as_str() == "pc-1" => one.why,
            others => panic!("{others:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(close(&office, "kofu/306", false).await), WaitsFor::Open);
    // Closed work whose receipt has not come: nobody knows what waits there.
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let body = format!("{{\"session\":\"{}\"}}", opened.session.expose());
    assert_eq!(exchange(&mut stream, "POST", "/v1/work/close", &body).await.0, 204);
    assert_eq!(waits(close(&office, "kofu/306", false).await), WaitsFor::Unheard);
    assert_eq!(office.node("pc-1").revoked_at, None, "nothing has ended");
    let row = office.node("pc-1");
    let (key, name) = (row.preshared_key.expose_base64().to_string(), row.name.clone());

    let closed = close(&office, "kofu/306", true).await.unwrap();
    let facts = &closed.certificate.facts;
    assert_eq!((facts.company.as_str(), facts.abandoned.as_slice()), ("acme", &["pc-1".to_owned()][..]));
    assert_eq!((facts.nodes.len(), facts.keys_destroyed), (1, 1));
    assert!(facts.nodes[0].ended_at.is_some());
    assert_eq!(office.admin.call(NodeShow { name }).await.unwrap().state, NodeState::Revoked);
    let rooms = office.admin.call(RoomList {}).await.unwrap().items;
    assert_eq!(rooms.iter().map(|room| room.id.to_string()).collect::<Vec<_>>(), ["gujo/1"]);
    // Signed, for anybody; each record of the ledger by itself, and nothing of another room.
    let namespace = Namespace::new("hanare-certificate");
    let digest = Digest::of(closed.certificate.document.as_bytes());
    let signer = sshsig::verify(&closed.certificate.signature, &digest, namespace).unwrap();
    assert_eq!(sshsig::openssh_key(&signer, "hanare-hq"), closed.certificate.key);
    let records: Vec<_> = closed.ledger.lines().map(|line| Record::parse(line).unwrap()).collect();
    assert_eq!(records.len() as u64, facts.ledger.records);
    let kinds: Vec<_> = records.iter().map(|record| record.kind.as_str()).collect();
    for kind in
        ["room.added", "node.joined", "node.enrolled", "work.opened", "room.closed", "room.keys-destroyed"]
    {
        let is_there = kinds.contains(&kind);
        assert!(is_there || kind.starts_with("node."), "{kind} is not in {kinds:?}");
    }
    assert!(!closed.ledger.contains("pc-2") && !closed.ledger.contains("gujo"));
    // The same again, as after a crash before the certificate was kept.
    let again = close(&office, "kofu/306", false).await.unwrap();
    assert_eq!(again.certificate.facts.closed_at, facts.closed_at);
    assert_eq!((again.certificate.facts.keys_destroyed, &again.ledger), (1, &closed.ledger));
    assert!(matches!(close(&office, "kofu/999", true).await, Err(Problem::Missing { .. })));
    let database = office.home.state().join(FILE_NAME);
    office.server.stop().await;
    let bytes = std::fs::read(database).unwrap();
    assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "the key is on the disk");
}

#[tokio::test]
async fn a_room_where_nobody_ever_worked_is_closed_at_once() {
    let (office, _) = Office::opened().await;
    let closed = close(&office, "gujo/1", false).await.unwrap();
    let facts = closed.certificate.facts;
    assert_eq!((facts.company.as_str(), facts.abandoned.len(), facts.keys_destroyed), ("beta", 0, 1));
    office.server.stop().await;
}

const PC: u8 = 1;
const WEEK: u64 = 7 * 24 * 3600;

/// A machine in a room of which an admin asks.
fn room() -> (World, Machine) {
    let mut world = World::new();
    let place = RoomPlace { v4: "10.88.1.0/24".parse().unwrap(), slot: 1 };
    let (id, company) = ("kofu/306".parse().unwrap(), "aoba".parse().unwrap());
    let row = RoomRow { id, company, place, created_at: world.context.now };
    world.registry.apply(&Change::Room(row));
    let pc = Machine::new(&mut world, PC);
    (world, pc)
}

impl World {
    fn tell(&mut self, pc: &Machine, sealed: u64) {
        self.report(PC, NodeReport { sealed: Some(sealed), ..pc.report(&boot(1), Vec::new()) });
    }

    /// Why the room is not closed; `None` if it would be.
    fn in_the_way(&self, is_connected: bool) -> Option<WaitsFor> {
        let connected = if is_connected { BTreeSet::from([key(PC)]) } else { BTreeSet::new() };
        let ask = Closing { room: "kofu/306".parse().unwrap(), abandons: false, connected };
        match crate::registry::decide(&self.registry, &self.context, Act::CloseRoom(ask)) {
            Ok(_) => None,
            Err(Problem::SealedWait { nodes, .. }) => {
                assert_eq!((nodes.len(), nodes[0].node.as_str()), (1, "pc-1"));
                assert_eq!(nodes[0].is_connected, is_connected);
                Some(nodes[0].why)
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// What keeps its node from being revoked.
    fn waiting(&self, is_connected: bool) -> Waiting {
        Waiting::of(&self.registry, &self.registry.nodes[&key(PC)], is_connected, self.context.now)
    }
}

#[test]
fn that_nothing_waits_is_believed_of_a_machine_that_says_so_now_and_of_no_other() {
    let (mut world, pc) = room();
    assert_eq!(world.in_the_way(false), None, "nobody ever worked there");
    assert_eq!(world.right(PC), None);
    world.tell(&pc, 0);
    world.close(PC);
    world.wait(2);
    world.tell(&pc, 0);
    let told = world.context.now;
    assert_eq!((world.in_the_way(true), world.waiting(true)), (None, Waiting::Nothing));
    // What it says of a moment ago says nothing of one that has gone since.
    let silent = (Some(WaitsFor::Silent { since: told }), Waiting::Silent(told));
    assert_eq!((world.in_the_way(false), world.waiting(false)), silent);
    world.wait(20 * 60);
    assert_eq!(world.in_the_way(true), None, "the longest that a healthy machine is silent");
    world.wait(10 * 60);
    assert_eq!((world.in_the_way(true), world.waiting(true)), silent, "its agent says nothing any more");
    world.wait(WEEK);
    for is_connected in [true, false] {
        assert_eq!((world.in_the_way(is_connected), world.waiting(is_connected)), silent, "{is_connected}");
    }
    // A clock that is set back makes it no younger.
    world.context.now = Timestamp::from_seconds(told.seconds() - 60);
    assert_eq!(world.waiting(true), Waiting::Silent(told));
}

#[test]
fn what_a_machine_said_while_work_was_open_is_not_what_it_says_afterwards() {
    let (mut world, pc) = room();
    assert_eq!(world.right(PC), None);
    world.tell(&pc, 0);
    assert_eq!(world.in_the_way(true), Some(WaitsFor::Open));
    assert_eq!(world.waiting(true), Waiting::Nothing, "a revocation waits for no end of work");
    let told = world.context.now;
    world.wait(60);
    world.close(PC);
    assert_eq!(world.in_the_way(true), Some(WaitsFor::Silent { since: told }));
    assert_eq!(world.waiting(true), Waiting::Silent(told));
    // Its first word afterwards counts, although it is the same one a minute later.
    world.wait(2);
    world.tell(&pc, 0);
    assert_eq!((world.in_the_way(true), world.waiting(true)), (None, Waiting::Nothing));
    world.tell(&pc, 3);
    for is_connected in [true, false] {
        assert_eq!(world.in_the_way(is_connected), Some(WaitsFor::Items { items: 3 }));
        assert_eq!(world.waiting(is_connected), Waiting::Items(3));
    }
    world.wait(WEEK);
    assert_eq!(world.in_the_way(false), Some(WaitsFor::Items { items: 3 }));
}

#[test]
fn what_is_in_an_open_volume_may_still_be_sealed() {
    let (mut world, pc) = room();
    let volume = |open| Some(VolumeTold { kind: "ram".to_owned(), open, swap: "none".to_owned() });
    for (open, why) in [(true, Some(WaitsFor::Open)), (false, None)] {
        let report = pc.report(&boot(1), Vec::new());
        world.report(PC, NodeReport { sealed: Some(0), volume: volume(open), ..report });
        assert_eq!(world.in_the_way(true), why);
    }
}

#[test]
fn a_machine_that_does_not_know_its_own_count_waits() {
    let (mut world, pc) = room();
    assert_eq!(world.right(PC), None);
    world.close(PC);
    assert_eq!((world.in_the_way(true), world.waiting(true)), (Some(WaitsFor::Unheard), Waiting::Unheard));
    world.report(PC, NodeReport { sealed: None, ..pc.report(&boot(1), Vec::new()) });
    assert_eq!(world.waiting(true), Waiting::Silent(world.context.now));
}

impl Office {
    /// The agent's word about its spool.
    async fn says(&self, sealed: u64) {
        let report = NodeReport {
            boot_id: boot(1),
            session: None,
            head: 0,
            whole: true,
            sealed: Some(sealed),
            volume: None,
            receipts: Vec::new(),
        };
        let body = serde_json::to_string(&report).unwrap();
        let mut stream = self.own.connect(self.server.api_address(), true).await;
        assert_eq!(exchange(&mut stream, "POST", "/v1/report", &body).await.0, 200);
    }

    /// As the data plane sees it.
    fn plane(&self, last_handshake_seconds: u64) {
        let last_handshake_seconds = Some(last_handshake_seconds);
        let peer = PeerReport { last_handshake_seconds, ..PeerReport::default() };
        let peers = BTreeMap::from([(self.own.wireguard.public(), peer)]);
        self.server.plane().report(PlaneReport { peers, ..PlaneReport::default() });
    }
}

#[tokio::test]
async fn a_node_of_which_nothing_is_known_is_not_revoked_unless_that_is_meant() {
    let (office, _) = Office::opened().await;
    let revoke = async |abandon_sealed| {
        let ask = NodeRevoke { name: "pc-1".parse().unwrap(), reason: None, abandon_sealed };
        match office.admin.call(ask).await {
            Ok(revoked) => Ok(revoked.changed),
            Err(ClientError::Refused(problem)) => Err(problem),
            Err(other) => panic!("{other:?}"),
        }
    };
    office.says(2).await;
    office.plane(10);
    let node = || "pc-1".parse().unwrap();
    assert_eq!(revoke(false).await, Err(Problem::Sealed { node: node(), items: 2 }));
    office.says(0).await;
    office.plane(200);
    let Err(Problem::SealedUnknown { node: of, since }) = revoke(false).await else { panic!("not refused") };
    assert_eq!(of, node());
    let known = office.admin.call(NodeShow { name: node() }).await.unwrap().wipes.unwrap();
    assert_eq!(since, known.told.unwrap().at);
    office.plane(10);
    assert_eq!(revoke(false).await, Ok(true), "it is there, and says that nothing waits");
    office.server.stop().await;
}

#[tokio::test]
async fn a_room_waits_a_moment_for_what_its_machines_are_delivering() {
    let (office, opened) = Office::opened().await;
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let body = format!("{{\"session\":\"{}\"}}", opened.session.expose());
    assert_eq!(exchange(&mut stream, "POST", "/v1/work/close", &body).await.0, 204);
    office.says(2).await;
    office.plane(200);
    let start = Instant::now();
    let refused = close(&office, "kofu/306", false).await;
    assert!(matches!(refused, Err(Problem::SealedWait { .. })), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "nothing comes from a machine that is away");
    office.plane(10);
    let delivered = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(office.node("pc-1").revoked_at.is_none(), "closed before it was delivered");
        office.says(0).await;
    };
    let (closed, ()) = tokio::join!(close(&office, "kofu/306", false), delivered);
    assert!(closed.unwrap().certificate.facts.abandoned.is_empty());
    office.server.stop().await;
}
