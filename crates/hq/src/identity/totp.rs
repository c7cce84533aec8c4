//! One-time codes as authenticators show them: RFC 6238 with SHA-1, 30 seconds and six digits.

use std::fmt;

use hanare_model::{Secret, Timestamp};
use ring::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::random::{self, NoRandomness};

/// Seconds that a code is shown.
const STEP: u64 = 30;
/// Bytes of a secret: as long as the hash (RFC 4226, 4, R6).
const BYTES: usize = 20;
/// RFC 4648, 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Who issued it, as authenticators show it.
const ISSUER: &str = "hanare";

/// What authenticator and headquarters share. Redacted in `Debug`, wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct TotpSecret([u8; BYTES]);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    /// A new one.
    pub(crate) fn make() -> Result<Self, NoRandomness> {
        random::bytes().map(|bytes| Self(*bytes))
    }

    /// One that was kept, from hexadecimal.
    pub(crate) fn kept(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// In hexadecimal, for the database.
    pub(crate) fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// In base32, for a person who types it.
    pub(crate) fn base32(&self) -> Secret {
        // 20 bytes are 32 characters and need no padding.
        let mut text = String::with_capacity(32);
        let (mut buffer, mut bits) = (0u32, 0u32);
        for byte in self.0 {
            buffer = (buffer << 8) | u32::from(byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                let place = usize::try_from(buffer >> bits & 31).unwrap_or(0);
                text.push(char::from(BASE32.get(place).copied().unwrap_or(b'A')));
            }
        }
        Secret::new(text)
    }

    /// As authenticators read it from a QR code (github.com/google/google-authenticator/wiki/Key-Uri-Format). Ids need no
    /// escaping.
    pub(crate) fn url(&self, person: &str) -> Secret {
        let base32 = self.base32();
        Secret::new(format!("otpauth://totp/{ISSUER}:{person}?secret={}&issuer={ISSUER}", base32.expose()))
    }

    /// The step whose code this is, now or one step before or after; the latest of them. Takes as long for every code.
    pub(crate) fn step(&self, code: &Secret, now: Timestamp) -> Option<u64> {
        let typed: Zeroizing<Vec<u8>> =
            Zeroizing::new(code.expose().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
        let current = u64::try_from(now.seconds()).unwrap_or(0) / STEP;
        let mut found = None;
        for step in [current.saturating_sub(1), current, current.saturating_add(1)] {
            if bool::from(self.code(step).ct_eq(&typed)) {
                found = Some(step);
            }
        }
        found
    }

    /// The six digits of a step (RFC 4226, 5.3).
    fn code(&self, step: u64) -> Zeroizing<Vec<u8>> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
        let picked = tag.get(offset..offset.saturating_add(4)).unwrap_or_default();
        let number = picked.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        Zeroizing::new(format!("{:06}", number % 1_000_000).into_bytes())
    }

    /// The code that an authenticator shows at this time.
    #[cfg(test)]
    pub(crate) fn shown(&self, now: Timestamp) -> Secret {
        let step = u64::try_from(now.seconds()).unwrap_or(0) / STEP;
        Secret::new(String::from_utf8_lossy(&self.code(step)).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret(*b"12345678901234567890")
    }

    /// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in vectors {
            let now = Timestamp::from_seconds(seconds);
            assert_eq!(secret().shown(now).expose(), code, "{seconds}");
            let step = u64::try_from(seconds).unwrap() / 30;
            assert_eq!(secret().step(&Secret::new(code.to_owned()), now), Some(step));
        }
    }

    #[test]
    fn a_clock_may_be_half_a_minute_wrong_and_no_more() {
        let at = |seconds| Timestamp::from_seconds(seconds);
        let code = secret().shown(at(3000));
        for seconds in [2970, 2999, 3000, 3029, 3059] {
            assert_eq!(secret().step(&code, at(seconds)), Some(100), "{seconds}");
        }
        for seconds in [2969, 3060] {
            assert_eq!(secret().step(&code, at(seconds)), None, "{seconds}");
        }
        let spaced = Secret::new(format!(" {} {}", &code.expose()[..3], &code.expose()[3..]));
        assert_eq!(secret().step(&spaced, at(3000)), Some(100));
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(secret().step(&Secret::new(wrong.to_owned()), at(3000)), None);
        }
    }

    /// RFC 4648's alphabet; the secret of RFC 6238 in base32 as its errata and every authenticator's tests have it.
    #[test]
    fn an_authenticator_reads_the_secret() {
        assert_eq!(secret().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            secret().url("hanako").expose(),
            "otpauth://totp/hanare:hanako?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=hanare"
        );
        assert_eq!(TotpSecret::kept(&secret().expose()), Some(secret()));
        assert_eq!(format!("{:?}", secret()), "TotpSecret(…)");
    }
}
