//! Receipts of wipes as they come in: each machine's own chain, what is owed for an opening, and what never came.
//!
//! Every opening owes a receipt. Until it comes the end of that work is *unknown*; when the machine reports from a later boot
//! and sends none for it, it is *missing*, which is an alarm until an admin acknowledges it. A receipt that comes in a later
//! boot than it is about is *late*; one that is held already is a replay, and counts once; one that another key signed, that
//! was changed, or that contradicts what is held, is refused on the record.

use hanare_ledger::receipt::{Extract, NotAReceipt, Verdict, extract};
use hanare_ledger::{Hash, Head};
use hanare_model::report::{NodeReport, ReportTaken, SignedReceipt};
use hanare_model::{PersonId, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::overtime::Had;
use super::rows::{NodeRow, SessionRow};
use super::tenants::{missing, text};
use super::{Change, Context, Decision, Outcome, Registry};
use crate::admin::{
    Acknowledged, Field, NodeAcknowledge, NodeTold, Noun, Problem, ReceiptCame, ReceiptCounts, ReceiptDue,
};

/// How many are kept of one machine: a receipt a day for decades. A machine that sends more is no honest one.
const MOST: usize = 10_000;
/// And how long each may be: an honest one has a few KiB, and a machine must not fill this disk.
const LONGEST: usize = 32 * 1024;
/// A report that says nothing new is written down this often.
pub(super) const NEWS_SECONDS: i64 = 600;
/// Openings that one machine owes receipts for, at most; older ones count as missing.
const MOST_DUE: usize = 64;
/// Openings of the past that are remembered of one machine: two a day for half a year.
const MOST_OPENED: usize = 400;

/// What is known of one machine's wipes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WipesRow {
    pub node: PublicKey,
    /// Where its chain ends here.
    pub head: Head,
    pub last: Option<ReceiptCame>,
    pub counts: ReceiptCounts,
    /// Openings whose receipt has not come.
    pub due: Vec<ReceiptDue>,
    /// Those for which none will come any more; until acknowledged.
    pub missing: Vec<ReceiptDue>,
    pub told: Option<NodeTold>,
    /// Who had work open there, by which session: what was sealed in one may come much later.
    #[serde(default)]
    pub opened: Vec<OpenedBefore>,
    /// Overtime that people had there lately.
    #[serde(default)]
    pub overtime: Vec<Had>,
}

/// An opening of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenedBefore {
    pub person: PersonId,
    /// SHA-256 of its token.
    pub session: String,
}

/// A receipt, byte for byte, for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceiptRow {
    pub node: PublicKey,
    pub counter: u64,
    pub hash: Hash,
    pub received_at: Timestamp,
    pub signed: SignedReceipt,
}

impl WipesRow {
    fn new(node: PublicKey) -> Self {
        let (last, told) = (None, None);
        let (due, missing, opened, overtime) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (head, counts) = (Head::GENESIS, ReceiptCounts::default());
        Self { node, head, last, counts, due, missing, told, opened, overtime }
    }

    /// Whether something is against what is held, or was forged.
    pub(crate) const fn is_contradicted(&self) -> bool {
        self.counts.refused > 0 || self.counts.gaps > 0
    }
}

/// What is known of a machine, as a row to change.
pub(super) fn row(registry: &Registry, node: &PublicKey) -> WipesRow {
    registry.wipes.get(node).cloned().unwrap_or_else(|| WipesRow::new(*node))
}

/// What an opening owes.
pub(super) fn expect(registry: &Registry, session: &SessionRow) -> Change {
    let mut row = row(registry, &session.node);
    let person = session.person.clone();
    let (since, session) = (session.opened_at, hex::encode(session.fingerprint));
    row.opened.push(OpenedBefore { person, session: session.clone() });
    let too_many = row.opened.len().saturating_sub(MOST_OPENED);
    row.opened.drain(..too_many);
    row.due.push(ReceiptDue { since, session, boot_id: None, after: row.head.seq });
    while row.due.len() > MOST_DUE {
        let oldest = row.due.remove(0);
        row.missing.push(oldest);
    }
    row.missing.truncate(MOST_DUE);
    Change::Wipes(Box::new(row))
}

/// Takes a report in.
pub(super) fn report(
    registry: &Registry,
    context: &Context,
    node: &PublicKey,
    report: &NodeReport,
) -> Result<Decision, Problem> {
    let unknown = || missing(Noun::Node, &"");
    let node = registry.nodes.get(node).ok_or_else(unknown)?;
    let Some(key) = &node.signing_key else { return Err(missing(Noun::Node, &node.name)) };
    let before = row(registry, &node.public_key);
    let mut taking =
        Taking { context, node, row: before.clone(), decision: Decision::nothing(Outcome::Done) };
    for due in &mut taking.row.due {
        if due.boot_id.is_none() && report.session.as_ref() == Some(&due.session) {
            due.boot_id = Some(report.boot_id.clone());
        }
    }
    let mut held = registry.receipts.get(&node.public_key).map(|held| (**held).clone()).unwrap_or_default();
    for signed in &report.receipts {
        let hash = Hash::of(signed.document.as_bytes());
        match extract(signed.document.as_bytes(), &signed.signature, key) {
            Ok(_) if signed.document.len() > LONGEST => taking.refused(hash, Refused::No(NotAReceipt::Form)),
            Err(why) => taking.refused(hash, Refused::No(why)),
            Ok(_) if held.contains(&hash) => taking.row.counts.replayed += 1,
            Ok(_) if held.len() >= MOST => taking.refused(hash, Refused::TooMany),
            Ok(receipt) => {
                held.insert(hash);
                taking.came(&receipt, hash, &report.boot_id, signed);
            }
        }
    }
    taking.told(report);
    let Taking { row, mut decision, .. } = taking;
    let taken = ReportTaken { head: row.head.seq };
    let value = serde_json::to_value(taken).map_err(|error| Problem::Bug { text: error.to_string() })?;
    decision.outcome = Outcome::Answer(value);
    let session = registry.sessions.get(&node.public_key);
    let ended = session.and_then(|session| session.ended).map(|(ended, _)| ended);
    // The first word after the end of somebody's work is news, whatever it says.
    let is_after = before.told.as_ref().zip(ended).is_some_and(|(told, ended)| told.at <= ended);
    if is_after || is_news(&before, &row, context.now) {
        decision = decision.with(Change::Wipes(Box::new(row)));
    }
    Ok(decision)
}

/// Whether a report is worth a write: it says something new, or the last one is a while ago.
fn is_news(before: &WipesRow, after: &WipesRow, now: Timestamp) -> bool {
    let timeless = |row: &WipesRow| {
        let told = row.told.clone().map(|told| NodeTold { at: Timestamp::from_seconds(0), ..told });
        WipesRow { told, ..row.clone() }
    };
    let last = before.told.as_ref().map_or(i64::MIN, |told| told.at.seconds());
    timeless(before) != timeless(after) || now.seconds().saturating_sub(last) >= NEWS_SECONDS
}

/// Why a receipt was not taken.
#[derive(Debug, Clone, Copy)]
enum Refused {
    No(NotAReceipt),
    /// Another one has its number.
    Fork,
    TooMany,
}

impl Refused {
    const fn code(self) -> &'static str {
        match self {
            Self::No(NotAReceipt::Form) => "form",
            Self::No(NotAReceipt::Changed) => "changed",
            Self::No(NotAReceipt::Signer) => "signer",
            Self::No(NotAReceipt::Content) => "content",
            Self::Fork => "fork",
            Self::TooMany => "too-many",
        }
    }
}

struct Taking<'a> {
    context: &'a Context,
    node: &'a NodeRow,
    row: WipesRow,
    decision: Decision,
}

impl Taking<'_> {
    fn record(&mut self, kind: &str, data: serde_json::Value) {
        self.decision.entries.push(self.context.entry(kind, self.node.name.as_str(), data));
    }

    fn refused(&mut self, hash: Hash, why: Refused) {
        self.row.counts.refused += 1;
        self.record("receipt.refused", json!({ "why": why.code(), "hash": hash }));
    }

    fn came(&mut self, receipt: &Extract, hash: Hash, boot_now: &str, signed: &SignedReceipt) {
        // One whose number is taken is kept, as evidence, and counts for nothing.
        let keep = ReceiptRow {
            node: self.node.public_key,
            counter: receipt.counter,
            hash,
            received_at: self.context.now,
            signed: signed.clone(),
        };
        self.decision.changes.push(Change::Receipt(Box::new(keep)));
        if receipt.counter <= self.row.head.seq {
            self.refused(hash, Refused::Fork);
            return;
        }
        let is_next = self.row.head.seq.checked_add(1) == Some(receipt.counter);
        let follows = is_next && receipt.previous == self.row.head.hash;
        let late = receipt.boot_id != boot_now;
        let counts = &mut self.row.counts;
        match receipt.outcome.verdict {
            Verdict::Pass => counts.pass += 1,
            Verdict::Partial => counts.partial += 1,
            Verdict::Fail => counts.fail += 1,
        }
        counts.late += u64::from(late);
        counts.gaps += u64::from(!follows);
        counts.lost = counts.lost.saturating_add(receipt.outcome.lost);
        self.row.head = Head { seq: receipt.counter, hash };
        self.row.last = Some(ReceiptCame {
            at: receipt.at,
            received_at: self.context.now,
            boot_id: receipt.boot_id.clone(),
            cause: receipt.cause.clone(),
            verdict: receipt.outcome.verdict,
            volume_kind: receipt.volume_kind.clone(),
            sealed: receipt.outcome.sealed,
            lost: receipt.outcome.lost,
            late,
            hash,
        });
        // A volume's end is the end of every opening of that boot so far. A wipe of trees alone ends nobody's work.
        let ends = |due: &ReceiptDue| {
            receipt.volume_kind.is_some()
                && due.after < receipt.counter
                && due.boot_id.as_ref() == Some(&receipt.boot_id)
        };
        // An opening whose boot nobody told came before its machine's first report: the next end of work is its own.
        let is_untold = |due: &ReceiptDue| {
            receipt.volume_kind.is_some() && due.boot_id.is_none() && due.after < receipt.counter
        };
        if let Some(untold) = self.row.due.iter().position(is_untold) {
            self.row.due.remove(untold);
        }
        self.row.due.retain(|due| !ends(due));
        let data = json!({
            "counter": receipt.counter, "wipe": receipt.id, "hash": hash, "boot_id": receipt.boot_id,
            "cause": receipt.cause, "verdict": receipt.outcome.verdict, "at": receipt.at,
            "sealed": receipt.outcome.sealed, "lost": receipt.outcome.lost, "late": late, "follows": follows,
        });
        self.record("receipt.came", data);
    }

    /// What the machine says about itself, once its receipts are taken in.
    fn told(&mut self, report: &NodeReport) {
        let was_put_back = report.head < self.row.head.seq;
        let is_known = self.row.told.as_ref().is_some_and(|told| told.head == report.head);
        if was_put_back && !is_known {
            self.row.counts.gaps += 1;
            self.record("receipt.put-back", json!({ "told": report.head, "held": self.row.head.seq }));
        }
        // While more are on their way nothing is missing yet.
        let has_all = report.head <= self.row.head.seq;
        let (mut gone, mut due) = (Vec::new(), Vec::new());
        for mut one in std::mem::take(&mut self.row.due) {
            if has_all && one.boot_id.as_ref().is_some_and(|boot| *boot != report.boot_id) {
                gone.push(one);
                continue;
            }
            // An opening whose boot nobody told and that the machine does not know: it was in this boot at the latest. As long
            // as receipts of earlier ones are on their way, one of them may be its own.
            if has_all {
                one.boot_id.get_or_insert_with(|| report.boot_id.clone());
            }
            due.push(one);
        }
        self.row.due = due;
        for due in gone {
            self.record("receipt.missing", json!({ "boot_id": due.boot_id, "since": due.since }));
            self.row.missing.push(due);
        }
        self.row.missing.truncate(MOST_DUE);
        self.row.told = Some(NodeTold {
            at: self.context.now,
            boot_id: report.boot_id.clone(),
            head: report.head,
            whole: report.whole,
            sealed: report.sealed,
            volume: report.volume.clone(),
        });
    }
}

/// An admin has looked into it.
pub(super) fn acknowledge(
    registry: &Registry,
    context: &Context,
    ask: &NodeAcknowledge,
) -> Result<Decision, Problem> {
    text(Field::Reason, &ask.reason)?;
    let node = registry.node_or_last(&ask.name).ok_or_else(|| missing(Noun::Node, &ask.name))?;
    let mut row = row(registry, &node.public_key);
    let unknown = row.due.len();
    // A machine that is gone for good sends nothing any more: that its end is unknown is all that will be known.
    row.due.retain(|_| node.revoked_at.is_none());
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let acknowledged = Acknowledged {
        missing: count(row.missing.len()),
        refused: row.counts.refused,
        gaps: row.counts.gaps,
        unknown: count(unknown - row.due.len()),
    };
    row.missing.clear();
    (row.counts.refused, row.counts.gaps) = (0, 0);
    let data = json!({ "reason": ask.reason, "acknowledged": acknowledged });
    Ok(Decision::answer(&acknowledged)?
        .recorded(context, "receipt.acknowledged", node.name.as_str(), data)
        .with(Change::Wipes(Box::new(row))))
}
