//! Keys as types: `WireGuard` keys (X25519), preshared keys and signing keys (Ed25519); secrets wipe and redact themselves.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of every key here, in bytes.
pub const KEY_LEN: usize = 32;

/// Why bytes or a text are not a key, or a signature does not hold. Never carries the text itself: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64 (or hex) of [`KEY_LEN`] bytes.
    #[error("a key is 32 bytes in base64, 44 characters")]
    Encoding,
    /// The all-zero public key or shared secret.
    #[error("the key contributes nothing to the exchange")]
    Weak,
    /// The signature does not belong to these bytes and this key.
    #[error("the signature does not match")]
    Signature,
}

fn decode(text: &str) -> Result<[u8; KEY_LEN], KeyError> {
    let mut buffer = Zeroizing::new([0u8; KEY_LEN + 1]);
    let length = STANDARD.decode_slice(text, &mut buffer[..]).map_err(|_| KeyError::Encoding)?;
    buffer.get(..length).and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Encoding)
}

fn decode_hex(text: &str) -> Result<[u8; KEY_LEN], KeyError> {
    let mut bytes = [0u8; KEY_LEN];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::Encoding)?;
    Ok(bytes)
}

macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; KEY_LEN]);

        impl $name {
            /// Takes raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
                &self.0
            }

            /// Reads 64 hexadecimal digits, as the UAPI writes keys.
            ///
            /// # Errors
            /// [`KeyError::Encoding`] for anything else.
            pub fn from_hex(text: &str) -> Result<Self, KeyError> {
                decode_hex(text).map(Self)
            }

            /// 64 lower-case hexadecimal digits.
            #[must_use]
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl FromStr for $name {
            type Err = KeyError;
            fn from_str(text: &str) -> Result<Self, KeyError> {
                decode(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&STANDARD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

public_key! {
    /// A `WireGuard` (X25519) public key; base64 in text.
    PublicKey
}
public_key! {
    /// The X25519 key that a company's sealed work is encrypted to (an age recipient); base64 in text.
    SealingKey
}
public_key! {
    /// An Ed25519 public key; base64 in text.
    VerifyKey
}

impl VerifyKey {
    /// Checks an Ed25519 signature over `message`.
    ///
    /// # Errors
    /// [`KeyError::Signature`] if it does not hold.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ring::signature::ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| KeyError::Signature)
    }
}

/// A `WireGuard` (X25519) private key. Wiped on drop, redacted in `Debug`, has no `Display` and no serde.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; KEY_LEN]);

impl PrivateKey {
    /// Takes 32 random bytes; X25519 clamps them in use.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] for anything but 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        decode(text).map(Self)
    }

    /// Reads 64 hexadecimal digits, as the UAPI writes keys.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        decode_hex(text).map(Self)
    }

    /// The secret itself, for `WireGuard` and for the 0600 file it is kept in.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The secret in base64, for a key file or a wg-quick file that is shown once.
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        PublicKey(x25519_dalek::PublicKey::from(&secret).to_bytes())
    }

    /// The X25519 shared secret with `peer`: 32 bytes, to be fed to a KDF and never used as they are.
    ///
    /// # Errors
    /// [`KeyError::Weak`] if `peer` is a point of low order.
    pub fn diffie_hellman(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(peer.0));
        if shared.was_contributory() { Ok(Zeroizing::new(shared.to_bytes())) } else { Err(KeyError::Weak) }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A preshared key of one peering. Wiped on drop, redacted in `Debug`, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; KEY_LEN]);

impl PresharedKey {
    /// Takes 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, as the UAPI writes keys.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        decode_hex(text).map(Self)
    }

    /// The secret itself.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The secret in base64, for a wg-quick file that is shown once.
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }
}

impl PartialEq for PresharedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PresharedKey {}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(…)")
    }
}

/// Travels only inside a lease, over TLS to the node that it is for.
impl Serialize for PresharedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose_base64())
    }
}

impl<'de> Deserialize<'de> for PresharedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        decode(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 signing key, kept as its 32-byte seed. Wiped on drop, redacted in `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningKey([u8; KEY_LEN]);

impl SigningKey {
    /// Takes the 32 random bytes of an RFC 8032 seed.
    #[must_use]
    pub const fn from_seed(seed: [u8; KEY_LEN]) -> Self {
        Self(seed)
    }

    /// Reads the seed in base64.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] for anything but 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        decode(text).map(Self)
    }

    /// The seed itself, for the 0600 file it is kept in and for the TLS certificate made from it.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The seed in base64, for a key file.
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The public half.
    ///
    /// # Panics
    /// Never: a 32-byte seed is always a key (RFC 8032, 5.1.5).
    #[must_use]
    pub fn verify_key(&self) -> VerifyKey {
        let mut bytes = [0u8; KEY_LEN];
        bytes.copy_from_slice(self.pair().public_key().as_ref());
        VerifyKey(bytes)
    }

    /// Signs `message`: 64 bytes.
    ///
    /// # Panics
    /// Never, for the reason given at [`SigningKey::verify_key`].
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair().sign(message).as_ref().to_vec()
    }

    #[expect(clippy::expect_used, reason = "a seed of the right length is always a key: RFC 8032, 5.1.5")]
    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.0).expect("a 32-byte seed is a key")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_on_the_shared_secret() {
        let (a, b) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]));
        assert_eq!(*a.diffie_hellman(&b.public()).unwrap(), *b.diffie_hellman(&a.public()).unwrap());
        assert_eq!(a.diffie_hellman(&PublicKey::from_bytes([0; 32])).unwrap_err(), KeyError::Weak);
    }

    #[test]
    fn a_secret_never_shows_in_debug() {
        let secret = [0xABu8; 32];
        let shown = format!(
            "{:?} {:?} {:?}",
            PrivateKey::from_bytes(secret),
            PresharedKey::from_bytes(secret),
            SigningKey::from_seed(secret)
        );
        assert_eq!(shown, "PrivateKey(…) PresharedKey(…) SigningKey(…)");
    }

    #[test]
    fn a_signature_holds_for_its_bytes_only() {
        let key = SigningKey::from_seed([7; 32]);
        let signature = key.sign(b"kofu");
        assert_eq!(key.verify_key().verify(b"kofu", &signature), Ok(()));
        assert_eq!(key.verify_key().verify(b"kofU", &signature), Err(KeyError::Signature));
    }

    #[test]
    fn text_and_hex_round_trip() {
        let key = PrivateKey::from_bytes([3; 32]).public();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(PublicKey::from_hex(&key.to_hex()), Ok(key));
        assert!("AAAA".parse::<PublicKey>().is_err());
    }
}
