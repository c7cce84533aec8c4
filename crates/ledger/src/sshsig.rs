//! SSHSIG signatures with Ed25519 keys, as `ssh-keygen -Y verify` reads them (OpenSSH, `PROTOCOL.sshsig`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::key::KEY_LEN;
use hanare_model::{SigningKey, VerifyKey};
use ring::digest;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
pub(crate) const ALGORITHM: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
/// Base64 characters in a line of the armour, as OpenSSH wraps them.
const WRAP: usize = 70;
/// Far above the 300 bytes of an Ed25519 signature's armour: nothing longer is looked at.
const MAX_ARMOUR: usize = 4096;

/// What a signature is for: part of the signed bytes, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace(&'static str);

impl Namespace {
    /// Names a purpose, such as `hanare-ledger`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, for `ssh-keygen -n`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// SHA-512 of the signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 64]);

impl Digest {
    /// Hashes a message that is at hand as a whole.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self::copy(&digest::digest(&digest::SHA512, message))
    }

    fn copy(digest: &digest::Digest) -> Self {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

/// From a context of [`ring::digest::SHA512`] that was fed piece by piece.
impl From<digest::Context> for Digest {
    fn from(context: digest::Context) -> Self {
        Self::copy(&context.finish())
    }
}

/// Why a text is not a good signature or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SshsigError {
    /// Not an armoured Ed25519 SSHSIG with SHA-512, or not exactly as OpenSSH writes one.
    #[error("not an SSH signature made with an Ed25519 key and SHA-512")]
    Form,
    /// Made for another purpose.
    #[error("the signature was made for another purpose")]
    Namespace,
    /// The message was changed, or the key is not the signer's.
    #[error("the signature does not match")]
    Signature,
    /// Not an OpenSSH Ed25519 public key.
    #[error("not an OpenSSH Ed25519 public key: expected `ssh-ed25519 AAAA…`")]
    Key,
}

/// Signs the message behind `digest`: the armoured text, as `ssh-keygen -Y sign` writes it.
#[must_use]
pub fn sign(digest: &Digest, namespace: Namespace, key: &SigningKey) -> String {
    let signature = key.sign(&signed_bytes(digest, namespace.0.as_bytes()));
    armour(&blob(&key.verify_key(), namespace.0.as_bytes(), &signature))
}

/// Checks an armoured signature and says whose it is. The caller decides whether that key is to be trusted.
///
/// # Errors
/// [`SshsigError`]; any change of a single byte in `armoured` is one.
pub fn verify(armoured: &str, digest: &Digest, namespace: Namespace) -> Result<VerifyKey, SshsigError> {
    let bytes = dearmour(armoured).ok_or(SshsigError::Form)?;
    let (key, purpose, signature) = parse(&bytes).ok_or(SshsigError::Form)?;
    if purpose != namespace.0.as_bytes() {
        return Err(SshsigError::Namespace);
    }
    // Base64 and length fields leave room for other spellings of the same signature; only one is ours.
    if armour(&blob(&key, purpose, signature)) != armoured {
        return Err(SshsigError::Form);
    }
    key.verify(&signed_bytes(digest, purpose), signature).map_err(|_| SshsigError::Signature)?;
    Ok(key)
}

/// The key as one line of an OpenSSH public key file, without the newline.
#[must_use]
pub fn openssh_key(key: &VerifyKey, comment: &str) -> String {
    let encoded = STANDARD.encode(key_blob(key));
    let line = format!("ssh-ed25519 {encoded} {comment}");
    line.trim_end().to_owned()
}

/// The key as one line of an `allowed_signers` file for `ssh-keygen -Y verify -f`, without the newline.
#[must_use]
pub fn allowed_signer(key: &VerifyKey, principal: &str) -> String {
    format!("{principal} {}", openssh_key(key, ""))
}

/// Reads a public key: `ssh-ed25519 AAAA… comment`, or that with a principal in front (`allowed_signers`).
///
/// # Errors
/// [`SshsigError::Key`] for anything else.
pub fn parse_openssh_key(text: &str) -> Result<VerifyKey, SshsigError> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else { return Err(SshsigError::Key) };
    let mut words = line.split_whitespace().skip_while(|word| word.as_bytes() != ALGORITHM);
    let _algorithm = words.next();
    let encoded = words.next().ok_or(SshsigError::Key)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| SshsigError::Key)?;
    parse_key(&bytes).ok_or(SshsigError::Key)
}

/// What Ed25519 signs: everything but the message itself, which is there as its hash.
fn signed_bytes(digest: &Digest, namespace: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for part in [namespace, b"", HASH, &digest.0] {
        put(&mut out, part);
    }
    out
}

fn blob(key: &VerifyKey, namespace: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    put(&mut inner, ALGORITHM);
    put(&mut inner, signature);
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_be_bytes());
    for part in [key_blob(key).as_slice(), namespace, b"", HASH, &inner] {
        put(&mut out, part);
    }
    out
}

fn key_blob(key: &VerifyKey) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, ALGORITHM);
    put(&mut out, key.as_bytes());
    out
}

fn parse(bytes: &[u8]) -> Option<(VerifyKey, &[u8], &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&VERSION.to_be_bytes())?;
    let (key, rest) = take(rest)?;
    let (namespace, rest) = take(rest)?;
    let (_reserved, rest) = take(rest)?;
    let (hash, rest) = take(rest)?;
    let (inner, rest) = take(rest)?;
    let (algorithm, inner) = take(inner)?;
    let (signature, inner) = take(inner)?;
    let good = hash == HASH && algorithm == ALGORITHM && rest.is_empty() && inner.is_empty();
    good.then_some((parse_key(key)?, namespace, signature))
}

fn parse_key(bytes: &[u8]) -> Option<VerifyKey> {
    let (algorithm, rest) = take(bytes)?;
    let (key, rest) = take(rest)?;
    let key: [u8; KEY_LEN] = key.try_into().ok()?;
    (algorithm == ALGORITHM && rest.is_empty()).then(|| VerifyKey::from_bytes(key))
}

/// SSH's `string`: a 32-bit length and the bytes (RFC 4251, 5).
fn put(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

pub(crate) fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn armour(bytes: &[u8]) -> String {
    let mut out = BEGIN.to_owned();
    for (index, character) in STANDARD.encode(bytes).chars().enumerate() {
        if index > 0 && index % WRAP == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push('\n');
    out.push_str(END);
    out
}

fn dearmour(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_ARMOUR {
        return None;
    }
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    STANDARD.decode(body.replace('\n', "")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Namespace = Namespace::new("test");

    #[test]
    fn a_signature_holds_for_its_message_purpose_and_spelling_only() {
        let key = SigningKey::from_seed([5; 32]);
        let armoured = sign(&Digest::of(b"kofu"), PURPOSE, &key);
        assert_eq!(verify(&armoured, &Digest::of(b"kofu"), PURPOSE), Ok(key.verify_key()));
        assert_eq!(verify(&armoured, &Digest::of(b"kofU"), PURPOSE), Err(SshsigError::Signature));
        let other = Namespace::new("other");
        assert_eq!(verify(&armoured, &Digest::of(b"kofu"), other), Err(SshsigError::Namespace));
        for index in 0..armoured.len() {
            let mut bytes = armoured.clone().into_bytes();
            bytes[index] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(verify(&changed, &Digest::of(b"kofu"), PURPOSE).is_err(), "byte {index}");
            }
        }
    }

    #[test]
    fn a_public_key_reads_back_in_every_form_of_openssh() {
        let key = SigningKey::from_seed([6; 32]).verify_key();
        assert_eq!(parse_openssh_key(&openssh_key(&key, "hq@example")), Ok(key));
        assert_eq!(parse_openssh_key(&format!("# ours\n{}\n", allowed_signer(&key, "hq"))), Ok(key));
        assert_eq!(parse_openssh_key("ssh-rsa AAAA"), Err(SshsigError::Key));
        assert_eq!(parse_openssh_key(""), Err(SshsigError::Key));
    }
}
