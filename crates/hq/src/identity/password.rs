//! Passwords: Argon2id as PHC strings, temporary ones for people to type.

use std::fmt;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use hanare_model::Secret;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Overloaded;
use crate::random;

/// OWASP's minimum for Argon2id, the Password Storage Cheat Sheet's first choice with p = 1:
/// m = 19 MiB, t = 2 (`cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id`).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What is verified for a person who is not there, so that this takes as long: of 32 random bytes that nobody kept.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$p3iEGTkAQ4tYpN1Wf4ZzLw$JQ6Xz0ZC4FbW3ZKvUTSwQ7LSVP3RCvuSMS9aUqUBzUk";
/// Letters and digits that are not taken for one another; 32 of them, so that each character has 5 bits.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Groups of a temporary password, of four characters each: 80 bits.
const GROUPS: usize = 4;

/// A hashed password. Redacted in `Debug`, wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl PasswordHash {
    /// Hashes; takes tens of milliseconds and 19 MiB.
    pub(crate) fn make(password: &Secret) -> Result<Self, Overloaded> {
        let salt = random::bytes::<16>().map_err(|_| Overloaded)?;
        let made = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt[..]);
        made.map(|hash| Self(hash.to_string())).map_err(|_| Overloaded)
    }

    /// A hash that was kept.
    pub(crate) const fn kept(phc: String) -> Self {
        Self(phc)
    }

    /// The hash of nobody's password.
    pub(crate) fn nobodys() -> Self {
        Self(NOBODYS.to_owned())
    }

    /// The PHC string, for the database.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it was made of this password; takes as long as making it.
    pub(crate) fn matches(&self, password: &Secret) -> Result<bool, Overloaded> {
        use argon2::password_hash::Error;
        match argon2()?.verify_password(password.expose().as_bytes(), self.0.as_str()) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => {
                tracing::error!(%error, "a password cannot be verified");
                Err(Overloaded)
            }
        }
    }
}

fn argon2() -> Result<Argon2<'static>, Overloaded> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| Overloaded)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password for once: `k3vx-9qdp-…`, to be typed from paper or heard on the telephone.
pub(crate) fn temporary() -> Result<Secret, Overloaded> {
    let random = random::bytes::<{ GROUPS * 4 }>().map_err(|_| Overloaded)?;
    let mut text = Zeroizing::new(String::with_capacity(GROUPS * 5));
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        let letter = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        text.push(char::from(letter));
    }
    Ok(Secret::new(text.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_says_how_it_was_made() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let hash = PasswordHash::make(&secret("correct horse battery")).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert!(hash.matches(&secret("correct horse battery")).unwrap());
        assert!(!hash.matches(&secret("correct horse batterx")).unwrap());
        assert!(PasswordHash::kept("nonsense".to_owned()).matches(&secret("x")).is_err());
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }

    #[test]
    fn nobodys_password_costs_what_everybodys_does() {
        let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).unwrap().to_owned();
        let real = PasswordHash::make(&Secret::new("x".to_owned())).unwrap();
        assert_eq!(parameters(NOBODYS), parameters(real.expose()));
        assert_eq!(NOBODYS.len(), real.expose().len());
        assert!(!PasswordHash::nobodys().matches(&Secret::new(String::new())).unwrap());
    }

    #[test]
    fn a_temporary_password_is_long_enough_and_never_the_same() {
        let first = temporary().unwrap();
        assert_eq!(first.expose().len(), 19);
        assert!(first.expose().chars().count() >= hanare_model::work::MIN_PASSWORD);
        assert_ne!(first, temporary().unwrap());
        let distinct: std::collections::BTreeSet<_> = ALPHABET.iter().collect();
        assert_eq!(distinct.len(), 32);
    }
}
