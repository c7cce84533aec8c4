//! What travels between a node and headquarters' node API: JSON over HTTP/1.1 over TLS 1.3.
//!
//! A node presents a self-signed Ed25519 certificate made from its signing key; TLS proves that it holds the key, and
//! headquarters knows the node by it. Headquarters' certificate is pinned by the SHA-256 of its SPKI.
//!
//! | call | who | answers |
//! |---|---|---|
//! | `GET /v1/hello` | anyone | [`Hello`] |
//! | `POST /v1/join` [`JoinRequest`] | holder of an invite | [`Granted`] or [`Refusal`] |
//! | `GET /v1/lease` | enrolled node | [`Granted`] or [`Refusal`]; renews when half of the lease has passed |
//! | `GET /v1/events` | enrolled node, inside the tunnel | an endless stream of [`Event`], one JSON document a line |
//! | `POST /v1/ack` [`Ack`] | enrolled node | 204 |
//! | `POST /v1/leave` [`Leave`] | enrolled node | 204; the node has left, its key never comes back |
//! | `POST /v1/work/open` [`WorkOpen`](crate::work::WorkOpen) | enrolled endpoint, inside the tunnel | [`WorkOpened`](crate::work::WorkOpened) or [`Refusal`] |
//! | `POST /v1/work/close` [`WorkClose`](crate::work::WorkClose) | enrolled endpoint, inside the tunnel | 204; this session is closed |
//! | `POST /v1/work/overtime` [`WorkOvertime`](crate::work::WorkOvertime) | enrolled endpoint, inside the tunnel | 204; it is on the ledger |
//! | `POST /v1/report` [`NodeReport`](crate::report::NodeReport) | node, also a revoked one | [`ReportTaken`](crate::report::ReportTaken); receipts of its wipes |
//! | `POST /v1/rebuild` | enrolled node | 204; headquarters builds this peer's session anew (a node whose clock went back) |

use serde::{Deserialize, Serialize};

use crate::id::PersonId;
use crate::key::{PublicKey, VerifyKey};
use crate::lease::Signed;
use crate::time::Timestamp;
use crate::work::{Notice, WorkEnd, WorkRefusal};

/// Context of the proof that a node holds its `WireGuard` key; see [`JoinRequest::proof`].
pub const PROOF_CONTEXT: &[u8] = b"hanare-join-proof/1";
/// Label of the TLS exporter (RFC 8446, 7.5) that binds the proof to this connection; 32 bytes, empty context.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-hanare-join";

/// The last word of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leave {
    /// How many records of its own ledger headquarters has not taken, which are gone with it.
    pub records_missing: u64,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Headquarters' `WireGuard` key.
    pub public_key: PublicKey,
    /// The key that signs leases and tombstones.
    pub signing_key: VerifyKey,
    /// Headquarters' clock.
    pub now: Timestamp,
}

/// Redeems an invite.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// The invite's public id.
    pub invite: String,
    /// The invite's secret, base64.
    pub secret: String,
    /// The node's `WireGuard` key.
    pub public_key: PublicKey,
    /// The name the node asks for, if the invite leaves it open.
    pub name: Option<crate::id::NodeName>,
    /// The code told over the phone, if the invite wants one ([`crate::Invite::wants_code`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// HMAC-SHA-256, base64, with the X25519 secret shared by this node's and headquarters' `WireGuard` keys as key, over
    /// [`PROOF_CONTEXT`], the TLS exporter of this connection and the node's signing key (32 bytes).
    pub proof: String,
}

impl std::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("invite", &self.invite)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

/// A lease, as signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Granted {
    /// A [`crate::Lease`].
    pub lease: Signed,
    /// The key that signed it.
    pub signing_key: VerifyKey,
}

/// Why headquarters says no. The status code of the answer is 403, or 429 for [`Refusal::TooMany`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "kebab-case")]
pub enum Refusal {
    /// No such invite, or a wrong secret; told apart by nobody but the ledger.
    UnknownInvite,
    /// The invite's time is over.
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// Another device redeemed it.
    Used,
    /// A proof of possession does not hold.
    Proof,
    /// The code told over the phone is missing or wrong.
    Code,
    /// Too many wrong codes: the invite is closed ([`crate::invite::MAX_WRONG_CODES`]).
    Blocked,
    /// The asked-for name is taken or not a name.
    Name,
    /// The request is not one of ours.
    Malformed,
    /// This key belongs to no node.
    NotEnrolled,
    /// The node was revoked.
    Revoked {
        /// A [`crate::Tombstone`].
        tombstone: Signed,
    },
    /// Work is not opened.
    Work {
        /// Why not.
        work: WorkRefusal,
    },
    /// Too many tries from this address.
    TooMany {
        /// Seconds to wait.
        retry_after_seconds: u64,
    },
}

/// What headquarters tells a node while it is connected.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A new lease; takes effect at once.
    Lease {
        /// What was granted.
        granted: Granted,
    },
    /// The end.
    Revoked {
        /// A [`crate::Tombstone`].
        tombstone: Signed,
    },
    /// Work is closed on this node, and not by its own word. Sent again to a node that connects again: the last end may have
    /// been missed.
    WorkClosed {
        /// Whose work it was.
        person: PersonId,
        /// SHA-256 of the session, hexadecimal: an end that was heard late must not close the next opening.
        session: String,
        /// Why.
        reason: WorkEnd,
    },
    /// What the person whose work is open here is to know; all of it, newest first.
    Notices {
        /// SHA-256 of the session, hexadecimal.
        session: String,
        /// At most [`crate::work::MAX_NOTICES`].
        notices: Vec<Notice>,
    },
    /// Still here; sent every 10 s so that a dead connection is noticed.
    Alive,
}

/// A node has acted on something.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ack", rename_all = "kebab-case")]
pub enum Ack {
    /// The lease with this serial is in force.
    Lease {
        /// [`crate::Lease::serial`].
        serial: u64,
    },
    /// The tombstone was read and stored.
    Revoked,
}
