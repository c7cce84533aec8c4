//! The name of one wipe: drawn when it begins, kept through interruptions, so that it ends in one receipt.

use std::fmt;
use std::io;
use std::str::FromStr;

use ring::rand::SystemRandom;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One wipe: 16 random bytes, 32 lower-case hexadecimal digits in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WipeId([u8; 16]);

/// A text that names no wipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a wipe's id is 32 lower-case hexadecimal digits")]
pub struct NotAWipeId;

impl WipeId {
    /// Draws a new one.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> io::Result<Self> {
        ring::rand::generate(&SystemRandom::new())
            .map(|bytes| Self(bytes.expose()))
            .map_err(|_| io::Error::other("the system gave no random bytes"))
    }

    /// Takes 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for WipeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for WipeId {
    type Err = NotAWipeId;
    fn from_str(text: &str) -> Result<Self, NotAWipeId> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAWipeId)?;
        let id = Self(bytes);
        if id.to_string() == text { Ok(id) } else { Err(NotAWipeId) }
    }
}

impl Serialize for WipeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WipeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
