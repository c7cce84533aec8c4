//! Sealed items through the node API and by hand: from a node alone, for the person whom they name.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::WorkPath;
use hanare_handover::protocol::{Became, Class, Page, SealedAnswer, SealedPart, VersionId};
use hanare_handover::seal::{self, ItemId, Note, Sealing, What};
use hanare_model::{Secret, SigningKey, Timestamp};
use serde_json::Value;

use super::device::exchange_as;
use super::work::{Office, PASSWORD};
use crate::admin::{
    HandoverImport, HandoverList, HandoverSource, HandoverStatus, HandoverTotals, NodeRevoke, Problem,
};
use crate::work_store;

#[derive(Clone)]
struct Item {
    id: u8,
    key: SigningKey,
    session: Option<Secret>,
}

impl Office {
    fn item(&self, item: &Item) -> SealedPart {
        self.item_of("hanako", item)
    }

    fn item_of(&self, person: &str, item: &Item) -> SealedPart {
        let id = ItemId(VersionId::from_bytes([item.id; 16]));
        let note = Note {
            id,
            company: "acme".parse().unwrap(),
            node: "pc-1".parse().unwrap(),
            person: person.parse().unwrap(),
            session: item.session.clone(),
            path: WorkPath::new(format!("memo-{}", item.id).as_bytes()).unwrap(),
            parent: None,
            again: false,
            after: None,
            class: Class::Work,
            what: What::File { mode: 0o600, modified: Timestamp::from_seconds(1), torn: false },
            at: Timestamp::from_seconds(1),
        };
        let to = self.server.hq.terms.sealing.public(&note.company).unwrap();
        let mut bytes = Vec::new();
        let sealing = Sealing { to, key: item.key.clone() };
        seal::write(&sealing, &note, &mut b"an afternoon".as_slice(), &mut bytes).unwrap();
        SealedPart { id, offset: 0, total: bytes.len() as u64, parent: None, bytes: bytes.into() }
    }

    async fn bring(&self, node: &str, part: &SealedPart) -> (u16, String) {
        let mut stream = self.api.from_inside(&self.node(node));
        exchange_as(&mut stream, "POST", "/v1/handover/sealed", "", part.body()).await
    }

    async fn became(&self, node: &str, part: &SealedPart) -> Became {
        let (status, answer) = self.bring(node, part).await;
        assert_eq!(status, 200, "{answer}");
        match serde_json::from_str(&answer).unwrap() {
            SealedAnswer::Done { became, .. } => became,
            SealedAnswer::More { have } => panic!("{have}"),
        }
    }

    async fn browse(&self, session: &Secret) -> Page {
        let (status, answer) = super::handover::ask(self, "pc-1", Some(session), "browse", "{}").await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    async fn files(&self) -> usize {
        self.paths().await.len()
    }

    async fn paths(&self) -> Vec<String> {
        let source = HandoverSource::Node("pc-1".parse().unwrap());
        let page = self.admin.call(HandoverList { source, at: None, after: None }).await.unwrap();
        page.files.iter().map(|file| String::from_utf8(file.path.as_bytes().to_vec()).unwrap()).collect()
    }

    async fn totals(&self) -> HandoverTotals {
        self.admin.call(HandoverStatus {}).await.unwrap().items.remove(0)
    }
}

async fn office() -> (Office, Secret) {
    let (office, opened) = Office::opened().await;
    hanare_handover::store::prepare(&work_store::folder(&office.home.state())).unwrap();
    (office, opened.session)
}

#[tokio::test]
async fn a_node_alone_delivers_what_was_sealed_in_a_proven_session_also_when_that_is_over() {
    let (office, session) = office().await;
    let key = office.own.signing();
    let first = office.item(&Item { id: 1, key: key.clone(), session: Some(session.clone()) });
    let Became::Kept { version } = office.became("pc-1", &first).await else { panic!("not kept") };
    assert_eq!(office.became("pc-1", &first).await, Became::Known { version }, "once");
    let id = "hanako".parse().unwrap();
    office.admin.call(crate::admin::PersonDisable { id, successor: None }).await.unwrap();
    let second = office.item(&Item { id: 2, key, session: Some(session) });
    assert!(matches!(office.became("pc-1", &second).await, Became::Kept { .. }));
    assert_eq!(office.files().await, 2);
    // And gets nothing else for it.
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let (status, answer) = exchange_as(&mut stream, "POST", "/v1/handover/browse", "", "{}").await;
    assert_eq!(status, 403, "{answer}");
    office.server.stop().await;
}

#[tokio::test]
async fn what_was_sealed_in_an_earlier_session_is_still_of_its_person() {
    let (mut office, first) = office().await;
    let code = office.code();
    office.ask("pc-1", ("hanako", PASSWORD, &code), None).await.unwrap();
    let item = office.item(&Item { id: 1, key: office.own.signing(), session: Some(first) });
    assert!(matches!(office.became("pc-1", &item).await, Became::Kept { .. }));
    assert_eq!(office.paths().await, ["memo-1"]);
    office.server.stop().await;
}

/// Whoever has a node's key and disk can seal whatever they like: without the person's token it never lies where the person
/// keeps their own.
#[tokio::test]
async fn what_nobody_has_proven_goes_to_a_folder_that_says_so() {
    let (mut office, _) = office().await;
    let (id, company) = ("jiro".parse().unwrap(), Some("acme".parse().unwrap()));
    office.admin.call(crate::admin::PersonAdd { id, company, name: None }).await.unwrap();
    let key = office.own.signing();
    let open = Item { id: 3, key: key.clone(), session: None };
    let became = office.became("pc-1", &office.item(&open)).await;
    assert_eq!(became, Became::Quarantined, "that her work is open there proves nothing");
    let invented = Item { id: 1, session: Some(Secret::new("0".repeat(64))), ..open.clone() };
    assert_eq!(office.became("pc-1", &office.item(&invented)).await, Became::Quarantined);
    let colleague = office.item_of("jiro", &Item { id: 4, ..open });
    let reason = "stranger".to_owned();
    assert_eq!(office.became("pc-1", &colleague).await, Became::Refused { reason }, "he never sat there");
    assert_eq!((office.files().await, office.totals().await.quarantined), (0, 2));
    let code = office.code();
    let opened = office.ask("pc-1", ("hanako", PASSWORD, &code), None).await.unwrap();
    // From the first question on she is told that more is coming, until all of it is there.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let page = office.browse(&opened.session).await;
        if !page.coming {
            assert_eq!(page.entries.len(), 2);
            break;
        }
        assert!(std::time::Instant::now() < until, "never released");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let today = crate::random::now().to_string();
    let folder = format!("from pc-1 {}/", &today[..10]);
    for path in office.paths().await {
        assert!(path.starts_with(&folder), "{path}");
    }
    assert_eq!(office.totals().await.quarantined, 0);
    office.server.stop().await;
}

/// The agent is only sealing while the admin disables its person.
#[tokio::test]
async fn what_comes_after_a_person_was_disabled_reaches_their_successor() {
    let (office, session) = office().await;
    let key = office.own.signing();
    let (heir, company) = ("jiro".parse().unwrap(), Some("acme".parse().unwrap()));
    office.admin.call(crate::admin::PersonAdd { id: heir, company, name: None }).await.unwrap();
    let (id, successor) = ("hanako".parse().unwrap(), Some("jiro".parse().unwrap()));
    office.admin.call(crate::admin::PersonDisable { id, successor }).await.unwrap();
    let proven = office.item(&Item { id: 1, key: key.clone(), session: Some(session) });
    assert!(matches!(office.became("pc-1", &proven).await, Became::Kept { .. }));
    let unproven = office.item(&Item { id: 2, key, session: None });
    assert_eq!(office.became("pc-1", &unproven).await, Became::Quarantined);
    let today = crate::random::now().to_string();
    let expected =
        [format!("from hanako/from pc-1 {}/memo-2", &today[..10]), "from hanako/memo-1".to_owned()];
    let until = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let source = HandoverSource::Person("jiro".parse().unwrap());
        let page = office.admin.call(HandoverList { source, at: None, after: None }).await.unwrap();
        let mut paths: Vec<String> =
            page.files.iter().map(|file| String::from_utf8(file.path.as_bytes().to_vec()).unwrap()).collect();
        paths.sort();
        if paths == expected {
            break;
        }
        assert!(std::time::Instant::now() < until, "{paths:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    office.server.stop().await;
}

#[tokio::test]
async fn what_the_key_of_a_lost_machine_signed_is_never_released() {
    let (mut office, _) = office().await;
    let item = office.item(&Item { id: 1, key: office.own.signing(), session: None });
    assert_eq!(office.became("pc-1", &item).await, Became::Quarantined);
    office.admin.call(crate::admin::NodeLost { name: "pc-1".parse().unwrap() }).await.unwrap();
    let hq = office.server.private_key().public();
    let other = super::device::Device::new(3);
    let invite = super::invite(&office.admin, "kofu/306", "pc-3", 3600).await;
    other.join(office.server.api_address(), &hq, &invite).await.unwrap();
    let code = office.code();
    office.ask("pc-3", ("hanako", PASSWORD, &code), None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((office.files().await, office.totals().await.quarantined), (0, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn what_another_node_signed_is_refused_and_on_the_ledger() {
    let (office, session) = office().await;
    let forged = Item { id: 1, key: SigningKey::from_seed([9; 32]), session: Some(session.clone()) };
    let good = Item { id: 2, key: office.own.signing(), session: Some(session) };
    let refused = |reason: &str| Became::Refused { reason: reason.to_owned() };
    assert_eq!(office.became("pc-1", &office.item(&forged)).await, refused("node"));
    assert_eq!(office.became("pc-2", &office.item(&good)).await, refused("node"), "of another company");
    let mut altered = office.item(&good);
    let mut bytes = altered.bytes.to_vec();
    let middle = bytes.len() - 100;
    bytes[middle] ^= 1;
    altered.bytes = bytes.into();
    assert_eq!(office.became("pc-1", &altered).await, refused("signature"));
    let told = office.reasons("work.refused", "why").await;
    assert_eq!(told, ["sealed-node", "sealed-node", "sealed-signature"]);
    let (status, answer) = office.bring("pc-1", &SealedPart { total: u64::MAX, ..office.item(&good) }).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("refused"), "{answer}");
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let (status, answer) = exchange_as(&mut stream, "POST", "/v1/handover/sealed", "", "short").await;
    assert_eq!(status, 403, "{answer}");
    assert!(matches!(office.became("pc-1", &office.item(&good)).await, Became::Kept { .. }));
    office.server.stop().await;
}

#[tokio::test]
async fn a_node_where_sealed_work_waits_is_not_revoked_unless_that_is_meant_and_items_come_by_hand() {
    let (office, session) = office().await;
    let item = office.item(&Item { id: 1, key: office.own.signing(), session: Some(session) });
    let mut stream = office.api.from_inside(&office.node("pc-1"));
    let count = "{\"items\": 1, \"bytes\": 500}";
    let (status, answer) = exchange_as(&mut stream, "POST", "/v1/handover/waiting", "", count).await;
    assert_eq!(status, 200, "{answer}");
    let revoke = |abandon_sealed| NodeRevoke { name: "pc-1".parse().unwrap(), reason: None, abandon_sealed };
    let refused = office.admin.call(revoke(false)).await.unwrap_err();
    let crate::admin::ClientError::Refused(problem) = refused else { panic!("{refused:?}") };
    assert_eq!(problem, Problem::Sealed { node: "pc-1".parse().unwrap(), items: 1 });
    assert_eq!(problem.exit_status(), 6);
    office.admin.call(revoke(true)).await.unwrap();
    // Its own word is not heard any more; what it sealed is carried here.
    assert_eq!(office.bring_revoked(&item).await, 403);
    let import = |signer| HandoverImport { signer, part: STANDARD.encode(item.body()) };
    let stranger = office.admin.call(import(SigningKey::from_seed([9; 32]).verify_key())).await.unwrap();
    let reason = "node".to_owned();
    assert!(
        matches!(stranger, SealedAnswer::Done { became: Became::Refused { reason: why }, .. } if why == reason)
    );
    let told = office.admin.call(import(office.own.signing_key())).await.unwrap();
    assert!(matches!(told, SealedAnswer::Done { became: Became::Kept { .. }, .. }), "{told:?}");
    assert_eq!(office.files().await, 1);
    office.server.stop().await;
}

impl Office {
    async fn bring_revoked(&self, part: &SealedPart) -> u16 {
        let registry = self.server.hq.writer.registry();
        let row = registry.node_or_last(&"pc-1".parse().unwrap()).unwrap().clone();
        let mut stream = self.api.from_inside(&row);
        let (status, answer) = exchange_as(&mut stream, "POST", "/v1/handover/sealed", "", part.body()).await;
        assert!(serde_json::from_str::<Value>(&answer).unwrap().to_string().contains("revoked"));
        status
    }
}
