//! The parts of an invite that are more than numbers: its id, its secret and the pin.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{InviteError, text};

/// An invite's public name: 8 random bytes, 13 characters of base32 in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteId([u8; 8]);

impl InviteId {
    /// Takes 8 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::base32(&self.0))
    }
}

impl fmt::Debug for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteId({self})")
    }
}

impl FromStr for InviteId {
    type Err = InviteError;
    fn from_str(input: &str) -> Result<Self, InviteError> {
        let bytes = text::unbase32(input)?;
        <[u8; 8]>::try_from(bytes.as_slice()).map(Self).map_err(|_| InviteError::Damaged)
    }
}

/// An invite's one-time secret: 16 random bytes. Wiped on drop, redacted in `Debug`, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct InviteSecret([u8; 16]);

impl InviteSecret {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The secret in base64, for [`crate::api::JoinRequest::secret`].
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// Reads [`crate::api::JoinRequest::secret`].
    ///
    /// # Errors
    /// [`InviteError::Damaged`] for anything but 16 bytes in base64.
    pub fn from_base64(input: &str) -> Result<Self, InviteError> {
        let bytes = Zeroizing::new(STANDARD.decode(input).map_err(|_| InviteError::Damaged)?);
        <[u8; 16]>::try_from(bytes.as_slice()).map(Self).map_err(|_| InviteError::Damaged)
    }

    /// What headquarters keeps instead of the secret: SHA-256 over a context and the secret. 128 random bits need no salt.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let message = Zeroizing::new([b"hanare-invite-secret/1\n".as_slice(), &self.0].concat());
        let mut out = [0; 32];
        out.iter_mut().zip(digest(&SHA256, &message).as_ref()).for_each(|(to, from)| *to = *from);
        out
    }

    /// Whether `fingerprint` was made from this secret.
    #[must_use]
    pub fn matches(&self, fingerprint: &[u8]) -> bool {
        self.fingerprint().as_slice().ct_eq(fingerprint).into()
    }
}

impl PartialEq for InviteSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for InviteSecret {}

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(…)")
    }
}

/// SHA-256 of the DER `SubjectPublicKeyInfo` of headquarters' certificate (RFC 7469's pin); hexadecimal in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// Takes a digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The pin of a DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn of_spki(der: &[u8]) -> Self {
        let mut out = [0; 32];
        out.iter_mut().zip(digest(&SHA256, der).as_ref()).for_each(|(to, from)| *to = *from);
        Self(out)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

impl FromStr for SpkiPin {
    type Err = InviteError;
    fn from_str(input: &str) -> Result<Self, InviteError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(input, &mut bytes).map_err(|_| InviteError::Damaged)?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for SpkiPin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SpkiPin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
