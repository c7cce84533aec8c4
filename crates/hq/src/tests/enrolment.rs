use hanare_model::api::Refusal;
use hanare_model::{PresharedKey, PrivateKey, Timestamp, VerifyKey};

use super::device::{Device, exchange, lease};
use super::{Home, invite, rooms};
use crate::admin::{LedgerList, NodeRevoke};
use crate::registry::{Act, Joined, Joining, Outcome};
use crate::store::{FILE_NAME, Store};

#[tokio::test]
async fn a_device_joins_twice_and_another_never() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let invite = invite(&admin, "kofu/306", "pc-1", 3600).await;
    assert_eq!(invite.api, [format!("127.0.0.1:{}", api.port()).parse().unwrap()]);

    let (device, thief) = (Device::new(1), Device::new(2));
    let first = device.join(api, &hq, &invite).await.unwrap();
    assert_eq!((first.serial, first.node.as_str(), first.company.as_str()), (1, "pc-1", "acme"));
    assert_eq!(first.addresses[0].to_string(), "10.88.1.1/32");
    assert_eq!(device.join(api, &hq, &invite).await.unwrap(), first);
    assert_eq!(device.lease(api).await.unwrap(), first);
    assert!(matches!(thief.join(api, &hq, &invite).await, Err(Refusal::Used)));
    assert!(matches!(thief.lease(api).await, Err(Refusal::NotEnrolled)));

    let mut published = server.published();
    let peer = published.borrow_and_update().peers.peers.get(&device.wireguard.public()).cloned();
    let peer = peer.unwrap();
    assert_eq!(peer.preshared_key, Some(first.hq.preshared_key.clone()));
    assert_eq!(peer.allowed_ips, first.addresses);

    let entries = admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let refused = entries.iter().find(|entry| entry.kind == "join.refused").unwrap();
    assert_eq!((refused.data["why"].as_str(), refused.actor.as_str()), (Some("used"), "address 127.0.0.1"));
    let text = serde_json::to_string(&entries).unwrap();
    for secret in [invite.secret.expose_base64(), first.hq.preshared_key.expose_base64()] {
        assert!(!text.contains(secret.as_str()));
    }
    server.stop().await;
}

#[tokio::test]
async fn an_expired_invite_still_serves_the_device_that_redeemed_it_but_not_after_revocation() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let (used, unused) =
        (invite(&admin, "kofu/306", "pc-1", 2).await, invite(&admin, "kofu/306", "pc-2", 1).await);
    let device = Device::new(1);
    device.join(api, &hq, &used).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    assert!(device.join(api, &hq, &used).await.is_ok());
    assert!(matches!(Device::new(2).join(api, &hq, &unused).await, Err(Refusal::Expired { .. })));
    assert!(matches!(Device::new(2).join(api, &hq, &used).await, Err(Refusal::Used)));

    let reason = Some("紛失".to_owned());
    let revoked = admin
        .call(NodeRevoke { name: "pc-1".parse().unwrap(), reason, abandon_sealed: false })
        .await
        .unwrap();
    assert!(revoked.changed && !revoked.acknowledged);
    for refusal in [device.join(api, &hq, &used).await, device.lease(api).await] {
        let Err(Refusal::Revoked { tombstone }) = refusal else { panic!("{refusal:?}") };
        let key = admin.call(crate::admin::StatusShow {}).await.unwrap().signing_key;
        let notice: hanare_model::Tombstone = tombstone.open(&key).unwrap();
        assert_eq!((notice.node.as_str(), notice.reason.as_str()), ("pc-1", "紛失"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_proof_holds_for_its_connection_its_certificate_and_its_key_only() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, api, hq) = (home.admin(), server.api_address(), server.private_key().public());
    rooms(&admin).await;
    let invite = invite(&admin, "kofu/306", "pc-1", 3600).await;
    let (device, other) = (Device::new(1), Device::new(2));
    let recorded = device.proof(&device.connect(api, true).await, &hq);
    let mut cases = Vec::new();
    let mut stream = device.connect(api, true).await;
    cases.push(
        exchange(&mut stream, "POST", "/v1/join", &device.request(&invite, &recorded).to_string()).await,
    );
    let mut stream = device.connect(api, false).await;
    let proof = device.proof(&stream, &hq);
    cases.push(exchange(&mut stream, "POST", "/v1/join", &device.request(&invite, &proof).to_string()).await);
    let mut stream = other.connect(api, true).await;
    let proof = device.proof(&stream, &hq);
    cases.push(exchange(&mut stream, "POST", "/v1/join", &device.request(&invite, &proof).to_string()).await);
    for case in cases {
        assert!(matches!(lease(case), Err(Refusal::Proof)));
    }
    let mut stream = device.connect(api, true).await;
    let (status, _) = exchange(&mut stream, "POST", "/v1/join", &"x".repeat(70_000)).await;
    assert_eq!(status, 413);
    assert!(device.join(api, &hq, &invite).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn of_a_thousand_devices_one_gets_the_invite_and_the_ledger_is_not_flooded() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    rooms(&admin).await;
    let invite = invite(&admin, "kofu/306", "pc-1", 3600).await;
    let races = (0..1000u32).map(|number| {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let joining = Joining {
            invite: invite.id.to_string(),
            secret: invite.secret.clone(),
            public_key: PrivateKey::from_bytes(seed).public(),
            signing_key: VerifyKey::from_bytes(seed),
            name: None,
            code: None,
        };
        let hq = std::sync::Arc::clone(&server.hq);
        tokio::spawn(async move { hq.writer.act("race", Act::Join(Box::new(joining))).await.unwrap() })
    });
    let mut winners = 0;
    for race in races.collect::<Vec<_>>() {
        match race.await.unwrap() {
            Outcome::Joined(Joined::Granted(_)) => winners += 1,
            Outcome::Joined(Joined::Refused(Refusal::Used)) => {}
            other @ (Outcome::Joined(_) | Outcome::Answer(_) | Outcome::Opened(_) | Outcome::Done) => {
                panic!("{other:?}")
            }
        }
    }
    assert_eq!(winners, 1);
    let entries = admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let refused = entries.iter().filter(|entry| entry.kind == "join.refused").count();
    assert!((1..=210).contains(&refused), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_files_although_nobody_closed_them() {
    let home = Home::new().await;
    let server = home.serve().await;
    rooms(&home.admin()).await;
    let crash = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("{FILE_NAME}{suffix}");
        std::fs::copy(home.state().join(&name), crash.path().join(&name)).unwrap();
    }
    let mut store = Store::open(&crash.path().join(FILE_NAME)).await.unwrap();
    let registry = store.load(Timestamp::from_seconds(0)).await.unwrap();
    assert_eq!((registry.companies.len(), registry.rooms.len()), (2, 2));
    server.stop().await;
}

#[test]
fn a_preshared_key_is_not_shown() {
    assert_eq!(format!("{:?}", PresharedKey::from_bytes([9; 32])), "PresharedKey(…)");
}
