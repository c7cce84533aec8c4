//! Rows: what the registry knows of each thing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use hanare_model::plan::RoomPlace;
use hanare_model::{
    CompanyId, NodeKind, NodeName, OfficeId, PresharedKey, PublicKey, RoomId, Timestamp, VerifyKey,
};
use ipnet::IpNet;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompanyRow {
    pub id: CompanyId,
    pub name: String,
    pub created_at: Timestamp,
}

/// A building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfficeRow {
    pub id: OfficeId,
    pub name: String,
    pub site: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomRow {
    pub id: RoomId,
    pub company: CompanyId,
    pub place: RoomPlace,
    pub created_at: Timestamp,
}

/// An invite, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InviteRow {
    pub id: String,
    pub fingerprint: [u8; 32],
    /// If it is printed on a sheet, the fingerprint of the code told over the phone.
    pub code: Option<[u8; 32]>,
    /// How often a wrong one was told.
    pub wrong_codes: u32,
    pub room: RoomId,
    pub kind: NodeKind,
    pub node: Option<NodeName>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub redeemed_by: Option<PublicKey>,
    pub closed: bool,
}

impl InviteRow {
    /// Whether somebody may still redeem it.
    pub(crate) fn open(&self, now: Timestamp) -> bool {
        !self.closed && self.redeemed_by.is_none() && now < self.expires_at
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeRow {
    pub public_key: PublicKey,
    /// `None` for external nodes: they run none of our code.
    pub signing_key: Option<VerifyKey>,
    pub preshared_key: PresharedKey,
    pub name: NodeName,
    pub kind: NodeKind,
    pub company: CompanyId,
    pub room: RoomId,
    pub addresses: [IpAddr; 2],
    pub lan: Vec<IpNet>,
    pub enrolled_at: Timestamp,
    pub serial: u64,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// Digest of what the last lease said, so that a change of any of it makes a new one.
    pub lease_digest: String,
    pub endpoint: Option<SocketAddr>,
    pub revoked_at: Option<Timestamp>,
    pub reason: Option<String>,
    /// Whether its end was its own word.
    pub has_left: bool,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRow {
    pub text: String,
    pub applied_at: Timestamp,
}
