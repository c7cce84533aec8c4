//! A person's authenticator: RFC 6238, written down a second time, from the secret as it was printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;

use crate::{Error, Result};

/// How long a code is shown.
const STEP: u64 = 30;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Shows codes of six digits.
#[derive(Debug, Clone)]
pub struct Authenticator {
    key: hmac::Key,
    used: u64,
}

impl Authenticator {
    /// From the secret in base32.
    ///
    /// # Errors
    /// [`Error::Content`] if it is none.
    pub fn new(base32: &str) -> Result<Self> {
        let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
        for letter in base32.bytes() {
            let place = BASE32.iter().position(|known| *known == letter);
            let place = place.and_then(|place| u32::try_from(place).ok());
            let place = place.ok_or_else(|| Error::Content {
                what: "an authenticator's secret".to_owned(),
                why: "not base32".to_owned(),
            })?;
            buffer = (buffer << 5 | place) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((buffer >> bits & 0xff).to_le_bytes()[0]);
            }
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), used: 0 })
    }

    /// The code of the next step that was not used; waits until headquarters takes it.
    pub fn code(&mut self) -> String {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / STEP);
        let wanted = (self.used + 1).max(now());
        while now() + 1 < wanted {
            std::thread::sleep(Duration::from_secs(1));
        }
        self.used = wanted;
        self.at(wanted)
    }

    /// The code that was shown last.
    #[must_use]
    pub fn last(&self) -> String {
        self.at(self.used)
    }

    fn at(&self, step: u64) -> String {
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let tag = tag.as_ref();
        // RFC 4226, 5.3: the last four bits say where the number begins.
        let offset = tag.last().map_or(0, |last| usize::from(last & 0xf));
        let word = tag.get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_standards() {
        // RFC 6238, appendix B, SHA-1: the last six of its eight digits.
        let phone = Authenticator::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(phone.at(seconds / STEP), code);
        }
        assert!(Authenticator::new("1").is_err());
    }
}
