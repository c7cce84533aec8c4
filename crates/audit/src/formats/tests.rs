//! Whatever names hold, each format stays what it is, and says of every result what it says.

use std::collections::BTreeMap;

use hanare_facts::{Origin, Trust, View};
use hanare_ledger::Hash;
use hanare_model::Timestamp;
use serde_json::Value;

use super::*;
use crate::checklist::BothTexts;
use crate::grade::{Grade, Grading, Score};
use crate::report::{Basis, Chain, Contradicted, REPORT_SCHEMA, Report, Said};
use crate::status::{Evidence, Status};

/// Markup, a formula, and what ends a CDATA section or a string.
const HOSTILE: &str = "=1+1<script>alert(\"x\")</script>]]>&\u{1}'";

fn said(index: usize, status: Status) -> Said {
    let hostile = || HOSTILE.to_owned();
    Said {
        id: format!("GOV-{index:02}"),
        status,
        view: View::Hq,
        title: BothTexts { ja: hostile(), en: hostile() },
        reason_code: "why-good".to_owned(),
        reason: hostile(),
        reason_ja: hostile(),
        evidence: vec![Evidence {
            source: hostile(),
            value: hostile(),
            at: Timestamp::from_seconds(1_800_000_000),
            trust: Trust::Measured,
        }],
        fix: hostile(),
        fix_ja: hostile(),
    }
}

fn report() -> Report {
    let results: Vec<Said> =
        Status::ALL.into_iter().enumerate().map(|(index, status)| said(index, status)).collect();
    let at = Timestamp::from_seconds(1_800_000_000);
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        notice: BothTexts { ja: "自己点検".to_owned(), en: "a self-assessment".to_owned() },
        office: Some("kofu".to_owned()),
        names: vec![HOSTILE.to_owned(), "界".repeat(44)],
        at,
        tool: "hanare 0.1.0".to_owned(),
        checklist: HOSTILE.to_owned(),
        checklist_hash: Hash::GENESIS,
        facts: BTreeMap::from([(View::Hq, Basis { at, origin: Origin::Live, replayed: true, root: true })]),
        chain: Some(Chain(vec![Hash::GENESIS])),
        counts: Status::ALL.into_iter().map(|status| (status, 1)).collect(),
        grade: Grading {
            with_waivers: Grade::None,
            without_waivers: Grade::None,
            next: Grade::Basic,
            blockers: Vec::new(),
        },
        score: Score { points: -1, most: 4 },
        contradictions: vec![Contradicted {
            id: "GOV-01".to_owned(),
            code: "why-waived-and-good".to_owned(),
            text: HOSTILE.to_owned(),
            text_ja: HOSTILE.to_owned(),
        }],
        results,
    }
}

#[test]
fn a_spreadsheet_gets_text_and_no_formula() {
    let table = csv(&report());
    assert!(table.starts_with("\u{feff}\"id\",\"view\",\"status\""));
    assert_eq!(table.matches("\r\n").count(), 1 + 8 + 1);
    assert!(table.contains("\"'=1+1<script>alert(\"\"x\"\")"));
    for cell in table.trim_start_matches('\u{feff}').split("\r\n").flat_map(|line| line.split("\",\"")) {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
    }
}

#[test]
fn junit_calls_what_nobody_knows_an_error_and_what_is_waived_skipped() {
    let suites = junit(&report());
    assert!(
        suites.contains(
            "<testsuites name=\"hanare audit\" tests=\"9\" failures=\"2\" errors=\"3\" skipped=\"2\">"
        ),
        "{suites}"
    );
    assert_eq!((suites.matches("<error ").count(), suites.matches("<skipped ").count()), (3, 2));
    assert_eq!(suites.matches("<failure ").count(), 2);
    assert!(!suites.contains('\u{1}') && !suites.contains("<script"));
}

#[test]
fn sarif_says_fail_only_of_what_failed() {
    let log: Value = sarif(&report());
    assert_eq!(log, sarif(&report()));
    let results = log["runs"][0]["results"].as_array().unwrap();
    let kinds: Vec<&str> = results.iter().map(|result| result["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["fail", "open", "open", "review", "fail", "pass", "pass", "notApplicable", "fail"]);
    for result in results {
        // SARIF 2.1.0, 3.27.10: any other kind than fail has the level none.
        assert_eq!(result["kind"] == "fail", result["level"] != "none");
    }
    assert_eq!(results[4]["suppressions"][0]["kind"], "external");
}

#[test]
fn oscal_calls_satisfied_only_what_is_good() {
    let document: Value = oscal(&report());
    assert_eq!(document, oscal(&report()));
    let results = &document["assessment-results"];
    let result = &results["results"][0];
    let states: Vec<&str> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["target"]["status"]["state"].as_str().unwrap())
        .collect();
    let bad = "not-satisfied";
    assert_eq!(states, [bad, bad, bad, bad, bad, "satisfied", "satisfied", "satisfied"]);
    let uuid = results["uuid"].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15], &uuid[19..20]), (36, "5", "a"));
    let mut uuids: Vec<&Value> =
        result["observations"].as_array().unwrap().iter().map(|one| &one["uuid"]).collect();
    uuids.dedup();
    assert_eq!(uuids.len(), 8);
}
