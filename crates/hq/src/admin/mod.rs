//! What the admin asks of a running headquarters, over its Unix socket: typed requests, answers and problems.
//!
//! One JSON document a line in each direction. Every request is a struct of its own that names its answer:
//! `client.call(CompanyAdd { … }).await?` is an [`Added`] of a [`Company`].

mod answer;
mod client;
mod problem;
mod request;

pub use answer::{
    Added, Company, DayOrdered, ExternalNode, HandoverFile, HandoverPage, HandoverTotals, Invited,
    LedgerEntry, LedgerExported, LedgerVerified, Lists, Node, NodeCounts, NodeState, Office, Person,
    PersonEnded, PersonGiven, PersonState, PolicyShown, Removed, Revoked, Room, Status,
};
pub use client::{Client, ClientError};
pub(crate) use client::{MAX_SOCKET_PATH, Reply, short_path};
pub use problem::{BadText, Field, Noun, Owner, Problem};
pub use request::{
    Call, CompanyAdd, CompanyList, CompanyRemove, HandoverList, HandoverStatus, InviteMake, LedgerExport,
    LedgerList, LedgerVerify, NodeAddExternal, NodeEndDay, NodeList, NodeRevoke, NodeShow, OfficeAdd,
    OfficeList, OfficeRemove, OfficeShow, PersonAdd, PersonDisable, PersonList, PersonReset, PolicyApply,
    PolicyShow, Request, RoomAdd, RoomList, RoomRemove, RoomShow, StatusShow,
};

/// Name of the socket inside the runtime directory.
pub const SOCKET_NAME: &str = "hq.sock";
/// The group whose members may administer headquarters besides root.
pub const ADMIN_GROUP: &str = "hanare";
