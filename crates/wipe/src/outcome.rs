//! What came of a wipe: the figures, what was left out and why, and the verdict that follows from them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was demanded is gone, and that was verified.
    Pass,
    /// Something was left out, or could not be verified: `skipped` says what.
    Partial,
    /// Something that had to go is still there.
    Fail,
}

/// How the data became unreadable, in the words of NIST SP 800-88. Never Purge: nothing here reaches an SSD's spare area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Overwritten and discarded through the device's ordinary interface.
    #[serde(rename = "clear")]
    Clear,
    /// The only key was destroyed; the kernel's cipher is not a validated module.
    #[serde(rename = "cryptographic erase (module not validated)")]
    CryptographicErase,
}

/// What kind of thing was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipKind {
    /// A file with a name outside the tree: unlinked, not overwritten.
    HardLinkOutside,
    /// Something mounted inside the tree: not entered.
    Mount,
    /// Blocks that another file shares.
    SharedExtent,
    /// Blocks that a snapshot keeps.
    Snapshot,
    /// A lower layer below an overlay.
    LowerLayer,
    /// The device below: what it does with unmapped blocks cannot be seen.
    Device,
    /// In use by a process.
    Busy,
    /// The system could not read or write it.
    IoError,
    /// The file system offers no way to erase some of its own records.
    Filesystem,
    /// Was not looked at.
    NotEvaluated,
}

/// Why it was left out: a stable code. Its words in each language are the catalogue's. Never a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// Names a reason, such as `xfs-log`.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self(code.to_owned())
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Things left out for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Why.
    pub reason: Reason,
    /// What kind of thing.
    pub kind: SkipKind,
    /// How many.
    pub count: u64,
}

/// The end of a work volume.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeEnd {
    /// Whether the kernel itself says that the key is gone.
    pub key_destroyed: bool,
    /// Seconds from the order until the key was gone.
    pub seconds: f64,
}

/// What the verification saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Bytes read back from the device.
    pub reread_bytes: u64,
    /// Canaries and recorded blocks that were found again.
    pub remnants: u64,
    /// Whether only a sample of the data's blocks was read back, not all that were recorded.
    #[serde(default)]
    pub sampled: bool,
}

impl Verified {
    /// Both looks at the same wipe.
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            reread_bytes: self.reread_bytes.saturating_add(other.reread_bytes),
            remnants: self.remnants.saturating_add(other.remnants),
            sampled: self.sampled || other.sampled,
        }
    }
}

/// What came of a wipe, as its receipt and `--json` show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Whether nothing is left.
    pub verdict: Verdict,
    /// Files and other objects erased.
    pub files: u64,
    /// Bytes overwritten.
    pub bytes: u64,
    /// Seconds it took, verification included.
    pub seconds: f64,
    /// What was left out, by kind and reason.
    pub skipped: Vec<Skipped>,
    /// How the data became unreadable.
    pub method: Method,
    /// Versions that neither headquarters nor the reserve holds.
    pub lost: u64,
    /// The work volume's end; `None` if the wipe was of trees only.
    pub volume: Option<VolumeEnd>,
    /// What the verification saw.
    pub verified: Verified,
    /// Items sealed and waiting.
    pub sealed: u64,
    /// Trees that the policy names and that were not there. No fault by itself: a wipe leaves none behind.
    #[serde(default)]
    pub absent: u64,
}

impl Outcome {
    /// Counts more that was left out, and judges again.
    pub(crate) fn leave_out(&mut self, more: Tally) {
        let mut skipped = Tally::from_skipped(&self.skipped);
        skipped.merge(more);
        self.verdict = judge(self.verified, self.volume, &skipped);
        self.skipped = skipped.into_skipped();
    }

    /// The same for what may be counted already.
    pub(crate) fn leave_out_at_most(&mut self, more: &Tally) {
        let mut skipped = Tally::from_skipped(&self.skipped);
        skipped.merge_most(more);
        self.verdict = judge(self.verified, self.volume, &skipped);
        self.skipped = skipped.into_skipped();
    }
}

/// Counts what is left out, in an order that does not depend on who came first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(SkipKind, Reason), u64>);

impl Tally {
    /// Counts `count` things more.
    pub fn add(&mut self, kind: SkipKind, reason: &'static str, count: u64) {
        if count > 0 {
            let entry = self.0.entry((kind, Reason::new(reason))).or_default();
            *entry = entry.saturating_add(count);
        }
    }

    /// Takes over what another has counted.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.0 {
            let entry = self.0.entry(key).or_default();
            *entry = entry.saturating_add(count);
        }
    }

    /// Takes over what another has counted of the same things: the larger count holds.
    pub fn merge_most(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            let entry = self.0.entry(key.clone()).or_default();
            *entry = (*entry).max(*count);
        }
    }

    /// Counts on from a list.
    #[must_use]
    pub fn from_skipped(skipped: &[Skipped]) -> Self {
        Self(skipped.iter().map(|entry| ((entry.kind, entry.reason.clone()), entry.count)).collect())
    }

    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list for an [`Outcome`].
    #[must_use]
    pub fn into_skipped(self) -> Vec<Skipped> {
        self.0.into_iter().map(|((kind, reason), count)| Skipped { reason, kind, count }).collect()
    }
}

/// The verdict that follows from what was seen: anything found again or a key that is still there is a fail, anything left out
/// or not evaluated makes it partial.
#[must_use]
pub fn judge(verified: Verified, volume: Option<VolumeEnd>, skipped: &Tally) -> Verdict {
    if verified.remnants > 0 || volume.is_some_and(|end| !end.key_destroyed) {
        Verdict::Fail
    } else if skipped.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remnant_or_a_living_key_is_a_fail_and_anything_left_out_is_partial() {
        let clean = Verified { reread_bytes: 1, ..Verified::default() };
        let mut skipped = Tally::default();
        assert_eq!(judge(clean, None, &skipped), Verdict::Pass);
        skipped.add(SkipKind::NotEvaluated, "no-raw-device", 1);
        assert_eq!(judge(clean, None, &skipped), Verdict::Partial);
        let found = Verified { remnants: 1, ..clean };
        assert_eq!(judge(found, None, &skipped), Verdict::Fail);
        let alive = VolumeEnd { key_destroyed: false, seconds: 0.1 };
        assert_eq!(judge(clean, Some(alive), &Tally::default()), Verdict::Fail);
    }

    #[test]
    fn the_words_are_those_promised_to_users() {
        let mut skipped = Tally::default();
        skipped.add(SkipKind::HardLinkOutside, "name-outside", 2);
        let json = serde_json::to_string(&skipped.into_skipped()).expect("JSON");
        assert_eq!(json, r#"[{"reason":"name-outside","kind":"hard-link-outside","count":2}]"#);
        let method = serde_json::to_string(&Method::CryptographicErase).expect("JSON");
        assert_eq!(method, r#""cryptographic erase (module not validated)""#);
    }
}
