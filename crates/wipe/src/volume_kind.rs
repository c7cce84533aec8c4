//! The kinds of work volume, as policies, receipts and the command name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a work volume keeps its data from surviving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeKind {
    /// A block device encrypted by the kernel with a key that only the kernel holds.
    DmCrypt,
    /// Memory, never a disk.
    Ram,
    /// A directory encrypted by its file system: names and data, not attributes.
    Fscrypt,
}

/// A text that names no kind of volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kinds of volume are dm-crypt, ram and fscrypt")]
pub struct UnknownVolumeKind;

impl VolumeKind {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::DmCrypt, Self::Ram, Self::Fscrypt];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DmCrypt => "dm-crypt",
            Self::Ram => "ram",
            Self::Fscrypt => "fscrypt",
        }
    }
}

impl fmt::Display for VolumeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VolumeKind {
    type Err = UnknownVolumeKind;
    fn from_str(text: &str) -> Result<Self, UnknownVolumeKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownVolumeKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word_everywhere() {
        for kind in VolumeKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!("tmpfs".parse::<VolumeKind>(), Err(UnknownVolumeKind));
    }
}
