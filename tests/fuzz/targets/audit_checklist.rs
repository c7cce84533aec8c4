//! The reader of checklists: any text is a checklist or an error whose place lies in it, never a panic; and a checklist that is
//! accepted answers every item from every view, none of them well while nothing was looked at.
#![no_main]

use std::collections::BTreeMap;

use hanare_audit::{Asked, Checklist, Known, SATELLITE_OFFICE, evaluate, grade};
use hanare_model::Timestamp;
use libfuzzer_sys::fuzz_target;

/// A whole item, so that the fuzzer starts where something is.
fn beginning() -> &'static str {
    let end = SATELLITE_OFFICE.match_indices("[[item]]").nth(1).map_or(SATELLITE_OFFICE.len(), |(at, _)| at);
    &SATELLITE_OFFICE[..end]
}

fn check(text: &str) {
    match text.parse::<Checklist>() {
        Err(error) => {
            let lines = text.lines().count() + 1;
            assert!((1..=lines).contains(&error.position.line), "{error} in {lines} lines");
        }
        Ok(checklist) => {
            let at = Timestamp::from_seconds(0);
            let answers = evaluate(&checklist, &BTreeMap::new(), &Known::default(), &Asked::default(), at);
            let wanted: usize = checklist.items.iter().map(|item| item.views.len()).sum();
            assert_eq!(answers.len(), wanted);
            assert!(answers.iter().all(|answer| !answer.status.is_good()));
            assert!(grade(&checklist, &answers, true).with_waivers.as_str() == "none");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&format!("{}{text}", beginning()));
});
