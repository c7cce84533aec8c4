//! A report on a terminal: what it is, what is wrong and what to do first; then what nobody knows, and what is good.

use std::collections::BTreeMap;

use hanare_audit::{Report, Said, Status};

use super::words;
use crate::table;
use crate::voice::{Language, Voice};

/// How many blockers a person is shown; all are in the document.
const BLOCKERS: usize = 8;

/// The whole report.
pub(super) fn told(report: &Report, voice: &Voice) -> String {
    let mut parts = vec![words::text(&report.notice, voice)];
    for status in [Status::Fail, Status::Error] {
        parts.extend(
            report.results.iter().filter(|said| said.status == status).map(|said| wrong(said, voice)),
        );
    }
    for found in &report.contradictions {
        let text = match voice.language() {
            Language::Japanese => &found.text_ja,
            Language::English => &found.text,
        };
        parts.push(format!("{}  {}\n  {text}", voice.say("audit-contradiction"), found.id));
    }
    for status in [Status::Unknown, Status::AttestDue] {
        parts.extend(by_reason(report, status, voice));
    }
    let good: Vec<Vec<String>> = report
        .results
        .iter()
        .filter(|said| said.status.is_good() || said.status == Status::Waived)
        .map(|said| {
            vec![said.id.clone(), said.view.to_string(), word(said, voice), words::text(&said.title, voice)]
        })
        .collect();
    if !good.is_empty() {
        parts.push(table::rows(voice, &["label-id", "label-view", "label-result", "label-item"], good));
    }
    parts.push(summary(report, voice));
    parts.join("\n\n")
}

/// A finding: what, why, what to do.
fn wrong(said: &Said, voice: &Voice) -> String {
    let (reason, fix) = match voice.language() {
        Language::Japanese => (&said.reason_ja, &said.fix_ja),
        Language::English => (&said.reason, &said.fix),
    };
    format!(
        "{}  {} ({})  {}\n  {} {reason}\n  {} {fix}",
        word(said, voice),
        said.id,
        said.view,
        words::text(&said.title, voice),
        voice.say("label-cause"),
        voice.say("label-fix"),
    )
}

/// What nobody knows, the same reasons together.
fn by_reason(report: &Report, status: Status, voice: &Voice) -> Option<String> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for said in report.results.iter().filter(|said| said.status == status) {
        let reason = match voice.language() {
            Language::Japanese => &said.reason_ja,
            Language::English => &said.reason,
        };
        groups.entry(reason).or_default().push(format!("{} ({})", said.id, said.view));
    }
    if groups.is_empty() {
        return None;
    }
    let lines = groups.iter().map(|(reason, ids)| format!("  {reason}\n{}", wrapped(ids)));
    Some(format!("{}\n{}", voice.say(words::status(status)), lines.collect::<Vec<_>>().join("\n")))
}

/// Ids in lines of at most 76 columns.
fn wrapped(ids: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for id in ids {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(id.len()) < 74 => line.extend([", ", id]),
            Some(_) | None => lines.push(format!("    {id}")),
        }
    }
    lines.join("\n")
}

fn summary(report: &Report, voice: &Voice) -> String {
    let counts: Vec<String> = report
        .counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(status, count)| format!("{} {count}", voice.say(words::status(*status))))
        .collect();
    let grade = &report.grade;
    let blockers: Vec<&str> =
        grade.blockers.iter().take(BLOCKERS).map(|blocker| blocker.id.as_str()).collect();
    let more = grade.blockers.len().saturating_sub(blockers.len());
    let mut first = blockers.join(", ");
    if more > 0 {
        first.push_str(&voice.say_with("audit-more", &[("count", &more)]));
    }
    table::fields(
        voice,
        vec![
            ("label-results", counts.join(", ")),
            ("label-grade", voice.say(words::grade(grade.without_waivers))),
            ("label-grade-waived", voice.say(words::grade(grade.with_waivers))),
            ("label-next-grade", voice.say(words::grade(grade.next))),
            ("label-blockers", first),
            ("label-score", format!("{} / {}", report.score.points, report.score.most)),
        ],
    )
}

fn word(said: &Said, voice: &Voice) -> String {
    voice.say(words::status(said.status))
}
