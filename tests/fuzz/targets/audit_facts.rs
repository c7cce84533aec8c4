//! The reader of facts: any document is one of facts or none; and whatever facts say, judging them ends without a panic.
#![no_main]

use std::collections::BTreeMap;

use hanare_audit::{Asked, Checklist, Known, SATELLITE_OFFICE, evaluate};
use hanare_facts::{Facts, Root, View, collect};
use hanare_model::Timestamp;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// This machine's facts as a document, to be changed.
fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let facts = collect(&Root::live().expect("a root"), View::Endpoint, Timestamp::from_seconds(0), None);
        serde_json::to_string(&facts).expect("facts are JSON")
    })
}

fn checklist() -> &'static Checklist {
    static CHECKLIST: OnceLock<Checklist> = OnceLock::new();
    CHECKLIST.get_or_init(|| SATELLITE_OFFICE.parse().expect("our own checklist"))
}

fn check(text: &str) {
    let Ok(facts) = serde_json::from_str::<Facts>(text) else { return };
    let Ok(facts) = facts.checked() else { return };
    let at = facts.at;
    let facts = BTreeMap::from([(facts.view, facts)]);
    let answers = evaluate(checklist(), &facts, &Known::default(), &Asked::default(), at);
    assert!(answers.iter().all(|answer| !answer.status.is_good() || !answer.evidence.is_empty()));
}

fuzz_target!(|data: &[u8]| {
    check(&String::from_utf8_lossy(data));
    if let [one, two, length, rest @ ..] = data {
        let whole = document();
        let at = usize::from(u16::from_be_bytes([*one, *two])) * whole.len() / 65_536;
        let at = whole.floor_char_boundary(at);
        let end = whole.floor_char_boundary((at + usize::from(*length)).min(whole.len()));
        check(&format!("{}{}{}", &whole[..at], String::from_utf8_lossy(rest), &whole[end..]));
    }
});
