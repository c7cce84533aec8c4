use std::net::SocketAddr;

use hanare_model::api::Refusal;
use hanare_model::invite::Invite;
use hanare_model::{Lease, NodeKind, PublicKey};

use super::device::{Device, exchange, lease};
use super::{Home, rooms};
use crate::admin::{Client, InviteMake, LedgerList};

/// A sheet and the code that belongs to it.
async fn sheet(admin: &Client, name: &str) -> (Invite, String) {
    let ask = InviteMake {
        room: "kofu/306".parse().unwrap(),
        kind: NodeKind::Endpoint,
        name: Some(name.parse().unwrap()),
        expires_seconds: 3600,
        sheet: true,
    };
    let invited = admin.call(ask).await.unwrap();
    let invite = Invite::parse(&invited.text).unwrap();
    assert!(invite.wants_code);
    (invite, invited.code.unwrap())
}

/// Another code: the first digit differs.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('9') { '0' } else { '9' };
    format!("{first}{}", &code[1..])
}

async fn join(
    device: &Device,
    (api, hq): (SocketAddr, &PublicKey),
    invite: &Invite,
    code: Option<&str>,
) -> Result<Lease, Refusal> {
    let mut stream = device.connect(api, true).await;
    let mut body = device.request(invite, &device.proof(&stream, hq));
    if let Some(code) = code {
        body["code"] = code.into();
    }
    lease(exchange(&mut stream, "POST", "/v1/join", &body.to_string()).await)
}

#[tokio::test]
async fn a_sheet_lets_in_who_was_told_its_code() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, hq) = (home.admin(), server.private_key().public());
    let at = (server.api_address(), &hq);
    rooms(&admin).await;
    let (invite, code) = sheet(&admin, "pc-1").await;
    let device = Device::new(1);
    assert!(matches!(join(&device, at, &invite, None).await, Err(Refusal::Code)));
    for _ in 0..4 {
        assert!(matches!(join(&device, at, &invite, Some(&wrong(&code))).await, Err(Refusal::Code)));
    }
    let first = join(&device, at, &invite, Some(&code)).await.unwrap();
    assert_eq!(join(&device, at, &invite, None).await.unwrap(), first, "its keys speak for it now");
    let second = join(&Device::new(2), at, &invite, Some(&code)).await;
    assert!(matches!(second, Err(Refusal::Used)), "{second:?}");
    server.stop().await;
}

#[tokio::test]
async fn five_wrong_codes_block_a_sheet_for_good_and_the_ledger_says_so() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, hq) = (home.admin(), server.private_key().public());
    rooms(&admin).await;
    let (invite, code) = sheet(&admin, "pc-1").await;
    let device = Device::new(1);
    let at = (server.api_address(), &hq);
    for _ in 0..6 {
        assert!(matches!(join(&device, at, &invite, Some("none")).await, Err(Refusal::Code)), "no guess");
    }
    // From five devices: it is the invite that is blocked.
    for seed in 1..5 {
        let refused = join(&Device::new(seed), at, &invite, Some(&wrong(&code))).await;
        assert!(matches!(refused, Err(Refusal::Code)), "{refused:?}");
    }
    for code in [wrong(&code), code.clone(), code.clone()] {
        let refused = join(&device, at, &invite, Some(&code)).await;
        assert!(matches!(refused, Err(Refusal::Blocked)), "{refused:?}");
    }
    let entries = admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let blocked: Vec<_> = entries.iter().filter(|entry| entry.kind == "invite.blocked").collect();
    assert_eq!((blocked.len(), blocked[0].subject.as_str()), (1, invite.id.to_string().as_str()));
    let counted = entries.iter().filter(|entry| entry.data["why"] == "wrong-code").count();
    assert_eq!(counted, 5);
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains(&code) && !text.contains(&code.replace('-', "")));
    server.stop().await;
    let server = home.serve().await;
    let refused = join(&device, (server.api_address(), &hq), &invite, Some(&code)).await;
    assert!(matches!(refused, Err(Refusal::Blocked)), "a restart forgives nothing: {refused:?}");
    server.stop().await;
}
