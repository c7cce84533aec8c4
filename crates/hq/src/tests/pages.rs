//! A long ledger goes out in pages: neither end ever holds more of it than one.

use hanare_ledger::{Entry, ExportVerifier, Verdict};
use hanare_model::Timestamp;
use serde_json::json;

use super::*;
use crate::admin::{LedgerExport, LedgerLines, LedgerList, LedgerVerify};
use crate::init::KEYS_DIRECTORY;
use crate::keys::Keys;
use crate::store::{FILE_NAME, Store};

/// As many records more, each of some 1,300 bytes.
async fn grow(home: &Home, records: usize) {
    let keys = Keys::load(&home.state().join(KEYS_DIRECTORY), None).unwrap();
    let mut store = Store::open(&home.state().join(FILE_NAME)).await.unwrap();
    let words = "said at length ".repeat(64);
    let entry = |number: usize| Entry {
        at: Timestamp::from_seconds(2_000_000_000 + i64::try_from(number).unwrap()),
        actor: "uid 0".to_owned(),
        kind: "test.grown".to_owned(),
        subject: number.to_string(),
        data: json!({ "words": words }),
    };
    for first in (0..records).step_by(1_000) {
        let entries = (first..records.min(first + 1_000)).map(entry).collect();
        store.commit(None, &[], entries, &keys.signing).await.unwrap();
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_long_ledger_comes_in_pages_and_is_whole() {
    let home = Home::new().await;
    grow(&home, 2_500).await;
    let server = home.serve().await;
    let admin = home.admin();

    let export = admin.call(LedgerExport {}).await.unwrap();
    let mut judge = ExportVerifier::new(Some(export.signing_key));
    judge.feed(export.header.as_bytes());
    let (mut after, mut pages) = (0, 0);
    loop {
        let page = admin.call(LedgerLines { after }).await.unwrap().items;
        let Some(last) = page.last() else { break };
        let bytes: usize = page.iter().map(|line| line.line.len()).sum();
        assert!(bytes < 256 * 1024 + 2_000 && page.len() <= 1_000, "{} records, {bytes} bytes", page.len());
        after = last.sequence;
        pages += 1;
        for line in page.iter().filter(|line| line.sequence <= export.records) {
            judge.feed(format!("{}\n", line.line).as_bytes());
        }
    }
    let verdict = judge.finish(Some(&export.signature));
    assert!(matches!(verdict, Verdict::Valid { head } if head.seq > 2_500), "{verdict:?}");
    assert!(pages > 10, "{pages}");
    let verified = admin.call(LedgerVerify {}).await.unwrap();
    assert!(verified.valid && verified.records >= 2_501, "{verified:?}");

    // From a time on, page by page as well; nothing comes twice and nothing is left out.
    let since = Some(Timestamp::from_seconds(2_000_000_000 + 1_000));
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = admin.call(LedgerList { after, since }).await.unwrap().items;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        seen.extend(page.into_iter().map(|record| record.subject));
    }
    assert_eq!(seen, (1_000..2_500).map(|number| number.to_string()).collect::<Vec<_>>());
    server.stop().await;
}
