//! Changes: what a decision does to the registry, for memory and database alike.

use hanare_model::{CompanyId, OfficeId, RoomId, Timestamp};
use ipnet::IpNet;

use super::rows::{CompanyRow, InviteRow, NodeRow, OfficeRow, PolicyRow, RoomRow};

/// One row put or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}
