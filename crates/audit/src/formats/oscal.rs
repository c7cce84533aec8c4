//! A report as OSCAL assessment results. Ids are made of what they name, so that equal reports have equal ones.

use crate::report::{Report, Said};
use crate::status::Status;
use hanare_facts::Trust;
use hanare_ledger::Hash;
use serde_json::{Value, json};

/// The version of OSCAL that this follows.
const VERSION: &str = "1.1.2";

/// The assessment results.
#[must_use]
pub fn results(report: &Report) -> Value {
    let own = |what: &str| uuid(&format!("{}/{}/{what}", report.checklist_hash, report.at));
    let observation = |index: usize, said: &Said| {
        let methods =
            if said.evidence.iter().any(|one| one.trust >= Trust::Supplied) { "INTERVIEW" } else { "TEST" };
        let methods = if said.evidence.is_empty() { "UNKNOWN" } else { methods };
        let evidence: Vec<Value> = said
            .evidence
            .iter()
            .map(|one| json!({"description": format!("{}: {} ({:?})", one.source, one.value, one.trust)}))
            .collect();
        let mut observation = json!({
            "uuid": own(&format!("observation/{index}")), "title": said.title.en,
            "description": said.reason, "methods": [methods], "collected": report.at,
        });
        if let (false, Some(members)) = (evidence.is_empty(), observation.as_object_mut()) {
            members.insert("relevant-evidence".to_owned(), evidence.into());
        }
        observation
    };
    let finding = |index: usize, said: &Said| {
        let (state, reason) = match said.status {
            Status::Pass | Status::Attested => ("satisfied", "pass"),
            Status::Fail => ("not-satisfied", "fail"),
            Status::NotApplicable => ("satisfied", "other"),
            Status::Error | Status::Unknown | Status::AttestDue | Status::Waived => {
                ("not-satisfied", "other")
            }
        };
        let target = format!("{}_{}", said.id.to_lowercase(), said.view);
        json!({
            "uuid": own(&format!("finding/{index}")), "title": format!("{} ({})", said.title.en, said.view),
            "description": said.reason,
            "target": {
                "type": "objective-id", "target-id": target,
                "status": {"state": state, "reason": reason, "remarks": said.status},
            },
            "related-observations": [{"observation-uuid": own(&format!("observation/{index}"))}],
        })
    };
    let enumerated = || report.results.iter().enumerate();
    let mut result = json!({
        "uuid": own("result"), "title": report.checklist, "description": report.notice.en, "start": report.at,
        "end": report.at, "reviewed-controls": {"control-selections": [{"include-all": {}}]},
    });
    // OSCAL has no empty lists.
    if let (false, Some(members)) = (report.results.is_empty(), result.as_object_mut()) {
        let observations: Vec<Value> = enumerated().map(|(index, said)| observation(index, said)).collect();
        let findings: Vec<Value> = enumerated().map(|(index, said)| finding(index, said)).collect();
        members.insert("observations".to_owned(), observations.into());
        members.insert("findings".to_owned(), findings.into());
    }
    if let (false, Some(members)) = (report.contradictions.is_empty(), result.as_object_mut()) {
        let said: Vec<String> =
            report.contradictions.iter().map(|found| format!("{}: {}", found.id, found.text)).collect();
        members.insert("remarks".to_owned(), said.join("\n").into());
    }
    json!({"assessment-results": {
        "uuid": own("results"),
        "metadata": {
            "title": format!("{} {}", report.checklist, report.office.as_deref().unwrap_or_default()).trim(),
            "last-modified": report.at, "version": report.checklist_hash, "oscal-version": VERSION,
            "remarks": report.notice.en,
        },
        "import-ap": {"href": format!("#{}", own("plan"))},
        "results": [result],
        "back-matter": {"resources": [{"uuid": own("plan"), "title": report.checklist}]},
    }})
}

/// A name-based UUID (RFC 9562, version 5 in form; of SHA-256).
fn uuid(name: &str) -> String {
    let hash = Hash::of(name.as_bytes()).to_string();
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    format!("{}-{}-5{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
