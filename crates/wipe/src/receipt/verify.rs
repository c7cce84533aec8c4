//! One receipt and its signature, offline: anything but exactly what was signed is refused.

use hanare_ledger::signed;
pub use hanare_ledger::signed::Refused;
use hanare_model::VerifyKey;

use super::document::Receipt;

pub use hanare_ledger::receipt::{MAX_LEN, NAMESPACE};

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
    let signer = signed::signer(bytes, armoured, NAMESPACE)?;
    let receipt = Receipt::read(bytes, &signer).ok_or(Refused::Content)?;
    Ok((receipt, signer))
}
