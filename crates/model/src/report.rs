//! What an endpoint tells headquarters about its wipes, with the node's own key: receipts as they were signed, and how it stands.

use serde::{Deserialize, Serialize};

/// The longest report: one receipt of the largest size, every other byte of it escaped.
pub const MAX_REPORT: usize = 640 * 1024;
/// The most receipts in one report.
pub const MAX_RECEIPTS: usize = 16;

/// `POST /v1/report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeReport {
    /// The boot that the node runs in, as its kernel writes it.
    pub boot_id: String,
    /// SHA-256 of the session that is open there, hexadecimal.
    pub session: Option<String>,
    /// Number of the last receipt in the node's own chain; 0 for none.
    pub head: u64,
    /// Whether the node's own look at its chain finds nothing wrong.
    pub whole: bool,
    /// Items sealed and waiting there; `None` if nobody knows.
    pub sealed: Option<u64>,
    /// The work volume, if there is one.
    pub volume: Option<VolumeTold>,
    /// Receipts that headquarters does not hold yet, oldest first; at most [`MAX_RECEIPTS`].
    pub receipts: Vec<SignedReceipt>,
}

/// How a work volume is, in the node's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeTold {
    /// `dm-crypt`, `ram` or `fscrypt`.
    pub kind: String,
    /// Whether it is open.
    pub open: bool,
    /// What becomes of memory: `none`, `zram`, `encrypted` or `plain`.
    pub swap: String,
}

/// A receipt and its signature, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The document.
    pub document: String,
    /// Its armoured SSHSIG signature.
    pub signature: String,
}

/// What headquarters holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTaken {
    /// Number of the last receipt: those after it are wanted.
    pub head: u64,
}
