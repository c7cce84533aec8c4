//! What headquarters knows of an endpoint's wipes: receipts that came, that are owed, and that never came.

use hanare_ledger::Hash;
use hanare_ledger::receipt::Verdict;
use hanare_model::report::{SignedReceipt, VolumeTold};
use hanare_model::{Timestamp, VerifyKey};
use serde::{Deserialize, Serialize};

/// How it stands in one word, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WipeStanding {
    /// Receipts were forged or changed, contradict what is held, or are missing in the chain.
    Contradicted,
    /// Work was opened, the machine has booted since, and no receipt says what became of it.
    Missing,
    /// Work was opened and no receipt has come yet.
    Unknown,
    /// Work is open.
    Open,
    /// The last receipt says that something is still there.
    Fail,
    /// The last receipt says that something was left out, or could not be verified.
    Partial,
    /// The last receipt says that nothing is left.
    Pass,
    /// No work was opened there, and no receipt came.
    None,
}

/// What is known of a node's wipes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeWipes {
    /// In one word.
    pub standing: WipeStanding,
    /// The last receipt that came.
    pub last: Option<ReceiptCame>,
    /// Number of the last receipt in its chain here.
    pub head: u64,
    /// What came in all.
    pub counts: ReceiptCounts,
    /// Openings that have ended, or may have, and of which no receipt has come.
    pub unknown: Vec<ReceiptDue>,
    /// Openings for which none will come any more; until acknowledged.
    pub missing: Vec<ReceiptDue>,
    /// What the machine told last.
    pub told: Option<NodeTold>,
}

/// Endpoints by how their wipes stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeCounts {
    /// With work open.
    pub open: u64,
    /// Whose last work ended, or may have, without a receipt so far.
    pub unknown: u64,
    /// With an alarm: a receipt that never came, was forged, or contradicts what is held.
    pub alarms: u64,
}

/// A page of receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPage {
    /// The key that signed them.
    pub signing_key: Option<VerifyKey>,
    /// Oldest first; of one number there may be several, of which only one belongs to the chain.
    pub receipts: Vec<ReceiptHeld>,
    /// Where the next page begins, if there is one.
    pub next: Option<ReceiptPlace>,
}

/// A receipt, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptHeld {
    /// Which one.
    pub place: ReceiptPlace,
    /// When headquarters got it.
    pub received_at: Timestamp,
    /// The document and its signature.
    pub signed: SignedReceipt,
}

/// Which receipt of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReceiptPlace {
    /// Its number in the machine's chain.
    pub counter: u64,
    /// Hash of its bytes.
    pub hash: Hash,
}

/// What an admin acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Openings without a receipt.
    pub missing: u64,
    /// Receipts that were refused.
    pub refused: u64,
    /// Places where the chain does not hold.
    pub gaps: u64,
    /// Of a node that is gone: openings that nobody will know the end of.
    pub unknown: u64,
}

/// The last receipt that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptCame {
    /// When the wipe ended, by the machine's clock.
    pub at: Timestamp,
    /// When headquarters got it.
    pub received_at: Timestamp,
    /// The boot that it is about.
    pub boot_id: String,
    /// What the wipe was for.
    pub cause: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The work volume's kind, if there was one.
    pub volume_kind: Option<String>,
    /// Items sealed and waiting.
    pub sealed: u64,
    /// Versions that neither headquarters nor the reserve holds.
    pub lost: u64,
    /// Whether it came in a later boot than it is about.
    pub late: bool,
    /// Hash of its bytes.
    pub hash: Hash,
}

/// What came in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptCounts {
    /// With this verdict.
    pub pass: u64,
    /// With this verdict.
    pub partial: u64,
    /// With this verdict.
    pub fail: u64,
    /// Came in a later boot than they are about.
    pub late: u64,
    /// Sent again; each counts once.
    pub replayed: u64,
    /// Versions that were lost, by all receipts together.
    pub lost: u64,
    /// Forged or changed, or against what is held; until acknowledged.
    pub refused: u64,
    /// Places where receipts are missing in the chain, or it was put back; until acknowledged.
    pub gaps: u64,
}

/// An opening that owes a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptDue {
    /// When work was opened.
    pub since: Timestamp,
    /// SHA-256 of the session, hexadecimal.
    pub session: String,
    /// The boot it was opened in, once the machine has told.
    pub boot_id: Option<String>,
    /// Its receipt has a higher number.
    pub after: u64,
}

/// What the machine told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTold {
    /// When headquarters heard it.
    pub at: Timestamp,
    /// The boot that it runs in.
    pub boot_id: String,
    /// Number of the last receipt in its own chain.
    pub head: u64,
    /// Whether its own look at that chain finds nothing wrong.
    pub whole: bool,
    /// Items sealed and waiting; `None` if it does not know.
    pub sealed: Option<u64>,
    /// Its work volume, if it has one.
    pub volume: Option<VolumeTold>,
}
