//! The report: one JSON document that says the same in both languages, whoever wrote it, and what it extends.

use std::collections::BTreeMap;

use hanare_facts::{Origin, View};
use hanare_ledger::Hash;
use hanare_ledger::signed::{self, Refused};
use hanare_ledger::sshsig::Namespace;
use hanare_model::{Timestamp, VerifyKey};
use serde::{Deserialize, Serialize};

use crate::checklist::{BothTexts, Checklist};
use crate::evaluate::Answer;
use crate::grade::{Grading, Score};
use crate::status::{Evidence, Status};

/// What a report's signature is for: `ssh-keygen -Y verify -n hanare-report`.
pub const NAMESPACE: Namespace = Namespace::new("hanare-report");
/// What the document calls itself.
pub const REPORT_SCHEMA: &str = "hanare.audit.report/1";
/// No report is longer (16 MiB).
pub const MAX_REPORT: u64 = 16 * 1024 * 1024;

/// A report. Its members stand in this order, so equal reports have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT_SCHEMA`].
    pub schema: String,
    /// What it is and what it is not: the first thing to be read.
    pub notice: BothTexts,
    /// Which office; `None` without a site file.
    pub office: Option<String>,
    /// Its name as people write it, and the company's.
    pub names: Vec<String>,
    /// The time that everything was judged at.
    pub at: Timestamp,
    /// By which program.
    pub tool: String,
    /// Its name.
    pub checklist: String,
    /// Its hash.
    pub checklist_hash: Hash,
    /// What was judged, by view.
    pub facts: BTreeMap<View, Basis>,
    /// The signer's earlier reports; `None` in one that is not to be signed.
    pub chain: Option<Chain>,
    /// How many results of each status.
    pub counts: BTreeMap<Status, usize>,
    /// Grades of our own.
    pub grade: Grading,
    /// The side score.
    pub score: Score,
    /// What on record cannot all be right.
    pub contradictions: Vec<Contradicted>,
    /// Every item from every view.
    pub results: Vec<Said>,
}

/// A contradiction, said in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contradicted {
    /// The item.
    pub id: String,
    /// Which, as a code.
    pub code: String,
    /// In English.
    pub text: String,
    /// In Japanese.
    pub text_ja: String,
}

/// What facts a report rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// When they were collected.
    pub at: Timestamp,
    /// Of what.
    pub origin: Origin,
    /// Whether they were handed in as a file, which nobody signed.
    pub replayed: bool,
    /// Whether they were collected as root.
    pub root: bool,
}

/// The earlier reports of one signer, by the hashes of their bytes, the oldest first. Whoever took one home can demand that a
/// later one names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(pub Vec<Hash>);

/// One result, said in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The item.
    pub id: String,
    /// What came of it.
    pub status: Status,
    /// From where.
    pub view: View,
    /// Its title.
    pub title: BothTexts,
    /// Why, as a code.
    pub reason_code: String,
    /// Why, in English.
    pub reason: String,
    /// Why, in Japanese.
    pub reason_ja: String,
    /// By what.
    pub evidence: Vec<Evidence>,
    /// What to do, in English; empty if nothing.
    pub fix: String,
    /// What to do, in Japanese.
    pub fix_ja: String,
}

impl Said {
    /// An answer with its reason's words.
    #[must_use]
    pub fn of(checklist: &Checklist, answer: &Answer, reason: BothTexts) -> Self {
        let item = checklist.item(&answer.id);
        let text = |texts: Option<&BothTexts>| {
            texts.cloned().unwrap_or_else(|| BothTexts { ja: String::new(), en: String::new() })
        };
        let fix = match answer.status {
            Status::Pass | Status::Attested | Status::NotApplicable => text(None),
            Status::AttestDue => text(item.and_then(|item| item.attestation.as_ref())),
            Status::Fail | Status::Error | Status::Unknown | Status::Waived => {
                text(item.map(|item| &item.remedy))
            }
        };
        Self {
            id: answer.id.clone(),
            status: answer.status,
            view: answer.view,
            title: text(item.map(|item| &item.title)),
            reason_code: answer.reason.why.as_str().to_owned(),
            reason: reason.en,
            reason_ja: reason.ja,
            evidence: answer.evidence.clone(),
            fix: fix.en,
            fix_ja: fix.ja,
        }
    }
}

impl Report {
    /// The bytes that are signed and written: JSON that people can read, too.
    ///
    /// # Errors
    /// If it cannot be written as JSON: our bug.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// A report's bytes, read strictly; `None` for any other document.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let report: Self = serde_json::from_slice(bytes).ok()?;
        (report.schema == REPORT_SCHEMA).then_some(report)
    }

    /// Whether it is, or names as an earlier one, the report of that hash. `own` is the hash of its own bytes.
    #[must_use]
    pub fn extends(&self, own: Hash, head: Hash) -> bool {
        own == head || self.chain.as_ref().is_some_and(|chain| chain.0.contains(&head))
    }
}

/// Checks a report against its armoured signature and the signer's key.
///
/// # Errors
/// [`Refused`] for anything but what the holder of `key` signed as a report, read strictly only after that.
pub fn verify(bytes: &[u8], armoured: &[u8], key: &VerifyKey) -> Result<Report, Refused> {
    if signed::signer(bytes, armoured, NAMESPACE)? != *key {
        return Err(Refused::Signer);
    }
    Report::read(bytes).ok_or(Refused::Content)
}

#[cfg(test)]
mod tests {
    use hanare_ledger::sshsig;
    use hanare_model::SigningKey;

    use super::*;
    use crate::grade::Grade;

    fn report() -> Report {
        Report {
            schema: REPORT_SCHEMA.to_owned(),
            notice: BothTexts { ja: "自己点検".to_owned(), en: "a self-assessment".to_owned() },
            office: Some("kofu".to_owned()),
            names: Vec::new(),
            at: Timestamp::from_seconds(1_800_000_000),
            tool: "hanare".to_owned(),
            checklist: "satellite-office".to_owned(),
            checklist_hash: Hash::GENESIS,
            facts: BTreeMap::new(),
            chain: Some(Chain::default()),
            counts: BTreeMap::from([(Status::AttestDue, 1)]),
            grade: Grading {
                with_waivers: Grade::None,
                without_waivers: Grade::None,
                next: Grade::Basic,
                blockers: Vec::new(),
            },
            score: Score { points: -1, most: 4 },
            contradictions: Vec::new(),
            results: Vec::new(),
        }
    }

    #[test]
    fn every_single_changed_byte_is_refused() {
        let key = SigningKey::from_seed([7; 32]);
        let bytes = report().bytes().unwrap();
        let signature = sshsig::sign(&sshsig::Digest::of(&bytes), NAMESPACE, &key);
        let check = |bytes: &[u8], signature: &[u8]| verify(bytes, signature, &key.verify_key());
        assert_eq!(check(&bytes, signature.as_bytes()), Ok(report()));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(check(&changed, signature.as_bytes()), Err(Refused::Changed), "byte {index}");
        }
        for index in 0..signature.len() {
            let mut changed = signature.clone().into_bytes();
            changed[index] ^= 1;
            assert!(check(&bytes, &changed).is_err(), "byte {index} of the signature");
        }
        assert!(check(&[bytes.as_slice(), b" "].concat(), signature.as_bytes()).is_err());
        let other = SigningKey::from_seed([8; 32]).verify_key();
        assert_eq!(verify(&bytes, signature.as_bytes(), &other), Err(Refused::Signer));
        let foreign = b"{}\n";
        let signature = sshsig::sign(&sshsig::Digest::of(foreign), NAMESPACE, &key);
        assert_eq!(check(foreign, signature.as_bytes()), Err(Refused::Content));
    }

    #[test]
    fn a_report_extends_itself_and_the_earlier_ones_that_it_names() {
        let (own, earlier, other) = (Hash::of(b"own"), Hash::of(b"earlier"), Hash::of(b"other"));
        let report = Report { chain: Some(Chain(vec![earlier])), ..report() };
        assert!(report.extends(own, own) && report.extends(own, earlier) && !report.extends(own, other));
        assert!(!Report { chain: None, ..report }.extends(own, earlier));
    }
}
