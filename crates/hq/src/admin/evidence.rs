//! Evidence: what headquarters knows of a machine that is lost, or of a room that was given up, as facts. What nobody knows is
//! absent, and said to be unknown.

use hanare_ledger::{Hash, Head};
use hanare_model::{NodeKind, NodeName, PersonId, PublicKey, RoomId, Timestamp};
use serde::{Deserialize, Serialize};

use super::answer::Node;
use super::wipes::NodeWipes;

/// `node lost`: the facts for a first report. It holds no name of a file and judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostNode {
    /// When this was written.
    pub at: Timestamp,
    /// The node with what is known of its wipes, from before it was revoked.
    pub node: Node,
    /// Since when its key opens nothing at headquarters.
    pub revoked_at: Option<Timestamp>,
    /// Whether this request revoked it.
    pub revoked_now: bool,
    /// Whether the machine itself said that it read the notice.
    pub acknowledged: bool,
    /// When it was last heard in any way; `None` if never since headquarters keeps that.
    pub last_contact: Option<Timestamp>,
    /// Openings of work there, newest first; at most [`MAX_OPENINGS`].
    pub openings: Vec<Opening>,
    /// When it was first said to be lost.
    pub reported_at: Timestamp,
    /// What headquarters refused to whoever has its key, newest first; at most [`MAX_OPENINGS`].
    pub refusals: Vec<RefusedTry>,
    /// How many came since [`Self::reported_at`], at least: of a flood the ledger keeps a few.
    pub refused_since: u64,
    /// What headquarters holds that came from it, by person; `None` if its store cannot tell now.
    pub held: Option<Vec<HeldOf>>,
    /// Whether work was open there as far as headquarters knew.
    pub was_open: bool,
}

/// The most openings, and the most refusals, on a sheet.
pub const MAX_OPENINGS: usize = 50;

/// Something that headquarters refused to a machine, as its ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedTry {
    /// When.
    pub at: Timestamp,
    /// What it wanted.
    pub what: Wanted,
    /// Why it was refused: the ledger's code.
    pub why: String,
}

/// What a machine wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// To open, fetch or deliver work.
    Work,
    /// A lease: its way into the tunnel.
    Lease,
    /// To have records or receipts taken.
    Records,
}

/// An opening of work on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Whose work.
    pub person: PersonId,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when; `None` if nobody knows.
    pub closed_at: Option<Timestamp>,
    /// What ended it.
    pub reason: Option<String>,
}

/// What headquarters holds of one person from one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOf {
    /// Whose.
    pub person: PersonId,
    /// Files whose newest version came from there.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last of them came.
    pub latest: Timestamp,
}

/// A document of headquarters, signed for anybody (SSHSIG).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<T> {
    /// What it says.
    pub facts: T,
    /// The same, byte for byte as it was signed.
    pub document: String,
    /// The armoured signature.
    pub signature: String,
    /// The key that signed it, as OpenSSH writes it.
    pub key: String,
}

/// What closing a room came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedRoom {
    /// The certificate, signed.
    pub certificate: Signed<RoomCertificate>,
    /// The ledger's records that concern the room, byte for byte, each signed by itself.
    pub ledger: String,
}

/// What is certified about a room that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCertificate {
    /// Which.
    pub room: RoomId,
    /// Who leased it.
    pub company: String,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// By whom, as the ledger writes it.
    pub closed_by: String,
    /// Nodes on which something waited, or may have, and was given up.
    pub abandoned: Vec<String>,
    /// Every node that ever was in it, and what is known of its wipes.
    pub nodes: Vec<ClosedNode>,
    /// Preshared keys of its nodes that were overwritten in headquarters' database.
    pub keys_destroyed: u64,
    /// Its part of the ledger.
    pub ledger: LedgerPart,
    /// What stays, and where it is: work belongs to persons, keys of work to the company; backups are not reached.
    pub stays: Vec<String>,
}

/// A node of a room that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedNode {
    /// Its name.
    pub name: NodeName,
    /// What it was.
    pub kind: NodeKind,
    /// Its key, which opens nothing any more.
    pub public_key: PublicKey,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What is known of its wipes; endpoints only.
    pub wipes: Option<NodeWipes>,
}

/// A part of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPart {
    /// How many records.
    pub records: u64,
    /// SHA-256 of the part as it is exported.
    pub sha256: Hash,
    /// The whole ledger's last record: a later export must extend it.
    pub head: Head,
}
