//! The code of an invite that is printed on a sheet: told over the phone, so that whoever finds the sheet is not let in.

use std::fmt;

use ring::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{InviteSecret, text};

/// Wrong codes after which headquarters closes an invite (`INTERFACE`): five guesses in a million.
pub const MAX_WRONG_CODES: u32 = 5;
/// Digits of a code.
const DIGITS: usize = 6;
const CONTEXT: &[u8] = b"hanare-invite-code/1\n";

/// Six digits. Wiped on drop, redacted in `Debug`, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SheetCode([u8; DIGITS]);

impl SheetCode {
    /// Makes one of 8 random bytes: so many that every code is as likely as another.
    #[must_use]
    pub fn from_random(random: [u8; 8]) -> Self {
        let mut rest = u64::from_be_bytes(random);
        let mut digits = [b'0'; DIGITS];
        for digit in &mut digits {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(digits)
    }

    /// Reads what a person typed, also full-width or in groups; `None` unless it is six digits.
    #[must_use]
    pub fn parse(input: &str) -> Option<Self> {
        let plain = Zeroizing::new(text::plain(input));
        let digits: [u8; DIGITS] = plain.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The code as a person tells it: `123-456`.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(String::from_utf8_lossy(&self.0).into_owned());
        let (first, second) = digits.split_at(DIGITS / 2);
        Zeroizing::new(format!("{first}-{second}"))
    }

    /// What headquarters keeps instead of the code: HMAC-SHA-256 with the invite's secret, which headquarters does not
    /// keep, as key. Who reads its disk cannot try a million codes.
    #[must_use]
    pub fn fingerprint(&self, secret: &InviteSecret) -> [u8; 32] {
        let tag = hmac::sign(&key(secret), &self.message());
        let mut out = [0; 32];
        out.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        out
    }

    /// Whether `fingerprint` was made from this code and this secret.
    #[must_use]
    pub fn matches(&self, secret: &InviteSecret, fingerprint: &[u8; 32]) -> bool {
        hmac::verify(&key(secret), &self.message(), fingerprint).is_ok()
    }

    fn message(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([CONTEXT, &self.0].concat())
    }
}

fn key(secret: &InviteSecret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose())
}

impl fmt::Debug for SheetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SheetCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_told_and_fits_its_own_invite_only() {
        let code = SheetCode::from_random(654_321u64.to_be_bytes());
        assert_eq!(code.expose().as_str(), "123-456");
        let (secret, other) = (InviteSecret::from_bytes([1; 16]), InviteSecret::from_bytes([2; 16]));
        let kept = code.fingerprint(&secret);
        for told in ["123456", " 123 456\n", "123-456", "１２３ー４５６"] {
            assert!(SheetCode::parse(told).unwrap().matches(&secret, &kept), "{told}");
        }
        assert!(!SheetCode::parse("123457").unwrap().matches(&secret, &kept));
        assert!(!code.matches(&other, &kept), "another sheet's");
        for wrong in ["", "12345", "1234567", "12345a", "一二三四五六"] {
            assert!(SheetCode::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "SheetCode(…)");
    }
}
