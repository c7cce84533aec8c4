//! Opening work through the node API, as it answers inside and outside the tunnel.

use std::sync::Arc;

use hanare_model::api::{Event, Refusal};
use hanare_model::work::{PasswordFault, WorkEnd, WorkOpened, WorkRefusal};
use hanare_model::{Secret, Timestamp};
use serde_json::json;

use super::device::{Device, exchange};
use super::{Home, invite, rooms};
use crate::Server;
use crate::admin::{Client, LedgerList, NodeRevoke, PersonAdd, PersonDisable, PersonList, PersonReset};
use crate::api::{Api, Feed};
use crate::init::KEYS_DIRECTORY;
use crate::keys::Keys;
use crate::random;
use crate::registry::NodeRow;
use crate::sessions::Sessions;

pub(super) const PASSWORD: &str = "correct horse battery";

/// A headquarters with hanako of acme, an endpoint of hers and one of beta.
pub(super) struct Office {
    pub(super) home: Home,
    pub(super) server: Server,
    pub(super) admin: Client,
    pub(super) api: Arc<Api>,
    pub(super) own: Device,
    /// Steps of the one-time code that were used: each opening takes the next one.
    steps: i64,
}

impl Office {
    async fn open() -> (Self, Secret) {
        let home = Home::new().await;
        let server = home.serve().await;
        let admin = home.admin();
        rooms(&admin).await;
        let hq = server.private_key().public();
        let own = Device::new(1);
        for (device, room, name) in [(&own, "kofu/306", "pc-1"), (&Device::new(2), "gujo/1", "pc-2")] {
            device.join(server.api_address(), &hq, &invite(&admin, room, name, 3600).await).await.unwrap();
        }
        let (id, company) = ("hanako".parse().unwrap(), Some("acme".parse().unwrap()));
        let given = admin.call(PersonAdd { id, company, name: None }).await.unwrap();
        let keys = Keys::load(&home.state().join(KEYS_DIRECTORY), None).unwrap();
        let api = Api::new(Arc::clone(&server.hq), &keys).unwrap();
        (Self { home, server, admin, api, own, steps: -1 }, given.password.unwrap())
    }

    pub(super) fn node(&self, name: &str) -> NodeRow {
        self.server.hq.writer.registry().node_by_name(&name.parse().unwrap()).unwrap().clone()
    }

    /// The code of the next step that was not used, within what a clock may be wrong.
    pub(super) fn code(&mut self) -> Secret {
        self.steps += 1;
        let now = random::now().seconds() + 30 * (self.steps - 1);
        let registry = self.server.hq.writer.registry();
        registry.persons.values().next().unwrap().account.totp.shown(Timestamp::from_seconds(now))
    }

    pub(super) async fn ask(
        &self,
        node: &str,
        (person, password, code): (&str, &str, &Secret),
        new: Option<&str>,
    ) -> Result<WorkOpened, Refusal> {
        let mut body = json!({ "person": person, "password": password, "code": code });
        if let Some(new) = new {
            body["new_password"] = new.into();
        }
        let mut stream = self.api.from_inside(&self.node(node));
        match exchange(&mut stream, "POST", "/v1/work/open", &body.to_string()).await {
            (200, answer) => Ok(serde_json::from_str(&answer).unwrap()),
            (403 | 429, answer) => Err(serde_json::from_str(&answer).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    async fn refused(&self, node: &str, claim: (&str, &str, &Secret), new: Option<&str>) -> WorkRefusal {
        match self.ask(node, claim, new).await {
            Err(Refusal::Work { work }) => work,
            other => panic!("{other:?}"),
        }
    }

    /// Hanako with a password of her own, open on pc-1.
    pub(super) async fn opened() -> (Self, WorkOpened) {
        let (mut office, temporary) = Self::open().await;
        let code = office.code();
        let claim = ("hanako", temporary.expose(), &code);
        let opened = office.ask("pc-1", claim, Some(PASSWORD)).await.unwrap();
        (office, opened)
    }

    /// Whose work a token opens on a node.
    fn whose(&self, token: &Secret, node: &str) -> Option<String> {
        let registry = self.server.hq.writer.registry();
        let sessions = Sessions::new(&registry, random::now());
        let found = sessions.person(token, &self.node(node).public_key);
        found.map(|(person, company)| format!("{person} of {company}"))
    }

    pub(super) async fn reasons(&self, kind: &str, field: &str) -> Vec<String> {
        let entries = self.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
        let told = entries.iter().filter(|entry| entry.kind == kind);
        told.map(|entry| entry.data[field].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_temporary_password_is_changed_before_anything_opens() {
    let (mut office, temporary) = Office::open().await;
    let code = office.code();
    let claim = ("hanako", temporary.expose(), &code);
    assert_eq!(office.refused("pc-1", claim, None).await, WorkRefusal::MustChange);
    for (new, fault) in [("short", PasswordFault::Short), (temporary.expose(), PasswordFault::Same)] {
        assert_eq!(office.refused("pc-1", claim, Some(new)).await, WorkRefusal::Password { fault });
    }
    let opened = office.ask("pc-1", claim, Some(PASSWORD)).await.unwrap();
    assert_eq!((opened.session.expose().len(), opened.name.as_str()), (64, "hanako"));
    assert_eq!(office.whose(&opened.session, "pc-1").as_deref(), Some("hanako of acme"));
    assert_eq!(office.whose(&opened.session, "pc-2"), None, "a token is good on its own node");
    assert_eq!(office.whose(&Secret::new("0".repeat(64)), "pc-1"), None);
    let next = office.code();
    assert_eq!(
        office.refused("pc-1", ("hanako", temporary.expose(), &next), None).await,
        WorkRefusal::Proof,
        "the temporary one is over"
    );
    office.server.stop().await;
}

#[tokio::test]
async fn every_wrong_proof_has_one_answer_and_the_ledger_tells_them_apart() {
    let (mut office, opened) = Office::opened().await;
    let used = office.server.hq.writer.registry().persons.values().next().unwrap().totp_step;
    let before = Timestamp::from_seconds(i64::try_from(used).unwrap() * 30);
    let registry = office.server.hq.writer.registry();
    let used = registry.persons.values().next().unwrap().account.totp.shown(before);
    let next = office.code();
    let none = Secret::new("x".to_owned());
    let wrong = [
        ("pc-1", ("hanako", "wrong horse battery", &next)),
        ("pc-1", ("hanako", PASSWORD, &none)),
        ("pc-1", ("hanako", PASSWORD, &used)),
        ("pc-1", ("nobody", PASSWORD, &next)),
        ("pc-2", ("hanako", PASSWORD, &next)),
    ];
    for (node, claim) in wrong {
        assert_eq!(office.refused(node, claim, None).await, WorkRefusal::Proof, "{node} {claim:?}");
    }
    let reasons = office.reasons("work.refused", "why").await;
    let expected = ["wrong-password", "wrong-code", "used-code", "unknown-person", "other-company"];
    assert_eq!(reasons, expected);
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let told = serde_json::to_string(&entries).unwrap();
    for secret in ["wrong horse", PASSWORD, "nobody", opened.session.expose()] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    assert!(office.whose(&opened.session, "pc-1").is_some(), "what is open stays open");
    office.server.stop().await;
}

#[tokio::test]
async fn a_locked_name_waits_or_is_reset() {
    let (mut office, opened) = Office::opened().await;
    let code = office.code();
    for _ in 0..5 {
        let claim = ("hanako", "wrong horse battery", &code);
        assert_eq!(office.refused("pc-1", claim, None).await, WorkRefusal::Proof);
    }
    let locked = office.refused("pc-1", ("hanako", PASSWORD, &code), None).await;
    assert!(matches!(locked, WorkRefusal::Locked { retry_after_seconds: 1..=60 }), "{locked:?}");
    let told = office.reasons("work.refused", "why").await;
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>()[4..], ["wrong-password", "locked"]);
    assert!(office.admin.call(PersonList {}).await.unwrap().items[0].locked_until.is_some());
    let reset = PersonReset { id: "hanako".parse().unwrap(), totp: false };
    let given = office.admin.call(reset).await.unwrap();
    assert_eq!(office.whose(&opened.session, "pc-1"), None, "whoever had it open has to prove it anew");
    let temporary = given.password.unwrap();
    let claim = ("hanako", temporary.expose(), &code);
    office.ask("pc-1", claim, Some("battery horse correct")).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn a_node_asks_ten_times_and_then_now_and_then() {
    let (office, _) = Office::open().await;
    let code = Secret::new("000000".to_owned());
    for number in 0..10 {
        let who = format!("nobody-{number}");
        assert_eq!(office.refused("pc-1", (&who, "x", &code), None).await, WorkRefusal::Proof);
    }
    let eleventh = office.ask("pc-1", ("nobody", "x", &code), None).await;
    assert!(matches!(eleventh, Err(Refusal::TooMany { .. })), "{eleventh:?}");
    assert_eq!(office.refused("pc-2", ("nobody", "x", &code), None).await, WorkRefusal::Proof);
    office.server.stop().await;
}

#[tokio::test]
async fn disabling_a_person_closes_their_work_and_the_node_hears_it() {
    let (mut office, opened) = Office::opened().await;
    let mut feed = Feed::new(Arc::clone(&office.server.hq), office.node("pc-1").public_key);
    assert!(matches!(feed.next().await, Some(Event::Lease { .. })));
    let disable = PersonDisable { id: "hanako".parse().unwrap(), successor: None };
    let ended = office.admin.call(disable).await.unwrap();
    assert_eq!(ended.closed.len(), 1);
    let heard = feed.next().await;
    let Some(Event::WorkClosed { person, session, reason: WorkEnd::Disabled }) = heard else {
        panic!("{heard:?}")
    };
    assert_eq!(
        (person.as_str(), session),
        ("hanako", hex::encode(crate::sessions::fingerprint(&opened.session)))
    );
    assert_eq!(office.whose(&opened.session, "pc-1"), None);
    // A node that was away hears it when it is back, also from a headquarters that was started again.
    drop(feed);
    let code = office.code();
    assert_eq!(office.refused("pc-1", ("hanako", PASSWORD, &code), None).await, WorkRefusal::Disabled);
    let wrong = office.refused("pc-1", ("hanako", "wrong horse battery", &code), None).await;
    assert_eq!(wrong, WorkRefusal::Proof, "only who proves themselves is told");
    office.server.stop().await;
    let server = office.home.serve().await;
    let mut feed = Feed::new(Arc::clone(&server.hq), office.own.wireguard.public());
    let mut heard = vec![feed.next().await, feed.next().await];
    heard.retain(|event| matches!(event, Some(Event::WorkClosed { reason: WorkEnd::Disabled, .. })));
    assert_eq!(heard.len(), 1, "{heard:?}");
    server.stop().await;
}

#[tokio::test]
async fn sessions_outlive_a_restart_and_end_with_their_node() {
    let (mut office, opened) = Office::opened().await;
    office.server.stop().await;
    office.server = office.home.serve().await;
    assert!(office.whose(&opened.session, "pc-1").is_some());
    let node = office.node("pc-1");
    office
        .admin
        .call(NodeRevoke { name: node.name.clone(), reason: None, abandon_sealed: false })
        .await
        .unwrap();
    let registry = office.server.hq.writer.registry();
    let sessions = Sessions::new(&registry, random::now());
    assert!(sessions.person(&opened.session, &node.public_key).is_none());
    assert_eq!(office.reasons("work.closed", "reason").await, ["node-gone"]);
    office.server.stop().await;
}

#[tokio::test]
async fn a_node_closes_what_it_opened() {
    let (office, opened) = Office::opened().await;
    let mut feed = Feed::new(Arc::clone(&office.server.hq), office.node("pc-1").public_key);
    assert!(matches!(feed.next().await, Some(Event::Lease { .. })));
    let another = Secret::new("0".repeat(64));
    for (session, is_open) in [(&another, true), (&opened.session, false), (&opened.session, false)] {
        let mut stream = office.api.from_inside(&office.node("pc-1"));
        let body = json!({ "session": session }).to_string();
        assert_eq!(exchange(&mut stream, "POST", "/v1/work/close", &body).await.0, 204);
        assert_eq!(office.whose(&opened.session, "pc-1").is_some(), is_open);
    }
    assert_eq!(office.reasons("work.closed", "reason").await, ["closed"], "once");
    let next = tokio::time::timeout(std::time::Duration::from_millis(200), feed.next()).await;
    assert!(next.is_err(), "it is not told what it said itself: {next:?}");
    office.server.stop().await;
}

#[tokio::test]
async fn outside_the_tunnel_nothing_opens_and_the_ledger_says_who_tried() {
    let (mut office, temporary) = Office::open().await;
    let code = office.code();
    let body = json!({ "person": "hanako", "password": temporary, "code": code, "new_password": PASSWORD });
    for path in ["/v1/work/open", "/v1/work/close"] {
        let mut stream = office.own.connect(office.server.api_address(), true).await;
        let (status, answer) = exchange(&mut stream, "POST", path, &body.to_string()).await;
        assert_eq!((status, answer.contains("malformed")), (403, true), "{answer}");
        let mut stream = Device::new(9).connect(office.server.api_address(), true).await;
        let (status, answer) = exchange(&mut stream, "POST", path, &body.to_string()).await;
        assert_eq!((status, answer.contains("not-enrolled")), (403, true), "{answer}");
    }
    assert_eq!(office.reasons("work.refused", "why").await, ["outside-the-tunnel"; 2]);
    assert!(office.server.hq.writer.registry().sessions.is_empty());
    office.server.stop().await;
}
