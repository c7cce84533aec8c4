//! The daily look at what came: an endpoint's word that is not true is found out before somebody needs the file.

use hanare_handover::Digest;
use serde_json::json;

use super::handover::{CONTENT, ask, commit_as, with_work};
use super::work::Office;
use crate::admin::{LedgerEntry, LedgerList};
use crate::claims;

async fn wrong(office: &Office) -> Vec<LedgerEntry> {
    claims::look(&office.server.hq).await;
    let entries = office.admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    entries.into_iter().filter(|entry| entry.kind == "handover.wrong").collect()
}

#[tokio::test]
async fn a_file_that_is_not_what_its_endpoint_said_is_on_the_ledger_without_its_name() {
    let (office, session) = with_work().await;
    // Headquarters takes what it has the chunks of: what they are together is the endpoint's word.
    let hand_over = async |path: &str, said: Digest| {
        let body = commit_as(path, None, (2, said));
        let (status, answer) = ask(&office, "pc-1", Some(&session), "commit", &body).await;
        assert!(status == 200 && answer.contains("kept"), "{answer}");
    };
    hand_over("true.txt", Digest::of(CONTENT.repeat(2).as_bytes())).await;
    assert_eq!(wrong(&office).await, [], "what is true is nobody's business");
    hand_over("secret-plan.txt", Digest::of(b"something else")).await;
    let found = wrong(&office).await;
    let told: Vec<_> = found.iter().map(|entry| (entry.subject.as_str(), &entry.data)).collect();
    assert_eq!(told, [("hanako", &json!({ "node": "pc-1", "files": 1 }))]);
    assert!(!serde_json::to_string(&found).unwrap().contains("secret-plan"));
    // What was looked at is not looked at for ever; a time is in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let before = wrong(&office).await.len();
    assert_eq!(wrong(&office).await.len(), before);
    office.server.stop().await;
}
