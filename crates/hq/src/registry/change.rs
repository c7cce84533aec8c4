//! Changes: what a decision does to the registry, for memory and database alike.

use hanare_ledger::{Hash, Head};
use hanare_model::{CompanyId, OfficeId, PublicKey, RoomId, Timestamp};
use ipnet::IpNet;

use super::receipts::{ReceiptRow, WipesRow};
use super::rows::{
    CompanyRow, InviteRow, NodeRow, NoticeRow, OfficeRow, PersonRow, PolicyRow, RoomRow, SessionRow, TryRow,
};

/// One row put or removed.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Company(CompanyRow),
    CompanyGone(CompanyId),
    Office(OfficeRow),
    OfficeGone(OfficeId),
    Room(RoomRow),
    RoomGone(RoomId),
    Invite(InviteRow),
    Node(Box<NodeRow>),
    Quarantine(IpNet, Timestamp),
    Policy(PolicyRow),
    Person(Box<PersonRow>),
    /// Wrong proofs for the name of a person.
    Try(TryRow),
    /// The same for a name that nobody has: kept in memory, within bounds. Whoever tries names must not fill the disk, and
    /// what somebody types for a name may be their password.
    StrangersTry(TryRow),
    Session(SessionRow),
    Notice(NoticeRow),
    /// The preshared key of a node that has ended is overwritten.
    NodeKeyGone(PublicKey),
    /// Boxed because it is large.
    Wipes(Box<WipesRow>),
    Receipt(Box<ReceiptRow>),
    /// A receipt that is in the database, of which memory keeps the hash only.
    ReceiptHeld(PublicKey, Hash),
    /// Where headquarters stands in a node's own ledger.
    NodeLedger(PublicKey, Head),
}
