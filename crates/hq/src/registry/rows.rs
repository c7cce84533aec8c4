//! Rows: what the registry knows of each thing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hanare_model::plan::RoomPlace;
use hanare_model::work::{Notice, WorkEnd};
use hanare_model::{
    CompanyId, NodeKind, NodeName, OfficeId, PersonId, PresharedKey, PublicKey, RoomId, Timestamp, VerifyKey,
};
use ipnet::IpNet;

use crate::identity::Account;

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

/// The reason with which a machine that is lost is revoked.
pub(crate) const LOST: &str = "lost";

impl NodeRow {
    /// Whether it was revoked because somebody else may have it.
    pub(crate) fn is_lost(&self) -> bool {
        self.revoked_at.is_some() && self.reason.as_deref() == Some(LOST)
    }
}

/// An employee. The account is what proves them.
#[derive(Debug, Clone)]
pub(crate) struct PersonRow {
    pub id: PersonId,
    pub company: CompanyId,
    pub name: String,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    /// Whose their work becomes.
    pub successor: Option<PersonId>,
    pub account: Account,
    /// Whether the password is one that an admin has seen.
    pub must_change: bool,
    /// The last step of the one-time code that was taken: none is taken twice.
    pub totp_step: u64,
}

/// A name of a company, on one node or, without one, on all of them together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TryKey {
    pub company: CompanyId,
    pub person: PersonId,
    pub node: Option<PublicKey>,
}

/// Wrong proofs in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TryRow {
    pub key: TryKey,
    pub failures: u32,
    pub last_at: Timestamp,
    pub locked_until: Timestamp,
    /// When the person last opened work here.
    pub opened_at: Option<Timestamp>,
}

/// A node's last opening, the token as its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub node: PublicKey,
    pub person: PersonId,
    pub company: CompanyId,
    pub fingerprint: [u8; 32],
    pub opened_at: Timestamp,
    pub until: Timestamp,
    pub ended: Option<(Timestamp, WorkEnd)>,
}

/// How long what is left may be handed over after the end was ordered.
const FINISHING: Duration = Duration::from_mins(30);

impl SessionRow {
    /// Whether it is still good.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.until
    }

    /// Whether it may still hand over what is left: an order leaves time for the countdown that people see, and for the rest.
    pub(crate) fn may_finish(&self, now: Timestamp) -> bool {
        match self.ended {
            None => now < self.until,
            Some((at, WorkEnd::Ordered)) => now < self.until && now < at.after(FINISHING),
            Some(_) => false,
        }
    }
}

/// What a person is to know of what others did with their work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoticeRow {
    /// Ascending.
    pub id: u64,
    pub person: PersonId,
    pub notice: Notice,
    /// When an opening of the person's first brought it along.
    pub told_at: Option<Timestamp>,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRow {
    pub text: String,
    pub applied_at: Timestamp,
}
