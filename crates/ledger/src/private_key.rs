//! A person's OpenSSH Ed25519 private key, as `ssh-keygen -t ed25519` writes it (OpenSSH, `PROTOCOL.key`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::SigningKey;
use hanare_model::key::KEY_LEN;
use zeroize::Zeroizing;

use crate::sshsig::{ALGORITHM, take};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";

/// Why a text is not a key that can be used. Never carries the text: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Not an OpenSSH private key, or not one Ed25519 key.
    #[error("not an OpenSSH Ed25519 private key")]
    Form,
    /// It has a passphrase.
    #[error("the key has a passphrase")]
    Locked,
}

/// Reads a private key file's text.
///
/// # Errors
/// [`PrivateKeyError`].
pub fn parse(text: &str) -> Result<SigningKey, PrivateKeyError> {
    let body = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    let body = Zeroizing::new(body.ok_or(PrivateKeyError::Form)?.replace(['\n', '\r'], ""));
    let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| PrivateKeyError::Form)?);
    let (cipher, rest) = bytes.strip_prefix(MAGIC).and_then(take).ok_or(PrivateKeyError::Form)?;
    if cipher != b"none" {
        return Err(PrivateKeyError::Locked);
    }
    seed(rest).map(|seed| SigningKey::from_seed(*seed)).ok_or(PrivateKeyError::Form)
}

/// The seed behind the cipher's name.
fn seed(rest: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let (_kdf, rest) = take(rest)?;
    let (_kdf_options, rest) = take(rest)?;
    let rest = rest.strip_prefix(&1u32.to_be_bytes())?;
    let (_public, rest) = take(rest)?;
    let (secret, _) = take(rest)?;
    let (first, secret) = secret.split_first_chunk::<4>()?;
    let (second, secret) = secret.split_first_chunk::<4>()?;
    let (algorithm, secret) = take(secret)?;
    let (public, secret) = take(secret)?;
    let (pair, _) = take(secret)?;
    let (seed, repeated) = pair.split_first_chunk::<KEY_LEN>()?;
    let seed = Zeroizing::new(*seed);
    let own = SigningKey::from_seed(*seed).verify_key();
    let whole = first == second && algorithm == ALGORITHM && public == repeated && own.as_bytes() == public;
    whole.then_some(seed)
}
