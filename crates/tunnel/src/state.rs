//! What a node keeps on its disk: keys, lease, what it knows of its headquarters, and its revocation.

mod damage;
mod file;
pub(crate) mod journal;

use std::io;
use std::path::{Path, PathBuf};

use hanare_host::Deed;
use hanare_model::{
    InviteId, Lease, PrivateKey, PublicKey, Signed, SigningKey, SpkiPin, Timestamp, Tombstone, VerifyKey,
};
use serde::{Deserialize, Serialize};

pub use damage::Damage;

/// The version of the JSON files here; a newer one is refused.
const FORMAT: u32 = 1;

/// The node's part of a state directory.
#[derive(Debug, Clone)]
pub struct NodeState {
    root: PathBuf,
}

/// The node's two keys, made here and never sent anywhere.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Its `WireGuard` key.
    pub wireguard: PrivateKey,
    /// Its signing key, which is also that of its TLS certificate.
    pub signing: SigningKey,
}

/// What the node knows of its headquarters since it joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    format: u32,
    /// Headquarters' certificate.
    pub pin: SpkiPin,
    /// The key that signs leases and tombstones.
    pub signing_key: VerifyKey,
    /// Headquarters' `WireGuard` key.
    pub hq_public_key: PublicKey,
    /// The invite that was redeemed.
    pub invite: String,
    /// When, by headquarters' clock.
    pub joined_at: Timestamp,
}

/// A lease that was read and found to be in order: right signer, right node.
#[derive(Debug, Clone)]
pub struct StoredLease {
    /// What it grants.
    pub lease: Lease,
    /// As it was signed.
    pub signed: Signed,
}

/// Why the node's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or directory could not be read or written.
    #[error("{path}: {action} failed")]
    Io {
        /// What was tried.
        action: Deed,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A file is there but does not hold what it should.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it; never its content.
        why: Damage,
    },
    /// A newer hanare wrote it.
    #[error("{path} has format {format}, this program reads {FORMAT}: install the newer hanare again")]
    Newer {
        /// Which.
        path: PathBuf,
        /// The format it claims.
        format: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaseFile {
    format: u32,
    lease: Signed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TombstoneFile {
    format: u32,
    tombstone: Signed,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl NodeState {
    /// The node's part of the directory `--state`. Nothing is touched yet.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { root: state.to_path_buf() }
    }

    /// The state directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the files are that only the node's own processes read and write.
    #[must_use]
    pub(crate) fn directory(&self) -> PathBuf {
        self.root.join("node")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// The keys, made on first use: each file is created exclusively with mode 0600. A second call returns the same keys,
    /// so that redeeming an invite after an interruption is the same device again.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn make_keys(&self) -> Result<Keys, StateError> {
        file::make_directory(&self.root)?;
        file::make_directory(&self.root.join("node"))?;
        for name in ["wireguard.key", "signing.key"] {
            file::create_secret(&self.path(name), random_seed)?;
        }
        self.keys()?
            .ok_or_else(|| StateError::Damaged { path: self.root.join("node"), why: Damage::Vanished })
    }

    /// The keys, if both are there.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn keys(&self) -> Result<Option<Keys>, StateError> {
        let wireguard = file::read_secret(&self.path("wireguard.key"))?;
        let signing = file::read_secret(&self.path("signing.key"))?;
        let (Some(wireguard), Some(signing)) = (wireguard, signing) else { return Ok(None) };
        let damaged = |name: &str| StateError::Damaged { path: self.path(name), why: Damage::Key };
        Ok(Some(Keys {
            wireguard: PrivateKey::from_base64(&wireguard).map_err(|_| damaged("wireguard.key"))?,
            signing: SigningKey::from_base64(&signing).map_err(|_| damaged("signing.key"))?,
        }))
    }

    /// What is known of headquarters; `None` before the node joined.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn enrolment(&self) -> Result<Option<Enrolment>, StateError> {
        self.read("hq.json")
    }

    /// The lease, checked against the enrolment and the node's key.
    ///
    /// # Errors
    /// See [`StateError`]; a lease of another signer or node is [`StateError::Damaged`].
    pub fn lease(&self) -> Result<Option<StoredLease>, StateError> {
        let Some(LeaseFile { lease: signed, .. }) = self.read("lease.json")? else { return Ok(None) };
        let path = || self.path("lease.json");
        let damaged = |why: Damage| StateError::Damaged { path: path(), why };
        let enrolment = self.enrolment()?.ok_or_else(|| damaged(Damage::NoHeadquarters))?;
        let keys = self.keys()?.ok_or_else(|| damaged(Damage::NoKeys))?;
        let lease: Lease = signed.open(&enrolment.signing_key).map_err(|error| damaged((&error).into()))?;
        if lease.public_key != keys.wireguard.public() {
            return Err(damaged(Damage::OtherKey));
        }
        Ok(Some(StoredLease { lease, signed }))
    }

    /// The notice that this node is revoked, if there was one.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn tombstone(&self) -> Result<Option<Tombstone>, StateError> {
        let Some(TombstoneFile { tombstone, .. }) = self.read("revoked.json")? else { return Ok(None) };
        let damaged = |why: Damage| StateError::Damaged { path: self.path("revoked.json"), why };
        let enrolment = self.enrolment()?.ok_or_else(|| damaged(Damage::NoHeadquarters))?;
        tombstone.open(&enrolment.signing_key).map(Some).map_err(|error| damaged((&error).into()))
    }

    /// Stores what enrolment brought. The lease comes last: with it the node is enrolled.
    pub(crate) fn store_enrolment(&self, enrolment: &Enrolment, lease: &Signed) -> Result<(), StateError> {
        self.write("hq.json", enrolment)?;
        self.store_lease(lease)
    }

    pub(crate) fn store_lease(&self, lease: &Signed) -> Result<(), StateError> {
        self.write("lease.json", &LeaseFile { format: FORMAT, lease: lease.clone() })
    }

    pub(crate) fn store_tombstone(&self, tombstone: &Signed) -> Result<(), StateError> {
        self.write("revoked.json", &TombstoneFile { format: FORMAT, tombstone: tombstone.clone() })
    }

    /// Removes keys, lease and everything else of the node, the keys last so that an interruption leaves a node that can
    /// still say who it is.
    ///
    /// # Errors
    /// [`StateError::Io`] with the file that would not go.
    pub fn remove(&self) -> Result<(), StateError> {
        for name in ["lease.json", "revoked.json", "ledger.jsonl", "hq.json", "signing.key", "wireguard.key"]
        {
            file::remove(&self.path(name))?;
        }
        file::remove_directory(&self.root.join("node"))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, StateError> {
        let path = self.path(name);
        let Some(text) = file::read(&path)? else { return Ok(None) };
        let damaged =
            |error: serde_json::Error| StateError::Damaged { path: path.clone(), why: (&error).into() };
        let FormatOnly { format } = serde_json::from_str(&text).map_err(damaged)?;
        if format > FORMAT {
            return Err(StateError::Newer { path, format });
        }
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let path = self.path(name);
        let text = serde_json::to_string(value)
            .map_err(|error| StateError::Damaged { path: path.clone(), why: (&error).into() })?;
        file::replace(&path, text.as_bytes())
    }
}

impl Enrolment {
    pub(crate) fn new(pin: SpkiPin, hello: &hanare_model::api::Hello, invite: InviteId) -> Self {
        Self {
            format: FORMAT,
            pin,
            signing_key: hello.signing_key,
            hq_public_key: hello.public_key,
            invite: invite.to_string(),
            joined_at: hello.now,
        }
    }
}

/// 32 random bytes from the system.
pub(crate) fn random_seed() -> Result<[u8; 32], io::Error> {
    let random = ring::rand::generate::<[u8; 32]>(&ring::rand::SystemRandom::new());
    random.map(ring::rand::Random::expose).map_err(|_| io::Error::other("the system gave no random bytes"))
}

#[cfg(test)]
mod tests;
