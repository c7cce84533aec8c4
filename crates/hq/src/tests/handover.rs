//! Work data through the node API: for the person who has proven themselves on the node, and for nobody else.

use hanare_handover::Digest;
use hanare_model::Secret;
use serde_json::{Value, json};

use super::device::exchange_as;
use super::work::Office;
use crate::admin::{HandoverList, HandoverSource, HandoverStatus, PersonDisable};
use crate::work_store;

pub(super) const CONTENT: &str = "CANARY of a day's work";

pub(super) async fn ask(
    office: &Office,
    node: &str,
    session: Option<&Secret>,
    path: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = office.api.from_inside(&office.node(node));
    let headers =
        session.map_or_else(String::new, |session| format!("Authorization: Bearer {}\r\n", session.expose()));
    exchange_as(&mut stream, "POST", &format!("/v1/handover/{path}"), &headers, body).await
}

/// One frame: four bytes of length, little-endian; the length here is ASCII by luck of its size.
pub(super) fn frame(content: &str) -> String {
    let len = u8::try_from(content.len()).unwrap();
    format!("{}\0\0\0{content}", char::from(len))
}

fn commit(parent: Option<&str>) -> String {
    commit_as("memo.txt", parent, (1, Digest::of(CONTENT.as_bytes())))
}

/// The same bytes at a path, so often one after the other, with a word about what they are together.
pub(super) fn commit_as(path: &str, parent: Option<&str>, (times, said): (usize, Digest)) -> String {
    let chunks = vec![Digest::of(CONTENT.as_bytes()); times];
    json!({"versions": [{
        "path": path,
        "parent": parent,
        "content": {
            "is": "file", "digest": said, "size": CONTENT.len() * times, "chunks": chunks, "mode": 416,
            "modified": "2026-11-26T00:00:00Z", "torn": false
        }
    }]})
    .to_string()
}

pub(super) async fn with_work() -> (Office, Secret) {
    let (office, opened) = Office::opened().await;
    hanare_handover::store::prepare(&work_store::folder(&office.home.state())).unwrap();
    let session = Some(&opened.session);
    assert_eq!(ask(&office, "pc-1", session, "chunks", &frame(CONTENT)).await.0, 200);
    let (status, answer) = ask(&office, "pc-1", session, "commit", &commit(None)).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["placed"][0]["placed"], "kept", "{answer}");
    (office, opened.session)
}

#[tokio::test]
async fn a_person_hands_over_and_reads_and_an_admin_sees_it() {
    let (office, session) = with_work().await;
    let session = Some(&session);
    let digest = Digest::of(CONTENT.as_bytes());
    let asked = json!({"chunks": [digest, Digest::of(b"another")]}).to_string();
    let (_, wanted) = ask(&office, "pc-1", session, "ask", &asked).await;
    assert_eq!(wanted, json!({"missing": [1]}).to_string());
    let (status, page) = ask(&office, "pc-1", session, "browse", "{}").await;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!((status, &page["entries"][0]["path"]), (200, &"memo.txt".into()), "{page}");
    let fetch = json!({"chunks": [digest]}).to_string();
    let (status, body) = ask(&office, "pc-1", session, "fetch", &fetch).await;
    assert_eq!((status, body.as_str()), (200, frame(CONTENT).as_str()));
    let source = HandoverSource::Node("pc-1".parse().unwrap());
    let listed = office.admin.call(HandoverList { source, at: None, after: None }).await.unwrap();
    assert_eq!((listed.files.len(), listed.files[0].digest), (1, Some(digest)));
    let totals = office.admin.call(HandoverStatus {}).await.unwrap().items;
    assert_eq!((totals[0].company.as_str(), totals[0].held.files), ("acme", 1));
    office.server.stop().await;
}

#[tokio::test]
async fn a_node_alone_an_invented_session_and_another_node_get_nothing_and_are_on_the_ledger() {
    let (office, session) = with_work().await;
    let invented = Secret::new("0".repeat(64));
    let digest = Digest::of(CONTENT.as_bytes());
    let fetch = json!({"chunks": [digest]}).to_string();
    let attempts = [("pc-1", None), ("pc-1", Some(&invented)), ("pc-2", Some(&session))];
    for (node, session) in attempts {
        for (path, body) in [("browse", "{}"), ("fetch", &fetch), ("commit", &commit(None))] {
            let (status, answer) = ask(&office, node, session, path, body).await;
            assert_eq!(status, 403, "{node} {path}");
            assert!(answer.contains("not-open") && !answer.contains("memo"), "{answer}");
        }
    }
    let told = office.reasons("work.refused", "why").await;
    assert_eq!(told.iter().filter(|why| *why == "no-session").count(), 9, "{told:?}");
    // The right session works until the person is disabled, and then no more.
    assert_eq!(ask(&office, "pc-1", Some(&session), "browse", "{}").await.0, 200);
    let id = "hanako".parse().unwrap();
    office.admin.call(PersonDisable { id, successor: None }).await.unwrap();
    assert_eq!(ask(&office, "pc-1", Some(&session), "fetch", &fetch).await.0, 403);
    office.server.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let (office, session) = with_work().await;
    for (path, body) in [
        ("chunks", "\u{1}\0\0"),
        ("chunks", "\0\0\0\0"),
        ("commit", "{}"),
        (
            "commit",
            "{\"versions\": [{\"path\": \"../x\", \"parent\": null, \"content\": {\"is\": \"deleted\"}}]}",
        ),
        ("ask", "[]"),
        ("browse", "{\"limit\": -1}"),
        ("fetch", "nothing"),
    ] {
        let (status, answer) = ask(&office, "pc-1", Some(&session), path, body).await;
        assert_eq!(status, 403, "{path} {body}: {answer}");
        assert!(answer.contains("malformed"), "{answer}");
    }
    let missing = json!({"chunks": [Digest::of(b"never sent")]}).to_string();
    // No chunk comes: one that is not there must not look like a headquarters that is.
    assert_eq!(ask(&office, "pc-1", Some(&session), "fetch", &missing).await, (200, String::new()));
    let totals = office.admin.call(HandoverStatus {}).await.unwrap().items;
    assert_eq!((totals[0].held.files, totals[0].held.versions), (1, 1));
    office.server.stop().await;
}
