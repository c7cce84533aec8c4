//! Keys for sealing: a company's public half, which a node's lease carries, and the private half that only headquarters has.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use age::x25519::{Identity, Recipient};
use bech32::{Bech32, Hrp};
use hanare_model::{CompanyId, PrivateKey, SealingKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// Length of the secret in bytes.
pub const SECRET_LEN: usize = 32;
const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// The one secret from which every company's sealing key is drawn: a single file to keep and to back up, or a single
/// credential, also for a company that is added while headquarters runs.
#[derive(Clone)]
pub struct SealingSecret {
    secret: Zeroizing<[u8; SECRET_LEN]>,
    /// Public halves that were asked for before: every lease asks.
    known: Arc<Mutex<BTreeMap<CompanyId, SealingKey>>>,
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret(…)")
    }
}

struct Bytes;

impl KeyType for Bytes {
    fn len(&self) -> usize {
        SECRET_LEN
    }
}

impl SealingSecret {
    /// Takes the secret's bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; SECRET_LEN]>) -> Self {
        Self { secret: bytes, known: Arc::default() }
    }

    /// What a company's items are sealed to.
    #[must_use]
    pub fn public(&self, company: &CompanyId) -> Option<SealingKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(company) {
            return Some(*key);
        }
        let key = self.company(company)?.public();
        known.insert(company.clone(), key);
        Some(key)
    }

    /// A company's key; `None` never comes for a secret of this length.
    #[must_use]
    pub fn company(&self, company: &CompanyId) -> Option<CompanyKey> {
        let root = Salt::new(HKDF_SHA256, b"hanare-sealing/1").extract(&self.secret[..]);
        let mut key = Zeroizing::new([0; SECRET_LEN]);
        let info = [b"company".as_slice(), company.as_str().as_bytes()];
        root.expand(&info, Bytes).and_then(|okm| okm.fill(&mut key[..])).ok()?;
        Some(CompanyKey(PrivateKey::from_bytes(*key)))
    }
}

/// What opens a company's sealed items: an age identity.
#[derive(Debug, Clone)]
pub struct CompanyKey(PrivateKey);

impl CompanyKey {
    /// What items are sealed to.
    #[must_use]
    pub fn public(&self) -> SealingKey {
        SealingKey::from_bytes(*self.0.public().as_bytes())
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        let text = Zeroizing::new(bech32::encode_upper::<Bech32>(IDENTITY, self.0.expose()).ok()?);
        text.parse().ok()
    }
}

/// The age recipient of a public half; `None` for bytes that are no key.
pub(super) fn recipient(key: &SealingKey) -> Option<Recipient> {
    bech32::encode::<Bech32>(RECIPIENT, key.as_bytes()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_company_has_a_key_of_its_own_that_age_reads_and_that_shows_itself_to_nobody() {
        let secret = SealingSecret::from_bytes(Zeroizing::new([7; 32]));
        let key = |company: &str| secret.company(&company.parse().unwrap()).unwrap();
        assert_eq!(Some(key("acme").public()), secret.public(&"acme".parse().unwrap()));
        assert_ne!(key("acme").public(), key("globex").public());
        let recipient = recipient(&key("acme").public()).unwrap().to_string();
        assert_eq!(key("acme").identity().unwrap().to_public().to_string(), recipient);
        assert!(recipient.starts_with("age1"), "{recipient}");
        assert_eq!(format!("{secret:?}"), "SealingSecret(…)");
        let shown = format!("{:?}", key("acme"));
        assert!(!shown.contains(key("acme").0.expose_base64().as_str()), "{shown}");
    }
}
