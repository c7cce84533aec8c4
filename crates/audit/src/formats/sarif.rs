//! A report as SARIF 2.1.0.

use std::collections::BTreeMap;

use crate::report::{Report, Said};
use crate::status::Status;
use serde_json::{Value, json};

/// The log.
#[must_use]
pub fn log(report: &Report) -> Value {
    let mut rules: BTreeMap<&str, &Said> = BTreeMap::new();
    for said in &report.results {
        rules.entry(&said.id).or_insert(said);
    }
    let rules: Vec<Value> = rules.into_iter().map(|(id, said)| rule(id, said)).collect();
    let contradictions = report.contradictions.iter().map(|found| {
        json!({
            "ruleId": found.id, "kind": "fail", "level": "error", "message": {"text": found.text},
            "properties": {"contradiction": found.code, "text_ja": found.text_ja},
        })
    });
    let results: Vec<Value> = report.results.iter().map(result).chain(contradictions).collect();
    let (name, version) = report.tool.split_once(' ').unwrap_or((&report.tool, ""));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": name, "version": version, "language": "en", "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "endTimeUtc": report.at}],
            "results": results,
            "properties": {
                "notice": report.notice, "office": report.office, "checklist": report.checklist,
                "checklist_hash": report.checklist_hash, "grade": report.grade,
            },
        }],
    })
}

fn rule(id: &str, said: &Said) -> Value {
    json!({
        "id": id, "shortDescription": {"text": said.title.en},
        "properties": {"title_ja": said.title.ja},
    })
}

fn result(said: &Said) -> Value {
    let (kind, level) = match said.status {
        Status::Fail => ("fail", "error"),
        Status::Waived => ("fail", "note"),
        Status::Error | Status::Unknown => ("open", "none"),
        Status::AttestDue => ("review", "none"),
        Status::Attested | Status::Pass => ("pass", "none"),
        Status::NotApplicable => ("notApplicable", "none"),
    };
    let mut result = json!({
        "ruleId": said.id, "kind": kind, "level": level, "message": {"text": said.reason},
        "properties": {
            "status": said.status, "view": said.view, "reason_ja": said.reason_ja, "fix": said.fix,
            "fix_ja": said.fix_ja, "evidence": said.evidence,
        },
    });
    if said.status == Status::Waived
        && let Some(result) = result.as_object_mut()
    {
        let waiver = json!([{"kind": "external", "status": "accepted", "justification": said.reason}]);
        result.insert("suppressions".to_owned(), waiver);
    }
    result
}
