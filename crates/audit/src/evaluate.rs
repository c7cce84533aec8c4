//! From a checklist and facts to an answer for every item and view: nothing is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hanare_facts::{Facts, View};
use hanare_ledger::Hash;
use hanare_model::Timestamp;

use crate::checklist::{Checklist, DeviceClass, Item};
use crate::checks::{self, Verdict};
use crate::site::Site;
use crate::statement::{self, Statements};
use crate::status::{Evidence, Status};
use crate::why::{Reason, Why};

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only this view; every view if `None`.
    pub view: Option<View>,
    /// Only these items; all if empty.
    pub only: BTreeSet<String>,
}

/// What came of one item from one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The item.
    pub id: String,
    /// The view.
    pub view: View,
    /// What came of it.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// By what.
    pub evidence: Vec<Evidence>,
    /// Whether a machine saw it fail, whatever people answer for.
    pub was_failed: bool,
}

/// What is known beside facts: what people wrote down and stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The office's site file.
    pub site: Option<Site>,
    /// What people stated about it.
    pub statements: Statements,
    /// Hashes of the evidence that is there and is what it was.
    pub intact: BTreeSet<Hash>,
}

impl Known {
    /// Whether an external audit is on record at that time.
    #[must_use]
    pub fn has_external_audit(&self, at: Timestamp) -> bool {
        self.statements.has_external_audit(&self.intact, at)
    }
}

/// Judges every item that is asked for from every view that it has, at the time `at`.
#[must_use]
pub fn evaluate(
    checklist: &Checklist,
    facts: &BTreeMap<View, Facts>,
    known: &Known,
    asked: &Asked,
    at: Timestamp,
) -> Vec<Answer> {
    let site = known.site.as_ref();
    let mut answers = Vec::new();
    for item in &checklist.items {
        for view in &item.views {
            let is_asked = (asked.only.is_empty() || asked.only.contains(&item.id))
                && asked.view.is_none_or(|asked| asked == *view);
            if is_asked {
                let mut answer = answer(checklist, item, *view, facts, site, at);
                let is_attestable = item.attestation.is_some();
                statement::apply(&mut answer, is_attestable, &known.statements, &known.intact, at);
                answers.push(answer);
            }
        }
    }
    answers
}

fn answer(
    checklist: &Checklist,
    item: &Item,
    view: View,
    facts: &BTreeMap<View, Facts>,
    site: Option<&Site>,
    at: Timestamp,
) -> Answer {
    let Verdict { mut status, mut reason, evidence } = judged(item, view, facts, site, at);
    if status == Status::Pass {
        let below = item.requires.iter().filter_map(|id| checklist.item(id));
        let bad = below.filter(|below| {
            let checks = below.views.iter().filter(|view| below.checks.contains_key(view));
            let statuses: Vec<Status> =
                checks.map(|view| judged(below, *view, facts, site, at).status).collect();
            statuses.is_empty() || !statuses.iter().all(|status| status.is_good())
        });
        let bad: Vec<&str> = bad.map(|item| item.id.as_str()).collect();
        if !bad.is_empty() {
            (status, reason) = (Status::Unknown, Reason::about(Why::Requires, bad.join(", ")));
        }
    }
    let was_failed = status == Status::Fail;
    Answer { id: item.id.clone(), view, status, reason, evidence, was_failed }
}

fn judged(
    item: &Item,
    view: View,
    facts: &BTreeMap<View, Facts>,
    site: Option<&Site>,
    at: Timestamp,
) -> Verdict {
    let seen = seen(item, view, facts, site, at);
    let is_none = |class: &DeviceClass| site.is_some_and(|site| site.none.contains(class));
    match item.device_class.filter(is_none) {
        // What a machine saw fail fails, whatever there is said to be.
        Some(class) if seen.status != Status::Fail => {
            let pc = facts.get(&View::Endpoint);
            let verdict = checks::absent(class, pc, at);
            pc.map_or(verdict.clone(), |pc| aged(verdict, item, pc, at))
        }
        Some(_) | None => seen,
    }
}

/// What the item's own check says.
fn seen(
    item: &Item,
    view: View,
    facts: &BTreeMap<View, Facts>,
    site: Option<&Site>,
    at: Timestamp,
) -> Verdict {
    let without = |status, why| Verdict { status, reason: Reason::plain(why), evidence: Vec::new() };
    let Some(check) = item.checks.get(&view) else {
        // People's items appear at headquarters.
        return if view == View::Hq && item.attestation.is_some() {
            without(Status::AttestDue, Why::AttestDue)
        } else {
            without(Status::Unknown, Why::NoCheck)
        };
    };
    let Some(facts) = facts.get(&view) else { return without(Status::Unknown, Why::OtherView) };
    aged(checks::run(check, facts, site, at), item, facts, at)
}

/// A verdict by facts that are of no use any more, or not yet, is none.
fn aged(verdict: Verdict, item: &Item, facts: &Facts, at: Timestamp) -> Verdict {
    let longest = Duration::from_secs(u64::from(item.evidence_days).saturating_mul(86_400));
    match () {
        () if facts.at > at => {
            Verdict { status: Status::Unknown, reason: Reason::plain(Why::Future), ..verdict }
        }
        // What failed then has not been shown to be mended.
        () if at.since(facts.at) > longest && verdict.status.is_good() => {
            Verdict { status: Status::Unknown, reason: Reason::plain(Why::Stale), ..verdict }
        }
        () => verdict,
    }
}

/// One status for each item of the checklist: the worst of its views; `None` for what was not asked for.
#[must_use]
pub fn merged(checklist: &Checklist, answers: &[Answer]) -> BTreeMap<String, Option<Status>> {
    let mut merged: BTreeMap<String, Option<Status>> =
        checklist.items.iter().map(|item| (item.id.clone(), None)).collect();
    for answer in answers {
        let entry = merged.entry(answer.id.clone()).or_default();
        *entry = Some(entry.map_or(answer.status, |status| status.min(answer.status)));
    }
    // A view that was not asked for is a view that nobody looked from.
    for item in &checklist.items {
        let seen = answers.iter().filter(|answer| answer.id == item.id).count();
        if let Some(Some(status)) = merged.get_mut(&item.id)
            && seen < item.views.len()
        {
            *status = (*status).min(Status::Unknown);
        }
    }
    merged
}

#[cfg(test)]
mod tests;
