//! Giving a room up: refused while anything waits, and afterwards certified, with its keys gone from the disk.

use hanare_ledger::Record;
use hanare_ledger::sshsig::{self, Digest, Namespace};

use super::work::Office;
use crate::admin::{ClientError, ClosedRoom, NodeShow, NodeState, Problem, RoomClose, RoomList};
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
        Err(Problem::SealedWait { nodes, .. }) => assert_eq!(nodes, ["pc-1"]),
        other => panic!("{other:?}"),
    };
    waits(close(&office, "kofu/306", false).await);
    // Closed work whose receipt has not come: nobody knows what waits there.
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let body = format!("{{\"session\":\"{}\"}}", opened.session.expose());
    assert_eq!(super::device::exchange(&mut stream, "POST", "/v1/work/close", &body).await.0, 204);
    waits(close(&office, "kofu/306", false).await);
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
