//! Headquarters' own keys: made once by `init`, each in a 0600 file of its own that is created exclusively.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::seal::{SECRET_LEN, SealingSecret};
use hanare_model::{PrivateKey, SigningKey, VerifyKey};
use rcgen::PublicKeyData as _;
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::random::{self, NoRandomness};

/// Subject of the certificate; clients look at its key only.
const CERTIFICATE_NAME: &str = "hanare-hq";
/// What sealed work is opened with; the file's name.
pub(crate) const SEALING: &str = "sealing.key";
/// The same as a systemd credential, which is used instead of the file where it is given.
const CREDENTIAL: &str = "hanare-sealing.key";
/// By which it is known again: sealed work that waits in rooms opens with no other.
pub(crate) const SEALING_MARK: &str = "sealing.mark";

/// Why keys cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} does not hold {what}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// What sealed work is opened with was there once.
    #[error("{path} is not there, nor is it given as the credential {CREDENTIAL}")]
    SealingGone {
        /// Where it would be without a credential.
        path: PathBuf,
    },
    /// It is another one.
    #[error("{path} is not the key that this headquarters had")]
    SealingOther {
        /// Which file.
        path: PathBuf,
    },
    /// No certificate could be made.
    #[error("headquarters' certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// No randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// The keys of one headquarters.
pub(crate) struct Keys {
    /// `WireGuard`.
    pub wireguard: PrivateKey,
    /// Leases, tombstones, ledger.
    pub signing: SigningKey,
    /// What the companies' sealing keys are drawn from.
    pub sealing: SealingSecret,
    /// The node API's private key.
    pub tls_key: PrivateKeyDer<'static>,
    /// The node API's certificate.
    pub certificate: CertificateDer<'static>,
    /// SHA-256 of its SPKI.
    pub pin: [u8; 32],
}

impl Keys {
    /// Makes keys in a new directory.
    pub(crate) fn create(directory: &Path) -> Result<(), KeysError> {
        let io = |source| KeysError::Io { path: directory.to_owned(), source };
        DirBuilder::new().mode(0o700).create(directory).map_err(io)?;
        let wireguard = PrivateKey::from_bytes(*random::bytes()?);
        let signing = SigningKey::from_seed(*random::bytes()?);
        let tls = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let certificate =
            rcgen::CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()])?.self_signed(&tls)?;
        write_private(&directory.join("wireguard.key"), &wireguard.expose_base64())?;
        write_private(&directory.join("signing.key"), &signing.expose_base64())?;
        make_sealing(directory, None)?;
        write_private(&directory.join("tls.key"), &Zeroizing::new(tls.serialize_pem()))?;
        write_private(&directory.join("tls.crt"), &certificate.pem())?;
        sync_directory(directory)
    }

    /// Reads them back; `credentials` is where systemd puts what it was told to keep.
    pub(crate) fn load(directory: &Path, credentials: Option<&Path>) -> Result<Self, KeysError> {
        let content = |name: &str, what| KeysError::Content { path: directory.join(name), what };
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read_to_string(&path)
                .map(Zeroizing::new)
                .map_err(|source| KeysError::Io { path, source })
        };
        let wireguard = PrivateKey::from_base64(read("wireguard.key")?.trim())
            .map_err(|_| content("wireguard.key", "a WireGuard key"))?;
        let signing = SigningKey::from_base64(read("signing.key")?.trim())
            .map_err(|_| content("signing.key", "a signing key"))?;
        let sealing = read_sealing(&sealing_path(directory, credentials))?;
        let pem = read("tls.key")?;
        let pair = rcgen::KeyPair::from_pem(&pem).map_err(|_| content("tls.key", "a private key in PEM"))?;
        let tls_key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| content("tls.key", "a private key in PEM"))?;
        let certificate = CertificateDer::from_pem_slice(read("tls.crt")?.as_bytes())
            .map_err(|_| content("tls.crt", "a certificate in PEM"))?;
        let mut pin = [0; 32];
        pin.copy_from_slice(digest(&SHA256, &pair.subject_public_key_info()).as_ref());
        Ok(Self { wireguard, signing, sealing, tls_key, certificate, pin })
    }
}

/// The public half of the key that signs: who this headquarters is, for good.
pub(crate) fn verify_key(directory: &Path) -> Result<VerifyKey, KeysError> {
    let path = directory.join("signing.key");
    let text = std::fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.map_err(|source| KeysError::Io { path: path.clone(), source })?;
    let key = SigningKey::from_base64(text.trim());
    key.map(|key| key.verify_key()).map_err(|_| KeysError::Content { path, what: "a signing key" })
}

fn sealing_path(directory: &Path, credentials: Option<&Path>) -> PathBuf {
    let credential = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|path| path.exists());
    credential.unwrap_or_else(|| directory.join(SEALING))
}

/// Makes what sealed work is opened with, unless it is there, or is given as a credential: a headquarters from before there
/// was sealing has none. One that had a key gets no other: what waits sealed in rooms could never be opened.
pub(crate) fn make_sealing(directory: &Path, credentials: Option<&Path>) -> Result<(), KeysError> {
    let (path, mark) = (sealing_path(directory, credentials), directory.join(SEALING_MARK));
    if !path.exists() {
        if mark.exists() {
            return Err(KeysError::SealingGone { path });
        }
        let secret = Zeroizing::new(STANDARD.encode(&random::bytes::<SECRET_LEN>()?[..]));
        write_private(&path, &secret)?;
    }
    let known =
        STANDARD.encode(digest(&SHA256, &Zeroizing::new([MARKED, &read_secret(&path)?[..]].concat())));
    match std::fs::read_to_string(&mark) {
        Ok(text) if text.trim() == known => return Ok(()),
        Ok(_) => return Err(KeysError::SealingOther { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Whole or not at all: half of one would be another key's.
            let new = mark.with_extension("new");
            let io = |source| KeysError::Io { path: mark.clone(), source };
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
                Ok(()) | Err(_) => write_private(&new, &known)?,
            }
            std::fs::rename(&new, &mark).map_err(io)?;
        }
        Err(source) => return Err(KeysError::Io { path: mark, source }),
    }
    sync_directory(directory)
}

/// Before the secret, in what it is known again by.
const MARKED: &[u8] = b"hanare sealing key\0";

fn read_sealing(path: &Path) -> Result<SealingSecret, KeysError> {
    read_secret(path).map(SealingSecret::from_bytes)
}

fn read_secret(path: &Path) -> Result<Zeroizing<[u8; SECRET_LEN]>, KeysError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| KeysError::Io { path: path.to_owned(), source })?;
    let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).ok();
    let bytes = bytes.and_then(|bytes| <[u8; SECRET_LEN]>::try_from(bytes.as_slice()).ok());
    let content = || KeysError::Content { path: path.to_owned(), what: "a sealing key" };
    bytes.map(Zeroizing::new).ok_or_else(content)
}

/// Makes a 0600 file that must not exist yet.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), KeysError> {
    let io = |source| KeysError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(text.trim_end().as_bytes()).map_err(io)?;
    file.write_all(b"\n").map_err(io)?;
    file.sync_all().map_err(io)
}

/// Makes names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), KeysError> {
    std::fs::File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(|source| KeysError::Io { path: directory.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealing_key_is_made_once_may_move_to_a_credential_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, credentials) = (folder.path().join("hq"), folder.path().join("credentials"));
        for path in [&keys, &credentials] {
            std::fs::create_dir(path).unwrap();
        }
        make_sealing(&keys, None).unwrap();
        let made = std::fs::read_to_string(keys.join(SEALING)).unwrap();
        make_sealing(&keys, None).unwrap();
        assert_eq!(std::fs::read_to_string(keys.join(SEALING)).unwrap(), made);
        std::fs::rename(keys.join(SEALING), credentials.join(CREDENTIAL)).unwrap();
        make_sealing(&keys, Some(&credentials)).unwrap();
        assert!(!keys.join(SEALING).exists());
        // The unit lost its line.
        assert!(matches!(make_sealing(&keys, None), Err(KeysError::SealingGone { .. })));
        assert!(!keys.join(SEALING).exists());
        let other = STANDARD.encode([7; SECRET_LEN]);
        std::fs::write(credentials.join(CREDENTIAL), other).unwrap();
        let refused = make_sealing(&keys, Some(&credentials));
        assert!(matches!(refused, Err(KeysError::SealingOther { .. })), "{refused:?}");
        // What is kept to know it by tells nothing of it.
        let mark = std::fs::read_to_string(keys.join(SEALING_MARK)).unwrap();
        assert_ne!(mark.trim(), made.trim());
    }
}
