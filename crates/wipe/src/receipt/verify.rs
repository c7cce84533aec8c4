//! One receipt and its signature, offline: anything but exactly what was signed is refused.

use hanare_ledger::sshsig::{self, SshsigError};
use hanare_model::VerifyKey;
use serde::Serialize;

use super::document::Receipt;

pub use hanare_ledger::receipt::{MAX_LEN, NAMESPACE};

/// Why something is not a receipt of that machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// There is no signature beside it.
    #[error("there is no signature beside it")]
    Unsigned,
    /// The signature is none, or none for receipts.
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

/// Checks a receipt against its armoured signature and the machine's key.
///
/// # Errors
/// [`Refused`] for anything but what the holder of `key` signed as a receipt.
pub fn verify(bytes: &[u8], armoured: &[u8], key: &VerifyKey) -> Result<Receipt, Refused> {
    let (receipt, signer) = open(bytes, armoured)?;
    if signer == *key { Ok(receipt) } else { Err(Refused::Signer) }
}

/// Checks a receipt against the key that its own signature names: whoever forged it named that key, so this alone never
/// makes it a good one.
///
/// # Errors
/// [`Refused`], as [`verify`].
pub fn open(bytes: &[u8], armoured: &[u8]) -> Result<(Receipt, VerifyKey), Refused> {
    let armoured = std::str::from_utf8(armoured).map_err(|_| Refused::Form)?;
    let signer = sshsig::verify(armoured, &sshsig::Digest::of(bytes), NAMESPACE).map_err(refused)?;
    let receipt = Receipt::read(bytes, &signer).ok_or(Refused::Content)?;
    Ok((receipt, signer))
}

const fn refused(error: SshsigError) -> Refused {
    match error {
        SshsigError::Form | SshsigError::Namespace | SshsigError::Key => Refused::Form,
        SshsigError::Signature => Refused::Changed,
    }
}
