use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hanare_model::api::Event;

use super::device::{Device, exchange};
use super::{Home, invite, rooms};
use crate::admin::{NodeList, NodeRevoke, NodeState, RoomRemove, StatusShow};
use crate::api::Feed;
use crate::plane::{Order, PeerReport, PlaneReport};

#[tokio::test]
async fn a_listening_node_hears_its_lease_and_its_end_before_its_peer_goes() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let device = Device::new(1);
    let lease = device.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let key = device.wireguard.public();
    let mut stream = device.connect(api, true).await;
    // From outside the tunnel the stream is closed.
    assert_eq!(exchange(&mut stream, "GET", "/v1/events", "").await.0, 403);

    let mut feed = Feed::new(std::sync::Arc::clone(&server.hq), key);
    let Some(Event::Lease { granted }) = feed.next().await else { panic!("no lease") };
    let heard: hanare_model::Lease = granted.lease.open(&granted.signing_key).unwrap();
    assert_eq!(heard, lease);
    let started = Instant::now();
    let revoke = NodeRevoke { name: "pc-1".parse().unwrap(), reason: None, abandon_sealed: false };
    let revoking = tokio::spawn({
        let admin = admin.clone();
        async move { admin.call(revoke).await.unwrap() }
    });
    let Some(Event::Revoked { .. }) = feed.next().await else { panic!("no tombstone") };
    assert!(feed.next().await.is_none());
    assert!(server.published().borrow().peers.peers.contains_key(&key), "it goes only after the notice");
    let mut stream = device.connect(api, true).await;
    assert_eq!(exchange(&mut stream, "POST", "/v1/ack", "{\"ack\":\"revoked\"}").await.0, 204);
    assert!(revoking.await.unwrap().acknowledged);
    let mut published = server.published();
    published.wait_for(|now| !now.peers.peers.contains_key(&key)).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    drop(feed);
    server.stop().await;

    let server = home.serve().await;
    assert!(device.lease(server.api_address()).await.is_err(), "the tombstone outlives a restart");
    assert!(server.published().borrow().peers.peers.is_empty());
    admin.call(RoomRemove { id: "kofu/306".parse().unwrap() }).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_gone_after_a_second() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let device = Device::new(1);
    device.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let key = device.wireguard.public();
    let _feed = Feed::new(std::sync::Arc::clone(&server.hq), key);
    let started = Instant::now();
    let revoked = admin
        .call(NodeRevoke { name: "pc-1".parse().unwrap(), reason: None, abandon_sealed: false })
        .await
        .unwrap();
    assert!(!revoked.acknowledged);
    let mut published = server.published();
    published.wait_for(|now| !now.peers.peers.contains_key(&key)).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    let nodes = admin.call(NodeList {}).await.unwrap().items;
    assert_eq!(nodes[0].state, NodeState::Revoked);
    // Neither its name nor its address: the name is free again, the address is not.
    let again = Device::new(2);
    let lease = again.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    assert_eq!(lease.addresses[0].to_string(), "10.88.1.2/32");
    server.stop().await;
}

#[tokio::test]
async fn a_node_that_leaves_is_gone_for_good_and_its_addresses_rest() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let device = Device::new(1);
    let first = device.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let key = device.wireguard.public();
    // Nobody's key, and another node's, end nothing of it.
    for stranger in [Device::new(7), Device::new(8)] {
        let mut stream = stranger.connect(api, true).await;
        assert_eq!(exchange(&mut stream, "POST", "/v1/leave", "{}").await.0, 403);
    }
    assert!(device.lease(api).await.is_ok());
    let mut stream = device.connect(api, true).await;
    assert_eq!(exchange(&mut stream, "POST", "/v1/leave", "{}").await.0, 204);
    let mut published = server.published();
    published.wait_for(|now| !now.peers.peers.contains_key(&key)).await.unwrap();
    let nodes = admin.call(NodeList {}).await.unwrap().items;
    assert_eq!((nodes[0].state, nodes[0].revoked_at.is_some()), (NodeState::Left, true));
    let mut stream = device.connect(api, true).await;
    assert_eq!(exchange(&mut stream, "POST", "/v1/leave", "{}").await.0, 403, "once");
    server.stop().await;

    let server = home.serve().await;
    let api = server.api_address();
    assert!(device.lease(api).await.is_err(), "it outlives a restart");
    assert_eq!(admin.call(NodeList {}).await.unwrap().items[0].state, NodeState::Left);
    let again = Device::new(2);
    let second = again.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    assert!(second.addresses.iter().all(|address| !first.addresses.contains(address)));
    server.stop().await;
}

#[tokio::test]
async fn endpoints_are_remembered_and_dialled_after_a_restart() {
    let home = Home::new().await;
    let mut server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let device = Device::new(1);
    device.join(api, &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let key = device.wireguard.public();
    let endpoint = "198.51.100.7:40000".parse().unwrap();
    server.plane().roamed(key, endpoint);
    let peers =
        BTreeMap::from([(key, PeerReport { last_handshake_seconds: Some(3), ..PeerReport::default() })]);
    server.plane().report(PlaneReport { forwarding: true, peers, ..PlaneReport::default() });
    let status = admin.call(StatusShow {}).await.unwrap();
    assert_eq!((status.nodes.enrolled, status.nodes.up, status.forwarding), (1, 1, true));
    let mut orders = server.take_orders().unwrap();
    let mut stream = device.connect(api, true).await;
    assert_eq!(exchange(&mut stream, "POST", "/v1/rebuild", "").await.0, 204);
    assert_eq!(orders.recv().await, Some(Order::Rebuild(key)));
    server.hq.writer.watch().wait_for(|r| r.nodes[&key].endpoint.is_some()).await.unwrap();
    assert!(!server.published().borrow().peers.peers[&key].initiate);
    server.stop().await;
    let server = home.serve().await;
    let peer = server.published().borrow().peers.peers[&key].clone();
    assert_eq!((peer.endpoint, peer.initiate), (Some(endpoint), true));
    server.stop().await;
}
