//! A company's keys: what seals its work at rest, and what names it, so that a disk tells nothing but sizes.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::error::StoreError;
use crate::protocol::VersionId;

/// Length of a keyed name in bytes.
pub(crate) const NAME_LEN: usize = 32;
/// What sealing adds in bytes.
pub(crate) const TAG_LEN: usize = 16;
const KEY_LEN: usize = 32;

/// A keyed name: the same for the same thing of one company, and nothing to anybody without the key.
pub(crate) type Name = [u8; NAME_LEN];

/// What a keyed name is of; names of different kinds never meet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Chunk,
    Path,
    Content,
}

/// The keys of one company.
pub(crate) struct Keys {
    root: Prk,
    names: hmac::Key,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

struct HmacKey;

impl ring::hkdf::KeyType for HmacKey {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

impl Keys {
    fn new(secret: &[u8; KEY_LEN]) -> Result<Self, StoreError> {
        let root = Salt::new(HKDF_SHA256, b"hanare-handover/1").extract(secret);
        let mut name = Zeroizing::new([0; KEY_LEN]);
        root.expand(&[b"names"], HmacKey)
            .and_then(|okm| okm.fill(&mut name[..]))
            .map_err(|_| StoreError::NoRandomness)?;
        Ok(Self { root, names: hmac::Key::new(hmac::HMAC_SHA256, &name[..]) })
    }

    /// Reads a company's key, or makes it: durable before it seals anything.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |error: io::Error| StoreError::io(path, &error);
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        match std::fs::File::open(path) {
            Ok(mut file) => {
                let damaged =
                    |text: &str| StoreError::Damaged { path: path.to_owned(), text: text.to_owned() };
                if file.metadata().map_err(fail)?.permissions().mode() & 0o077 != 0 {
                    return Err(damaged("others may read this key"));
                }
                file.read_exact(&mut secret[..]).map_err(|_| damaged("it is not a key of 32 bytes"))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                SystemRandom::new().fill(&mut secret[..]).map_err(|_| StoreError::NoRandomness)?;
                let new = path.with_extension("new");
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&new)
                    .map_err(fail)?;
                file.write_all(&secret[..]).and_then(|()| file.sync_all()).map_err(fail)?;
                std::fs::rename(&new, path).map_err(fail)?;
                if let Some(folder) = path.parent() {
                    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
                }
            }
            Err(error) => return Err(fail(error)),
        }
        Self::new(&secret)
    }

    /// A keyed name.
    pub(crate) fn name(&self, kind: Kind, of: &[&[u8]]) -> Name {
        let mut context = hmac::Context::with_key(&self.names);
        context.update(match kind {
            Kind::Chunk => b"chunk",
            Kind::Path => b"path\0",
            Kind::Content => b"whole",
        });
        for part in of {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut name = [0; NAME_LEN];
        name.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        name
    }

    /// A key for one object, whose parts are told apart by their place in it.
    pub(crate) fn object(&self, id: &VersionId) -> Result<ObjectKey, StoreError> {
        let info: [&[u8]; 2] = [b"object", id.as_bytes()];
        let okm = self.root.expand(&info, &AES_256_GCM).map_err(|_| StoreError::NoRandomness)?;
        Ok(ObjectKey(LessSafeKey::new(UnboundKey::from(okm))))
    }
}

/// Seals the parts of one object. Ids of objects are random and each part has a place of its own, so no nonce comes twice
/// under one key.
pub(crate) struct ObjectKey(LessSafeKey);

impl ObjectKey {
    /// Seals `part` in place, longer by [`TAG_LEN`] then.
    pub(crate) fn seal(&self, place: u32, about: &[u8], part: &mut Vec<u8>) -> Result<(), StoreError> {
        self.0
            .seal_in_place_append_tag(nonce(place), Aad::from(about), part)
            .map_err(|_| StoreError::NoRandomness)
    }

    /// Opens `part` in place; `None` if it is not what was sealed there.
    pub(crate) fn open(&self, place: u32, about: &[u8], part: &mut Vec<u8>) -> Option<()> {
        let len = self.0.open_in_place(nonce(place), Aad::from(about), part).ok()?.len();
        part.truncate(len);
        Some(())
    }
}

fn nonce(place: u32) -> Nonce {
    let [a, b, c, d] = place.to_le_bytes();
    Nonce::assume_unique_for_key([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// A random name for a new object.
pub(crate) fn random_id() -> Result<VersionId, StoreError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
    Ok(VersionId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_opens_what_it_sealed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme");
        let keys = Keys::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Keys::open(&path).unwrap();
        assert_eq!(keys.name(Kind::Path, &[b"a"]), again.name(Kind::Path, &[b"a"]));
        assert_ne!(keys.name(Kind::Path, &[b"a"]), keys.name(Kind::Chunk, &[b"a"]));
        assert_ne!(keys.name(Kind::Path, &[b"ab", b""]), keys.name(Kind::Path, &[b"a", b"b"]));
        let id = VersionId::from_bytes([1; 16]);
        let mut part = b"work".to_vec();
        keys.object(&id).unwrap().seal(3, b"about", &mut part).unwrap();
        let opens = |keys: &Keys, id: [u8; 16], place, about: &[u8]| {
            let mut part = part.clone();
            let key = keys.object(&VersionId::from_bytes(id)).unwrap();
            key.open(place, about, &mut part).map(|()| part)
        };
        assert_eq!(opens(&again, [1; 16], 3, b"about").as_deref(), Some(b"work".as_slice()));
        assert_eq!(opens(&again, [2; 16], 3, b"about"), None);
        assert_eq!(opens(&again, [1; 16], 4, b"about"), None);
        assert_eq!(opens(&again, [1; 16], 3, b"other"), None);
        let other = Keys::open(&folder.path().join("globex")).unwrap();
        assert_eq!(opens(&other, [1; 16], 3, b"about"), None);
        assert_eq!(format!("{keys:?}"), "Keys(…)");
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme");
        Keys::open(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::open(&path), Err(StoreError::Damaged { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(Keys::open(&path), Err(StoreError::Damaged { .. })));
    }
}
