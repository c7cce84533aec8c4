//! Grades of our own, what stands before the next one, and a side score. None of them is anybody's certificate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checklist::{Checklist, Tier};
use crate::evaluate::{Answer, merged};
use crate::statement::EXTERNAL_AUDIT;
use crate::status::Status;

/// Names that cannot be mistaken for a certificate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// Not even basic.
    #[serde(rename = "none")]
    None,
    /// Every basic item is good.
    #[serde(rename = "basic")]
    Basic,
    /// And what remains is planned.
    #[serde(rename = "basic+risk-plan")]
    BasicRiskPlan,
    /// And everything else is good, and an external audit is on record.
    #[serde(rename = "full")]
    Full,
}

impl Grade {
    /// The word in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::BasicRiskPlan => "basic+risk-plan",
            Self::Full => "full",
        }
    }
}

/// An item that stands before a grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocker {
    /// The item.
    pub id: String,
    /// What came of it; `None` if it was not asked for.
    pub status: Option<Status>,
}

/// Both grades and what stands before the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grading {
    /// With waived items counted.
    pub with_waivers: Grade,
    /// Without.
    pub without_waivers: Grade,
    /// The next grade.
    pub next: Grade,
    /// What stands before it, the cheapest first.
    pub blockers: Vec<Blocker>,
}

/// 4 for done, 2 for partly, 0 for not, −1 for unknown: not to know is worse than no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The sum.
    pub points: i64,
    /// What it could be.
    pub most: i64,
}

/// Grades the answers. Items that were not asked for are not good. `audited`: an external audit is on record.
#[must_use]
pub fn grade(checklist: &Checklist, answers: &[Answer], audited: bool) -> Grading {
    let merged = merged(checklist, answers);
    let with_waivers = reached(checklist, &merged, audited, true);
    let without_waivers = reached(checklist, &merged, audited, false);
    let next = match without_waivers {
        Grade::None => Grade::Basic,
        Grade::Basic => Grade::BasicRiskPlan,
        Grade::BasicRiskPlan | Grade::Full => Grade::Full,
    };
    let mut blocking: Vec<_> = checklist
        .items
        .iter()
        .filter(|item| counts(item.tier, next))
        .map(|item| (item, merged.get(&item.id).copied().flatten()))
        .filter(|(_, status)| !status.is_some_and(Status::is_good))
        .collect();
    // The cheapest to mend first; of those, what only has to be stated before what has to be found out or repaired.
    let repair = |status: Option<Status>| match status {
        Some(Status::AttestDue) => 0,
        Some(Status::Waived) => 1,
        Some(Status::Fail | Status::Error) => 2,
        Some(Status::Unknown | Status::Attested | Status::Pass | Status::NotApplicable) | None => 3,
    };
    blocking.sort_by_key(|(item, status)| (item.effort, repair(*status)));
    let mut blockers: Vec<Blocker> =
        blocking.into_iter().map(|(item, status)| Blocker { id: item.id.clone(), status }).collect();
    if next == Grade::Full && !audited {
        // Nothing costs more than to have somebody come.
        blockers.push(Blocker { id: EXTERNAL_AUDIT.to_owned(), status: Some(Status::AttestDue) });
    }
    Grading { with_waivers, without_waivers, next, blockers }
}

/// Whether items of a tier must be good for a grade.
const fn counts(tier: Tier, grade: Grade) -> bool {
    match (tier, grade) {
        (_, Grade::None) => false,
        (Tier::Basic, _) | (Tier::RiskPlan, Grade::BasicRiskPlan) | (_, Grade::Full) => true,
        (_, Grade::Basic | Grade::BasicRiskPlan) => false,
    }
}

fn reached(
    checklist: &Checklist,
    merged: &BTreeMap<String, Option<Status>>,
    audited: bool,
    waivers: bool,
) -> Grade {
    let holds = |grade| {
        let mut items = checklist.items.iter().filter(|item| counts(item.tier, grade)).peekable();
        // Nothing to judge is nothing to be proud of.
        items.peek().is_some()
            && items.all(|item| {
                let status = merged.get(&item.id).copied().flatten();
                status.is_some_and(|status| status.is_good() || (waivers && status == Status::Waived))
            })
    };
    match () {
        () if !holds(Grade::Basic) => Grade::None,
        () if !holds(Grade::BasicRiskPlan) => Grade::Basic,
        () if !(audited && holds(Grade::Full)) => Grade::BasicRiskPlan,
        () => Grade::Full,
    }
}

/// The side score of the items that were asked for.
#[must_use]
pub fn score(checklist: &Checklist, answers: &[Answer]) -> Score {
    let mut score = Score { points: 0, most: 0 };
    for status in merged(checklist, answers).into_values().flatten() {
        let points = match status {
            Status::NotApplicable => continue,
            Status::Pass | Status::Attested => 4,
            Status::Waived => 2,
            Status::Fail => 0,
            Status::Unknown | Status::Error | Status::AttestDue => -1,
        };
        score = Score { points: score.points.saturating_add(points), most: score.most.saturating_add(4) };
    }
    score
}
