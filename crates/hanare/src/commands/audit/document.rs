//! The report's document: what was found, counted, graded and said in both languages.

use std::collections::BTreeMap;

use hanare_audit::{
    Answer, Basis, Chain, Checklist, Contradicted, Known, REPORT_SCHEMA, Report, Said, Status,
    contradictions, grade, score,
};
use hanare_facts::{Facts, View};
use hanare_model::Timestamp;

use super::words::Voices;

/// What a report is made of.
pub(super) struct Made<'a> {
    pub(super) checklist: &'a Checklist,
    pub(super) facts: &'a BTreeMap<View, Facts>,
    pub(super) known: &'a Known,
    pub(super) replayed: bool,
    pub(super) answers: &'a [Answer],
    pub(super) at: Timestamp,
    pub(super) chain: Option<Chain>,
}

/// Writes it.
pub(super) fn report(made: &Made<'_>) -> Report {
    let Made { checklist, facts, known, replayed, answers, at, chain } = made;
    let (replayed, at, site) = (*replayed, *at, known.site.as_ref());
    let voices = Voices::new();
    let mut counts: BTreeMap<Status, usize> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
    for answer in *answers {
        let count = counts.entry(answer.status).or_default();
        *count = count.saturating_add(1);
    }
    let basis = |facts: &Facts| Basis { at: facts.at, origin: facts.origin, replayed, root: facts.root };
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        notice: voices.say("audit-notice"),
        office: site.map(|site| site.office.to_string()),
        names: site
            .map(|site| [&site.office_name, &site.company_name].into_iter().flatten().cloned().collect())
            .unwrap_or_default(),
        at,
        tool: format!("hanare {}", env!("CARGO_PKG_VERSION")),
        checklist: checklist.name.clone(),
        checklist_hash: checklist.hash,
        facts: facts.iter().map(|(view, facts)| (*view, basis(facts))).collect(),
        chain: chain.clone(),
        counts,
        grade: grade(checklist, answers, known.has_external_audit(at)),
        score: score(checklist, answers),
        contradictions: contradictions(checklist, answers, &known.statements, site, at)
            .into_iter()
            .map(|found| {
                let said = voices.say(found.kind.as_str());
                let code = found.kind.as_str().to_owned();
                Contradicted { id: found.id, code, text: said.en, text_ja: said.ja }
            })
            .collect(),
        results: answers
            .iter()
            .map(|answer| Said::of(checklist, answer, voices.reason(&answer.reason)))
            .collect(),
    }
}
