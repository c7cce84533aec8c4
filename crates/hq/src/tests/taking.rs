//! Admins' copies of work: nothing without a reason, an entry on the ledger and a word to the person.

use hanare_handover::{Digest, WorkPath};
use hanare_model::api::Event;
use hanare_model::work::{Notice, Noticed};
use serde_json::{Value, json};

use super::handover::{CONTENT, ask, with_work};
use super::work::{Office, PASSWORD};
use crate::admin::{
    ClientError, CompanyQuota, HandoverChunk, HandoverContent, HandoverGranted, HandoverSource, HandoverTake,
    HandoverTaken, LedgerList, PersonAdd, PersonDisable, PersonQuota, Problem, Quota,
};
use crate::api::Feed;
use crate::random;
use crate::registry::notices;

const REASON: &str = "handing over to taro";

fn person(id: &str) -> HandoverSource {
    HandoverSource::Person(id.parse().unwrap())
}

fn take(source: HandoverSource, path: Option<&str>) -> HandoverTake {
    let path = path.map(|path| WorkPath::new(path.as_bytes()).unwrap());
    HandoverTake { source, path, at: None, reason: REASON.to_owned() }
}

/// What a grant gives: paths and contents.
async fn all(office: &Office, taken: &HandoverTaken) -> Vec<(String, Vec<u8>)> {
    let page = office.admin.call(HandoverGranted { grant: taken.grant.clone(), after: None }).await.unwrap();
    assert_eq!(page.next, None);
    let mut all = Vec::new();
    for file in page.files {
        let HandoverContent::File { digest, .. } = file.content else { panic!("{file:?}") };
        let (grant, person) = (taken.grant.clone(), file.person);
        let chunk = HandoverChunk { grant, person, version: file.version, from: 0 };
        let chunks = office.admin.call(chunk).await.unwrap().chunks;
        let bytes = chunks.into_iter().flat_map(|chunk| chunk.0).collect::<Vec<_>>();
        assert_eq!(Digest::of(&bytes), digest);
        all.push((String::from_utf8(file.path.as_bytes().to_vec()).unwrap(), bytes));
    }
    all
}

async fn refused<C: crate::admin::Call>(office: &Office, call: C) -> Problem
where
    C::Answer: std::fmt::Debug,
{
    match office.admin.call(call).await {
        Err(ClientError::Refused(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

fn taken_notice(notices: &[Notice]) -> bool {
    let what = Noticed::Taken { reason: REASON.to_owned(), files: 1, bytes: CONTENT.len() as u64 };
    notices.len() == 1 && notices[0].what == what
}

#[tokio::test]
async fn a_copy_is_on_the_ledger_without_a_name_and_the_person_hears_of_it_at_once_and_later() {
    let (mut office, _) = with_work().await;
    let node = office.node("pc-1").public_key;
    let mut feed = Feed::new(std::sync::Arc::clone(&office.server.hq), node);
    assert!(matches!(feed.next().await, Some(Event::Lease { .. })));
    for source in [person("hanako"), HandoverSource::Node("pc-1".parse().unwrap())] {
        let taken = office.admin.call(take(source, None)).await.unwrap();
        assert_eq!((taken.files, taken.bytes), (1, CONTENT.len() as u64));
        assert_eq!(all(&office, &taken).await, [("memo.txt".to_owned(), CONTENT.as_bytes().to_vec())]);
    }
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let entries: Vec<_> = entries.iter().filter(|entry| entry.kind == "handover.taken").collect();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].subject.as_str(), &entries[0].data["reason"]), ("hanako", &json!(REASON)));
    assert_eq!((&entries[0].data["nodes"], &entries[1].data["nodes"]), (&Value::Null, &json!(["pc-1"])));
    assert!(entries.iter().all(|entry| !entry.data.to_string().contains("memo")));
    // She is told where her work is open,
    let Some(Event::Notices { notices, .. }) = feed.next().await else { panic!("nothing was told") };
    assert!(notices.len() == 2 || taken_notice(&notices), "{notices:?}");
    // and at her next openings, for a month.
    for _ in 0..2 {
        let code = office.code();
        let opened = office.ask("pc-1", ("hanako", PASSWORD, &code), None).await.unwrap();
        assert_eq!(opened.notices.len(), 2, "{:?}", opened.notices);
        assert!(taken_notice(&opened.notices[1..]));
    }
    office.server.stop().await;
}

#[tokio::test]
async fn without_a_reason_or_anything_to_copy_nothing_is_granted_and_nothing_is_on_the_ledger() {
    let (office, _) = with_work().await;
    let reasonless = HandoverTake { reason: "  ".to_owned(), ..take(person("hanako"), None) };
    assert!(matches!(refused(&office, reasonless).await, Problem::Text { .. }));
    for source in [take(person("hanako"), Some("other")), take(person("hanako"), Some("memo"))] {
        assert_eq!(refused(&office, source).await, Problem::NothingHeld);
    }
    let before = HandoverTake {
        at: Some(hanare_model::Timestamp::from_seconds(1000)),
        ..take(person("hanako"), None)
    };
    assert_eq!(refused(&office, before).await, Problem::NothingHeld);
    assert!(matches!(refused(&office, take(person("nobody"), None)).await, Problem::Missing { .. }));
    let ledger = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    assert!(ledger.iter().all(|entry| entry.kind != "handover.taken"));
    office.server.stop().await;
}

#[tokio::test]
async fn a_grant_gives_what_it_says_and_to_nobody_else() {
    let (office, session) = with_work().await;
    let taken = office.admin.call(take(person("hanako"), Some("memo.txt"))).await.unwrap();
    // What comes to another path later is not part of it.
    let digest = Digest::of(CONTENT.as_bytes());
    let later = json!({"versions": [{
        "path": "later.txt", "parent": null,
        "content": {
            "is": "file", "digest": digest, "size": CONTENT.len(), "chunks": [digest], "mode": 416,
            "modified": "2026-11-26T00:00:00Z", "torn": false
        }
    }]});
    let (_, answer) = ask(&office, "pc-1", Some(&session), "commit", &later.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let version = answer["placed"][0]["version"].as_str().unwrap().parse().unwrap();
    assert_eq!(all(&office, &taken).await.len(), 1);
    let (grant, person) = (taken.grant.clone(), "hanako".parse().unwrap());
    let other = HandoverChunk { grant, person, version, from: 0 };
    assert_eq!(refused(&office, other).await, Problem::GrantOver);
    let invented = HandoverGranted { grant: "0".repeat(32), after: None };
    assert_eq!(refused(&office, invented).await, Problem::GrantOver);
    // Another user who may administer asks with the same words.
    let hq = &office.server.hq;
    assert!(hq.grants.find(&taken.grant, 4711).is_none() && hq.grants.find(&taken.grant, own()).is_some());
    office.server.stop().await;
}

#[tokio::test]
async fn a_disabled_person_s_work_is_their_successor_s_who_is_told() {
    let (office, session) = with_work().await;
    let (id, company) = ("taro".parse().unwrap(), Some("acme".parse().unwrap()));
    office.admin.call(PersonAdd { id, company, name: None }).await.unwrap();
    let disable =
        || PersonDisable { id: "hanako".parse().unwrap(), successor: Some("taro".parse().unwrap()) };
    let ended = office.admin.call(disable()).await.unwrap();
    let passed = ended.passed.unwrap();
    assert_eq!((passed.folder.as_str(), passed.files, passed.left), ("from hanako", 1, 0));
    assert_eq!(ask(&office, "pc-1", Some(&session), "browse", "{}").await.0, 403, "her session has ended");
    let taken = office.admin.call(take(person("taro"), None)).await.unwrap();
    let expected = [("from hanako/memo.txt".to_owned(), CONTENT.as_bytes().to_vec())];
    assert_eq!(all(&office, &taken).await, expected);
    // Asked again, as after a crash in the middle, nothing comes twice.
    let again = office.admin.call(disable()).await.unwrap();
    assert_eq!((again.changed, again.passed.unwrap().files), (false, 0));
    assert_eq!(all(&office, &taken).await, expected);
    let registry = office.server.hq.writer.registry();
    let (_, told) = notices(&registry, &"taro".parse().unwrap(), random::now());
    let inherited = |notice: &&Notice| matches!(&notice.what, Noticed::Inherited { from, files: 1, .. } if from.as_str() == "hanako");
    assert_eq!(told.iter().filter(inherited).count(), 1, "{told:?}");
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let entries: Vec<_> = entries.iter().filter(|entry| entry.kind == "person.work-passed").collect();
    assert_eq!((entries.len(), &entries[0].data["to"]), (1, &json!("taro")));
    office.server.stop().await;
}

#[tokio::test]
async fn over_a_limit_new_work_is_told_to_have_no_room_and_what_is_there_stays() {
    let (office, session) = with_work().await;
    let ask_quota = |change| PersonQuota { id: "hanako".parse().unwrap(), change };
    let used = CONTENT.len() as u64;
    let space = office.admin.call(ask_quota(None)).await.unwrap();
    assert_eq!((space.quota, space.used), (None, used));
    let space = office.admin.call(ask_quota(Some(Quota::Bytes(used)))).await.unwrap();
    assert_eq!((space.quota, space.used), (Some(used), used));
    let digest = Digest::of(CONTENT.as_bytes());
    let second = json!({"versions": [{
        "path": "second.txt", "parent": null,
        "content": {
            "is": "file", "digest": digest, "size": CONTENT.len(), "chunks": [digest], "mode": 416,
            "modified": "2026-11-26T00:00:00Z", "torn": false
        }
    }]})
    .to_string();
    let (_, answer) = ask(&office, "pc-1", Some(&session), "commit", &second).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["placed"][0], json!({"placed": "full", "quota": used, "used": used}));
    let taken = office.admin.call(take(person("hanako"), None)).await.unwrap();
    assert_eq!(all(&office, &taken).await.len(), 1);
    office.admin.call(ask_quota(Some(Quota::None))).await.unwrap();
    let (_, answer) = ask(&office, "pc-1", Some(&session), "commit", &second).await;
    assert!(answer.contains("kept"), "{answer}");
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    assert_eq!(entries.iter().filter(|entry| entry.kind == "person.quota").count(), 2);
    office.server.stop().await;
}

#[tokio::test]
async fn a_companys_limit_is_shown_set_recorded_and_holds_for_its_persons() {
    let (office, session) = with_work().await;
    let ask_quota = |id: &str, change| CompanyQuota { id: id.parse().unwrap(), change };
    let space = office.admin.call(ask_quota("acme", None)).await.unwrap();
    let used = CONTENT.len() as u64;
    assert_eq!((space.quota, space.used), (None, used));
    let space = office.admin.call(ask_quota("acme", Some(Quota::Bytes(used)))).await.unwrap();
    assert_eq!((space.quota, space.used), (Some(used), used));
    let digest = Digest::of(CONTENT.as_bytes());
    let content = json!({
        "is": "file", "digest": digest, "size": CONTENT.len(), "chunks": [digest], "mode": 416,
        "modified": "2026-11-26T00:00:00Z", "torn": false
    });
    let second =
        json!({"versions": [{"path": "second.txt", "parent": null, "content": content}]}).to_string();
    let (_, answer) = ask(&office, "pc-1", Some(&session), "commit", &second).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["placed"][0], json!({"placed": "full", "quota": used, "used": used}));
    assert!(matches!(refused(&office, ask_quota("nobody", None)).await, Problem::Missing { .. }));
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    assert_eq!(entries.iter().filter(|entry| entry.kind == "company.quota").count(), 1);
    office.server.stop().await;
}

fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}
