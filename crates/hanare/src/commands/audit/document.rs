//! The report's document: what was found, counted, graded and said in both languages.

use std::collections::BTreeMap;

use hanare_audit::{Answer, Basis, Chain, Checklist, REPORT_SCHEMA, Report, Said, Status, grade, score};
use hanare_facts::{Facts, View};
use hanare_model::Timestamp;

use super::words::Voices;

/// What a report is made of.
pub(super) struct Made<'a> {
    pub(super) checklist: &'a Checklist,
    pub(super) facts: &'a BTreeMap<View, Facts>,
    pub(super) replayed: bool,
    pub(super) answers: &'a [Answer],
    pub(super) at: Timestamp,
    pub(super) chain: Option<Chain>,
}

/// Writes it.
pub(super) fn report(made: Made<'_>) -> Report {
    let Made { checklist, facts, replayed, answers, at, chain } = made;
    let voices = Voices::new();
    let mut counts: BTreeMap<Status, usize> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
    for answer in answers {
        let count = counts.entry(answer.status).or_default();
        *count = count.saturating_add(1);
    }
    let basis = |facts: &Facts| Basis { at: facts.at, origin: facts.origin, replayed, root: facts.root };
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        notice: voices.say("audit-notice"),
        office: None,
        at,
        tool: format!("hanare {}", env!("CARGO_PKG_VERSION")),
        checklist: checklist.name.clone(),
        checklist_hash: checklist.hash,
        facts: facts.iter().map(|(view, facts)| (*view, basis(facts))).collect(),
        chain,
        counts,
        grade: grade(checklist, answers),
        score: score(checklist, answers),
        results: answers
            .iter()
            .map(|answer| Said::of(checklist, answer, voices.reason(&answer.reason)))
            .collect(),
    }
}
