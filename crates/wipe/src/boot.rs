//! Which boot of the machine something belongs to: the kernel's own random number for it.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the kernel tells it (`random(4)`).
const SOURCE: &str = "/proc/sys/kernel/random/boot_id";

/// A boot: 16 random bytes, in text as the kernel writes them (`8-4-4-4-12` hexadecimal digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId([u8; 16]);

/// A text that names no boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a boot id is 32 hexadecimal digits as 8-4-4-4-12")]
pub struct NotABootId;

impl BootId {
    /// The boot that this process runs in.
    ///
    /// # Errors
    /// What the system says; `InvalidData` if it is not a boot id.
    pub fn current() -> io::Result<Self> {
        let text = std::fs::read_to_string(SOURCE)?;
        text.trim_end().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Takes 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if [4, 6, 8, 10].contains(&index) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for BootId {
    type Err = NotABootId;
    fn from_str(text: &str) -> Result<Self, NotABootId> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text.replace('-', ""), &mut bytes).map_err(|_| NotABootId)?;
        let boot = Self(bytes);
        if boot.to_string() == text { Ok(boot) } else { Err(NotABootId) }
    }
}

impl Serialize for BootId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BootId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_boot_has_one_spelling() {
        let text = std::fs::read_to_string(SOURCE).unwrap();
        assert_eq!(BootId::current().unwrap().to_string(), text.trim_end());
        for wrong in ["", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-AABBCCDDEEFF"] {
            assert_eq!(wrong.parse::<BootId>(), Err(NotABootId), "{wrong}");
        }
    }
}
