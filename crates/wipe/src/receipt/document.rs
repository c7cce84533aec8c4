//! The document that is signed: what happened, on what, by what, and its place in the machine's chain.

use hanare_ledger::receipt::SCHEMA;
use hanare_ledger::{Hash, Head, sshsig};
use hanare_model::{Timestamp, VerifyKey};
use serde::{Deserialize, Serialize};

use super::ending::{Cause, Ending, Medium, PolicyRef};
use super::{ReceiptError, WipeId};
use crate::boot::BootId;
use crate::outcome::{Method, Outcome};
use crate::volume_kind::VolumeKind;

/// The signed record of one wipe. Holds no name of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    schema: String,
    /// Which wipe.
    pub id: WipeId,
    /// Number in the machine's chain, from 1.
    pub counter: u64,
    /// Hash of the bytes of the receipt before; [`Hash::GENESIS`] for the first.
    pub previous: Hash,
    /// In what state the chain was found when this receipt was added.
    pub chain: ChainState,
    /// Which machine.
    pub machine: Machine,
    /// The boot that it is about.
    pub boot_id: BootId,
    /// What the wipe was for.
    pub cause: Cause,
    /// How often it was interrupted and taken up again.
    pub interruptions: u32,
    /// When it began, by the machine's clock.
    pub started: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The work volume's kind, if there was one.
    pub volume_kind: Option<VolumeKind>,
    /// The policy that was followed, if there was one.
    pub policy: Option<PolicyRef>,
    /// What a certificate of sanitization says (fields after NIST SP 800-88).
    pub certificate: Certificate,
}

/// Whether what was there before is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainState {
    /// Nothing was missing.
    Intact,
    /// Receipts or the remembered head were missing or changed: a wipe is recorded all the same.
    Damaged,
}

/// Which machine a receipt is from: its key decides, the name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The host name, as the kernel has it.
    pub name: String,
    /// Its public key, as OpenSSH writes it.
    pub key: String,
}

/// Fields of a certificate of sanitization that are not elsewhere in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// How the data became unreadable. Never Purge.
    pub method: Method,
    /// By what means that was verified; empty if it was not.
    pub verification: Vec<Verification>,
    /// The tool.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// What the data lay on, as far as it is known.
    pub media: Vec<Medium>,
}

/// A means of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The kernel's own status shows no key any more.
    KeyStatus,
    /// All blocks that the data was seen in were read again.
    Reread,
    /// Some of them were.
    RereadSampled,
}

impl Receipt {
    /// Makes the document that follows `head`.
    pub(super) fn after(head: Head, chain: ChainState, ending: &Ending, machine: &Machine) -> Self {
        let Ending { id, started, at, boot_id, cause, interruptions, outcome, volume, policy, media } =
            ending.clone();
        let certificate = Certificate {
            method: outcome.method,
            verification: verification(&outcome),
            tool: "hanare".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            media,
        };
        Self {
            schema: SCHEMA.to_owned(),
            id,
            counter: head.seq.saturating_add(1),
            previous: head.hash,
            chain,
            machine: machine.clone(),
            boot_id,
            cause,
            interruptions,
            started,
            at,
            outcome,
            volume_kind: volume,
            policy,
            certificate,
        }
    }

    /// The bytes that are signed and written: JSON for people to read, too.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, ReceiptError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ReceiptError::Document)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a document whose signature holds. `None` if it is none of ours, or names another key than its signer's.
    pub(super) fn read(bytes: &[u8], signer: &VerifyKey) -> Option<Self> {
        let receipt: Self = serde_json::from_slice(bytes).ok()?;
        let own = sshsig::parse_openssh_key(&receipt.machine.key).ok()? == *signer;
        (receipt.schema == SCHEMA && receipt.counter > 0 && own).then_some(receipt)
    }

    /// The name of its file: its number, so that a folder sorts by age, and its wipe.
    pub(super) fn file_name(&self) -> String {
        format!("{:08}-{}.json", self.counter, self.id)
    }
}

fn verification(outcome: &Outcome) -> Vec<Verification> {
    let key = outcome.volume.is_some_and(|end| end.key_destroyed).then_some(Verification::KeyStatus);
    let means = if outcome.verified.sampled { Verification::RereadSampled } else { Verification::Reread };
    let reread = (outcome.verified.reread_bytes > 0).then_some(means);
    key.into_iter().chain(reread).collect()
}
