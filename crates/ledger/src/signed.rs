//! A document in a file and its signature beside it: anything but exactly what was signed is refused.

use std::path::{Path, PathBuf};

use hanare_model::VerifyKey;
use serde::Serialize;

use crate::sshsig::{self, Namespace, SshsigError};

/// Why something is not the document that a key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// There is no signature beside it.
    #[error("there is no signature beside it")]
    Unsigned,
    /// The signature is none, or none for such documents.
    #[error("the signature is not one for such documents")]
    Form,
    /// The bytes are not those that were signed.
    #[error("it was changed after it was signed")]
    Changed,
    /// Another key signed it.
    #[error("another key signed it")]
    Signer,
    /// Signed, but no document that this program knows.
    #[error("it is not a document that this program knows")]
    Content,
}

/// Checks a document's bytes against the key that its own signature names: whoever forged it named that key, so this alone
/// never makes it a good one.
///
/// # Errors
/// [`Refused`] for anything but what that key signed for `namespace`.
pub fn signer(bytes: &[u8], armoured: &[u8], namespace: Namespace) -> Result<VerifyKey, Refused> {
    let armoured = std::str::from_utf8(armoured).map_err(|_| Refused::Form)?;
    sshsig::verify(armoured, &sshsig::Digest::of(bytes), namespace).map_err(|error| match error {
        SshsigError::Form | SshsigError::Namespace | SshsigError::Key => Refused::Form,
        SshsigError::Signature => Refused::Changed,
    })
}

/// The signature's file beside a document, as `ssh-keygen -Y sign` would name it.
#[must_use]
pub fn signature_path(document: &Path) -> PathBuf {
    let mut name = document.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}
