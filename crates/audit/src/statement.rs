//! What people state, with evidence and an end: attestations (it is so) and waivers (it is not so, and somebody answers for it).

use std::collections::{BTreeMap, BTreeSet};

use hanare_facts::Trust;
use hanare_ledger::Hash;
use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checklist::Checklist;
use crate::day::Day;
use crate::evaluate::Answer;
use crate::site::Site;
use crate::status::{Evidence, Status};
use crate::why::{Reason, Why};

/// What an external audit is attested as. It is no item; the grade `full` wants it.
pub const EXTERNAL_AUDIT: &str = "external-audit";

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The item, or [`EXTERNAL_AUDIT`].
    pub id: String,
    /// What is stated.
    pub stated: Stated,
    /// The last day of it.
    pub until: Day,
    /// When that day ends in the office's time zone: from here on it counts no more.
    pub ends: Timestamp,
    /// When it was made.
    pub made: Timestamp,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stated {
    /// It is so.
    Attestation {
        /// Who says it.
        by: String,
        /// What shows it.
        evidence: Vec<EvidenceFile>,
    },
    /// It is not so, for a reason.
    Waiver {
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
    },
}

/// A file that was brought as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// Its name, without directories.
    pub name: String,
    /// Its hash.
    pub hash: Hash,
}

/// Every statement about an office, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Statements(pub Vec<Statement>);

/// Two things on record that cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The item.
    pub id: String,
    /// Which.
    pub kind: ContradictionKind,
}

/// The kinds of [`Contradiction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContradictionKind {
    /// Somebody answers for what is not so, and it is so.
    WaivedAndGood,
    /// Somebody says it is so, and a machine saw that it is not.
    AttestedAndFailed,
    /// A record about people is to be kept longer than anything about people may be.
    RetentionAboveItsBound,
}

impl ContradictionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::WaivedAndGood, Self::AttestedAndFailed, Self::RetentionAboveItsBound];

    /// The catalogue's message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WaivedAndGood => "why-waived-and-good",
            Self::AttestedAndFailed => "why-attested-and-failed",
            Self::RetentionAboveItsBound => "why-retention-above-bound",
        }
    }
}

impl Statements {
    /// The latest attestation of an item. One that was made after `at` does not count.
    pub(crate) fn attestation(&self, id: &str, at: Timestamp) -> Option<&Statement> {
        self.latest(id, at, |stated| matches!(stated, Stated::Attestation { .. }))
    }

    /// The latest waiver of an item.
    pub(crate) fn waiver(&self, id: &str, at: Timestamp) -> Option<&Statement> {
        self.latest(id, at, |stated| matches!(stated, Stated::Waiver { .. }))
    }

    /// Whether an external audit is on record at that time, its evidence whole.
    pub(crate) fn has_external_audit(&self, intact: &BTreeSet<Hash>, at: Timestamp) -> bool {
        self.attestation(EXTERNAL_AUDIT, at).is_some_and(|statement| statement.holds(intact, at))
    }

    fn latest(&self, id: &str, at: Timestamp, is: impl Fn(&Stated) -> bool) -> Option<&Statement> {
        let counts =
            |statement: &&Statement| statement.id == id && statement.made <= at && is(&statement.stated);
        self.0.iter().filter(counts).max_by_key(|statement| statement.made)
    }
}

impl Statement {
    fn is_over(&self, at: Timestamp) -> bool {
        at >= self.ends
    }

    /// Files whose bytes are not there any more, or are others.
    fn missing(&self, intact: &BTreeSet<Hash>) -> Vec<&str> {
        let Stated::Attestation { evidence, .. } = &self.stated else { return Vec::new() };
        evidence.iter().filter(|file| !intact.contains(&file.hash)).map(|file| file.name.as_str()).collect()
    }

    fn holds(&self, intact: &BTreeSet<Hash>, at: Timestamp) -> bool {
        !self.is_over(at) && self.missing(intact).is_empty()
    }

    /// The statement as evidence: a word, and files that were handed in.
    fn evidence(&self) -> Vec<Evidence> {
        let said = |source: &str, value: String, trust| Evidence {
            source: source.to_owned(),
            value,
            at: self.made,
            trust,
        };
        match &self.stated {
            Stated::Attestation { by, evidence } => {
                let files = evidence
                    .iter()
                    .map(|file| said(&file.name, format!("sha256 {}", file.hash), Trust::Supplied));
                [said(by, format!("attested until {}", self.until), Trust::Word)]
                    .into_iter()
                    .chain(files)
                    .collect()
            }
            Stated::Waiver { owner, reason } => {
                vec![said(owner, format!("waived until {}: {reason}", self.until), Trust::Word)]
            }
        }
    }
}

/// What people stated changes what nobody could see or decide, and never what a machine saw fail, but openly: as waived.
pub(crate) fn apply(
    answer: &mut Answer,
    is_attestable: bool,
    statements: &Statements,
    intact: &BTreeSet<Hash>,
    at: Timestamp,
) {
    if is_attestable && let Some(statement) = statements.attestation(&answer.id, at) {
        attested(answer, statement, intact, at);
    }
    let Some(waiver) = statements.waiver(&answer.id, at) else { return };
    match answer.status {
        Status::Fail | Status::Error | Status::Unknown | Status::AttestDue => {
            answer.evidence.extend(waiver.evidence());
            if !waiver.is_over(at) {
                (answer.status, answer.reason) = (Status::Waived, Reason::about(Why::Waived, owner(waiver)));
            } else if answer.status == Status::AttestDue {
                answer.reason = Reason::about(Why::WaiverOver, waiver.until.as_str());
            }
        }
        Status::Waived | Status::Attested | Status::Pass | Status::NotApplicable => {}
    }
}

fn attested(answer: &mut Answer, statement: &Statement, intact: &BTreeSet<Hash>, at: Timestamp) {
    let missing = statement.missing(intact).join(", ");
    match answer.status {
        Status::AttestDue | Status::Unknown if statement.holds(intact, at) => {
            answer.evidence.extend(statement.evidence());
            let until = statement.until.as_str();
            (answer.status, answer.reason) = (Status::Attested, Reason::about(Why::Attested, until));
        }
        Status::AttestDue => {
            answer.evidence.extend(statement.evidence());
            answer.reason = if statement.is_over(at) {
                Reason::about(Why::AttestationOver, statement.until.as_str())
            } else {
                Reason::about(Why::EvidenceGone, missing)
            };
        }
        Status::Fail => answer.evidence.extend(statement.evidence()),
        Status::Unknown
        | Status::Error
        | Status::Waived
        | Status::Attested
        | Status::Pass
        | Status::NotApplicable => {}
    }
}

fn owner(waiver: &Statement) -> &str {
    match &waiver.stated {
        Stated::Waiver { owner, .. } => owner,
        Stated::Attestation { by, .. } => by,
    }
}

/// What on record contradicts itself or what was seen.
#[must_use]
pub fn contradictions(
    checklist: &Checklist,
    answers: &[Answer],
    statements: &Statements,
    site: Option<&Site>,
    at: Timestamp,
) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let mut by_item: BTreeMap<&str, Vec<&Answer>> = BTreeMap::new();
    for answer in answers {
        by_item.entry(&answer.id).or_default().push(answer);
    }
    for item in &checklist.items {
        let Some(answers) = by_item.get(item.id.as_str()) else { continue };
        let mut add = |kind| found.push(Contradiction { id: item.id.clone(), kind });
        let counts =
            |statement: Option<&Statement>| statement.is_some_and(|statement| !statement.is_over(at));
        if counts(statements.waiver(&item.id, at)) && answers.iter().all(|answer| answer.status.is_good()) {
            add(ContradictionKind::WaivedAndGood);
        }
        // A waiver beside it does not take the contradiction away.
        let failed = |answer: &&Answer| answer.status == Status::Fail || answer.was_failed;
        if counts(statements.attestation(&item.id, at)) && answers.iter().any(failed) {
            add(ContradictionKind::AttestedAndFailed);
        }
        if item.id == RETENTION && site.is_some_and(keeps_too_long) {
            add(ContradictionKind::RetentionAboveItsBound);
        }
    }
    found
}

/// The item that bounds how long anything about persons is kept.
const RETENTION: &str = "PII-02";

fn keeps_too_long(site: &Site) -> bool {
    let kept = &site.retention;
    let Some(most) = kept.personal_data_max_days else { return false };
    let hours = most.saturating_mul(24);
    kept.entry_log_min_days.is_some_and(|days| days > most)
        || kept.footage_min_hours.is_some_and(|footage| footage > hours)
}

#[cfg(test)]
mod tests;
