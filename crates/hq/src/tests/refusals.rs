//! Who was refused is on the ledger: an account that may not administer, a key that is no node's, a node that was revoked.

use hanare_ledger::Record;

use super::device::Device;
use super::{Home, invite, rooms};
use crate::admin::{ClientError, NodeRevoke, Problem, RoomList};
use crate::{Server, api};

/// Records of a kind.
async fn records(server: &Server, kind: &str) -> Vec<Record> {
    let (lines, _) = server.hq.writer.ledger(0, None).await.unwrap();
    let records = lines.iter().map(|(_, line)| Record::parse(line).unwrap());
    records.filter(|record| record.kind == kind).collect()
}

#[tokio::test]
async fn an_account_that_may_not_administer_is_refused_on_the_record() {
    let home = Home::new().await;
    let stranger: crate::Caller = |_| Ok((4711, false));
    let server = Server::start_with(home.serve_options(), api::bind, stranger).await.unwrap();
    let refused = home.admin().call(RoomList {}).await;
    assert!(
        matches!(refused, Err(ClientError::Refused(Problem::Forbidden { uid: 4711, .. }))),
        "{refused:?}"
    );
    let found = records(&server, "admin.refused").await;
    let told: Vec<_> =
        found.iter().map(|record| (record.actor.as_str(), record.data["request"].as_str())).collect();
    assert_eq!(told, [("uid 4711", Some("room-list"))]);
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_and_a_revoked_node_get_no_lease_and_are_on_the_record() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let (own, stranger) = (Device::new(1), Device::new(2));
    own.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    own.lease(api).await.unwrap();
    assert!(records(&server, "lease.refused").await.is_empty());
    stranger.lease(api).await.unwrap_err();
    let name = "pc-1".parse().unwrap();
    admin.call(NodeRevoke { name, reason: None, abandon_sealed: false }).await.unwrap();
    own.lease(api).await.unwrap_err();
    let found = records(&server, "lease.refused").await;
    let told: Vec<_> =
        found.iter().map(|record| (record.data["why"].as_str().unwrap(), record.subject.as_str())).collect();
    assert_eq!(told, [("not-enrolled", ""), ("revoked", "pc-1")]);
    assert!(found.iter().all(|record| record.actor == "address 127.0.0.1"));
    let key = |record: &Record| record.data["signing_key"].as_str().map(str::to_owned);
    assert_eq!(key(&found[0]), Some(stranger.signing_key().to_string()));
    server.stop().await;
}
