//! Receipts of wipes as anybody reads them: the signature's purpose, and what a chain, a register or a report wants to know of
//! one. What else is in them is the eraser's own (`hanare-wipe`).

use hanare_model::{Timestamp, VerifyKey};
use serde::Deserialize;

use crate::record::Hash;
use crate::sshsig::{self, Digest, Namespace, SshsigError};

/// What a receipt's signature is for: `ssh-keygen -Y verify -n hanare-receipt`.
pub const NAMESPACE: Namespace = Namespace::new("hanare-receipt");
/// No receipt is longer; what is, is not read into memory.
pub const MAX_LEN: u64 = 256 * 1024;
/// What the document calls itself. Another number is another reader's.
pub const SCHEMA: &str = "hanare.receipt/1";

/// What a receipt says, as far as others than the eraser go by it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Extract {
    schema: String,
    /// Which wipe.
    pub id: String,
    /// Number in the machine's chain, from 1.
    pub counter: u64,
    /// Hash of the bytes of the receipt before.
    pub previous: Hash,
    machine: Machine,
    /// The boot that it is about.
    pub boot_id: String,
    /// What the wipe was for.
    pub cause: String,
    /// When it ended, by the machine's clock.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The work volume's kind, if there was one.
    pub volume_kind: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Machine {
    key: String,
}

/// What came of a wipe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// `pass`, `partial` or `fail`.
    pub verdict: Verdict,
    /// Versions that neither headquarters nor the reserve holds.
    pub lost: u64,
    /// Items sealed and waiting.
    pub sealed: u64,
}

/// Whether nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was demanded is gone, and that was verified.
    Pass,
    /// Something was left out, or could not be verified.
    Partial,
    /// Something that had to go is still there.
    Fail,
}

/// Why something is not a receipt of that machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotAReceipt {
    /// It is too long, or the signature is none, or none for receipts.
    #[error("the signature is not one for receipts")]
    Form,
    /// The bytes are not those that were signed.
    #[error("it was changed after it was signed")]
    Changed,
    /// Another machine's key signed it.
    #[error("another machine signed it")]
    Signer,
    /// Signed, but no receipt that this program knows.
    #[error("it is not a receipt that this program knows")]
    Content,
}

/// Reads a receipt that the holder of `key` signed.
///
/// # Errors
/// [`NotAReceipt`] for anything else.
pub fn extract(document: &[u8], armoured: &str, key: &VerifyKey) -> Result<Extract, NotAReceipt> {
    if u64::try_from(document.len()).is_ok_and(|len| len > MAX_LEN) {
        return Err(NotAReceipt::Form);
    }
    let signer = sshsig::verify(armoured, &Digest::of(document), NAMESPACE).map_err(|error| match error {
        SshsigError::Form | SshsigError::Namespace | SshsigError::Key => NotAReceipt::Form,
        SshsigError::Signature => NotAReceipt::Changed,
    })?;
    if signer != *key {
        return Err(NotAReceipt::Signer);
    }
    let extract: Extract = serde_json::from_slice(document).map_err(|_| NotAReceipt::Content)?;
    let own = sshsig::parse_openssh_key(&extract.machine.key).ok() == Some(signer);
    if own && extract.schema == SCHEMA && extract.counter > 0 {
        Ok(extract)
    } else {
        Err(NotAReceipt::Content)
    }
}
