//! What the admin asks of a running headquarters, over its Unix socket: typed requests, answers and problems.
//!
//! One JSON document a line in each direction. Every request is a struct of its own that names its answer:
//! `client.call(CompanyAdd { … }).await?` is an [`Added`] of a [`Company`].

mod answer;
mod client;
mod evidence;
mod handover;
mod person;
mod problem;
mod request;
mod waiting;
mod wipes;

pub use answer::{
    Added, Company, DayOrdered, ExternalNode, Invited, LedgerEntry, LedgerExported, LedgerLine,
    LedgerVerified, Lists, Node, NodeCounts, NodeState, Office, PolicyShown, PutBackSeen, Removed, Revoked,
    Room, Status,
};
pub use client::{Client, ClientError};
pub(crate) use client::{MAX_SOCKET_PATH, Reply, short_path};
pub use evidence::{
    ClosedNode, ClosedRoom, HeldOf, LedgerPart, LostNode, MAX_OPENINGS, Opening, RefusedTry, RoomCertificate,
    Signed, Wanted,
};
pub use handover::{
    Blob, DeletionsDecided, HandoverChunks, HandoverContent, HandoverFile, HandoverPage, HandoverPlace,
    HandoverSource, HandoverTaken, HandoverTakenFile, HandoverTakenPage, HandoverTotals, HeldDeletions,
};
pub use person::{CompanySpace, Passed, Person, PersonEnded, PersonGiven, PersonState, Quota, Space};
pub use problem::{BadText, Field, Noun, Owner, Problem};
pub use request::{
    Call, CompanyAdd, CompanyList, CompanyQuota, CompanyRemove, HandoverChunk, HandoverDecide,
    HandoverDeletions, HandoverGranted, HandoverImport, HandoverList, HandoverStatus, HandoverTake,
    InviteMake, LedgerExport, LedgerLines, LedgerList, LedgerVerify, NodeAcknowledge, NodeAddExternal,
    NodeEndDay, NodeList, NodeLost, NodeReceipts, NodeRevoke, NodeShow, OfficeAdd, OfficeList, OfficeRemove,
    OfficeShow, PersonAdd, PersonDisable, PersonList, PersonQuota, PersonReset, PolicyApply, PolicyShow,
    Request, RoomAdd, RoomClose, RoomList, RoomRemove, RoomShow, StatusShow,
};
pub use waiting::{WaitingNode, WaitsFor};
pub use wipes::{
    Acknowledged, NodeTold, NodeWipes, ReceiptCame, ReceiptCounts, ReceiptDue, ReceiptHeld, ReceiptPage,
    ReceiptPlace, WipeCounts, WipeStanding,
};

/// Name of the socket inside the runtime directory.
pub const SOCKET_NAME: &str = "hq.sock";
/// The group whose members may administer headquarters besides root.
pub const ADMIN_GROUP: &str = "hanare";
