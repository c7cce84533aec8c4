//! What enrolment grants a node, signed by headquarters, and the notice that takes it back.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::id::{CompanyId, NodeName, RoomId};
use crate::key::{PresharedKey, PublicKey, SealingKey, SigningKey, VerifyKey};
use crate::peer::Endpoint;
use crate::time::{CalendarDay, Timestamp};
use crate::unlock::UnlockTerms;

/// How long a lease lasts unless an admin says otherwise (`INTERFACE`: leases 30 days).
pub const LEASE_DURATION: Duration = Duration::from_hours(30 * 24);
/// How long a node goes on after its lease ended while headquarters cannot be reached (14 days).
pub const LEASE_GRACE: Duration = Duration::from_hours(14 * 24);
/// The inner MTU that fits `PPPoE`'s 1,454 and an IPv6 underlay: 1,454 − 40 (IPv6) − 8 (UDP) − 32 (`WireGuard`) = 1,374,
/// rounded down to a multiple of 16 so that padding never grows a packet.
pub const DEFAULT_MTU: u16 = 1360;
/// Below this Linux removes an interface's IPv6 addresses (RFC 8200's minimum link MTU).
pub const MIN_MTU: u16 = 1280;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A PC with our agent.
    Endpoint,
    /// The room's router; owns the LAN half of the room's prefix.
    Gateway,
    /// A phone or PC with an official `WireGuard` app.
    External,
}

/// Whether rooms reach the internet, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Internet {
    /// Through headquarters.
    ViaHq,
    /// Not at all.
    None,
}

/// Headquarters as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HqPeer {
    /// Its `WireGuard` key.
    pub public_key: PublicKey,
    /// This peering's preshared key.
    pub preshared_key: PresharedKey,
    /// Where it listens for `WireGuard`, the best first.
    pub endpoints: Vec<Endpoint>,
    /// Where its node API listens, outside the tunnel.
    pub api: Vec<Endpoint>,
    /// Its addresses inside the tunnel; the node API listens on them too, on `api_port`.
    pub addresses: Vec<IpAddr>,
    /// The node API's port inside the tunnel.
    pub api_port: u16,
    /// Everything that is reached through it: the overlay, its own networks, and with [`Internet::ViaHq`] the internet.
    pub allowed_ips: Vec<IpNet>,
}

/// What a node may do, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Grows with every lease that headquarters signs for this node; an older one is never accepted again.
    pub serial: u64,
    /// Whose lease it is.
    pub node: NodeName,
    /// What the node is.
    pub kind: NodeKind,
    /// Its `WireGuard` key.
    pub public_key: PublicKey,
    /// The tenant.
    pub company: CompanyId,
    /// The room.
    pub room: RoomId,
    /// The node's own addresses inside the tunnel, one of each family, as host prefixes (/32, /128).
    pub addresses: Vec<IpNet>,
    /// The room's LAN behind its gateway, one prefix of each family. A gateway takes the first host of each; an endpoint
    /// that stands there knows by it that this part of the overlay is no stranger's network.
    pub lan: Vec<IpNet>,
    /// What the node may ask, past the tunnel, in the network that it stands in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Whether, for how long and how often people may open the kill switch.
    #[serde(default, skip_serializing_if = "UnlockTerms::is_default")]
    pub unlock: UnlockTerms,
    /// Days on which nobody works, beside those that the machine's own policy names; for the end of a working day.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holidays: BTreeSet<CalendarDay>,
    /// What work that waits for headquarters is sealed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<SealingKey>,
    /// Headquarters.
    pub hq: HqPeer,
    /// Whether the internet is reached, and how.
    pub internet: Internet,
    /// Resolvers to use while the tunnel is up; empty leaves the machine's own.
    pub dns: Vec<IpAddr>,
    /// The inner MTU.
    pub mtu: u16,
    /// When it was signed, by headquarters' clock.
    pub issued_at: Timestamp,
    /// When it ends, by headquarters' clock.
    pub expires_at: Timestamp,
    /// Seconds after `expires_at` in which a node without headquarters goes on as it is.
    pub grace_seconds: u64,
}

/// The notice that a node is no longer one of ours. It is final: a key that was revoked never comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// Whose lease ended.
    pub node: NodeName,
    /// Its `WireGuard` key.
    pub public_key: PublicKey,
    /// When, by headquarters' clock.
    pub revoked_at: Timestamp,
    /// Why, in the admin's words; or [`Tombstone::LEFT`].
    pub reason: String,
}

impl Tombstone {
    /// The reason of a node that left by itself: no words, but a code for them, as every reader has a language of their own.
    pub const LEFT: &str = "code:left";
}

/// What a document is for; part of the signed bytes, so that no document can stand in for another.
pub trait Document: Serialize + DeserializeOwned {
    /// The signature's context, such as `hanare-lease/1`.
    const CONTEXT: &'static str;
}

impl Document for Lease {
    const CONTEXT: &'static str = "hanare-lease/1";
}

impl Document for Tombstone {
    const CONTEXT: &'static str = "hanare-tombstone/1";
}

/// A document as it was signed: the exact JSON text and an Ed25519 signature over context, newline and text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    body: String,
    signature: String,
}

/// Why a signed document is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// Another key signed it, or something was changed.
    #[error("the document was not signed by this headquarters")]
    Signature,
    /// The text is not the document it claims to be.
    #[error("the signed document cannot be read")]
    Content(#[source] serde_json::Error),
}

impl Signed {
    /// Signs `document`.
    ///
    /// # Errors
    /// [`SignedError::Content`] if it cannot be written as JSON.
    pub fn seal<D: Document>(document: &D, key: &SigningKey) -> Result<Self, SignedError> {
        let body = serde_json::to_string(document).map_err(SignedError::Content)?;
        let signature = STANDARD.encode(key.sign(&message::<D>(&body)));
        Ok(Self { body, signature })
    }

    /// Checks the signature, then reads the document.
    ///
    /// # Errors
    /// [`SignedError::Signature`] before anything is parsed; [`SignedError::Content`] for an unknown or missing field.
    pub fn open<D: Document>(&self, key: &VerifyKey) -> Result<D, SignedError> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| SignedError::Signature)?;
        key.verify(&message::<D>(&self.body), &signature).map_err(|_| SignedError::Signature)?;
        serde_json::from_str(&self.body).map_err(SignedError::Content)
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signed(…)")
    }
}

fn message<D: Document>(body: &str) -> Vec<u8> {
    [D::CONTEXT.as_bytes(), b"\n", body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_document_opens_only_as_what_it_is() {
        let key = SigningKey::from_seed([1; 32]);
        let tombstone = Tombstone {
            node: "pc-1".parse().unwrap(),
            public_key: PublicKey::from_bytes([2; 32]),
            revoked_at: Timestamp::from_seconds(0),
            reason: "紛失".to_owned(),
        };
        let signed = Signed::seal(&tombstone, &key).unwrap();
        assert_eq!(signed.open::<Tombstone>(&key.verify_key()).unwrap(), tombstone);
        assert!(matches!(signed.open::<Lease>(&key.verify_key()), Err(SignedError::Signature)));
        let other = SigningKey::from_seed([2; 32]).verify_key();
        assert!(matches!(signed.open::<Tombstone>(&other), Err(SignedError::Signature)));
    }
}
