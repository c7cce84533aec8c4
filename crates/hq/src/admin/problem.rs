//! Problems: why headquarters does not do what the admin asked, as data that the CLI says in the person's language.

use std::fmt;

use hanare_model::plan::Unfit;
use hanare_model::policy::Fault;
use hanare_model::{NodeName, PersonId, RoomId, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::waiting::{WaitingNode, names};

/// What a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noun {
    /// A tenant.
    Company,
    /// A building.
    Office,
    /// A room.
    Room,
    /// A node.
    Node,
    /// An invite.
    Invite,
    /// An employee.
    Person,
    /// A policy.
    Policy,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Company => "company",
            Self::Office => "office",
            Self::Room => "room",
            Self::Node => "node",
            Self::Invite => "invite",
            Self::Person => "person",
            Self::Policy => "policy",
        })
    }
}

/// Whose a prefix is, or what keeps something in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// A room.
    #[error("room {0}")]
    Room(RoomId),
    /// A node.
    #[error("node {0}")]
    Node(NodeName),
    /// An employee.
    #[error("person {0}")]
    Person(PersonId),
    /// The policy in force.
    #[error("policy")]
    Policy,
    /// Headquarters itself.
    #[error("headquarters")]
    Headquarters,
    /// Nobody yet: it was somebody's a while ago.
    #[error("quarantine")]
    Quarantine,
}

/// A text that a person gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// A name for people.
    #[error("name")]
    Name,
    /// A reason.
    #[error("reason")]
    Reason,
    /// A fact about an office, or its key.
    #[error("site")]
    Site,
}

/// Why a text cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadText {
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
    /// Longer than so many characters.
    #[error("it has more than {0} characters")]
    Long(usize),
    /// More than one line, or worse.
    #[error("it holds control characters")]
    Control,
}

/// The longest name or reason, in characters.
const MAX_TEXT: usize = 200;

impl BadText {
    /// Checks a text that a person gave and other people will read.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn check(text: &str) -> Result<(), Self> {
        match () {
            () if text.trim().is_empty() => Err(Self::Empty),
            () if text.chars().count() > MAX_TEXT => Err(Self::Long(MAX_TEXT)),
            () if text.chars().any(char::is_control) => Err(Self::Control),
            () => Ok(()),
        }
    }
}

/// Why headquarters says no to an admin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Problem {
    /// Something else has this id.
    #[error("{noun} {id} is there already, with other data")]
    Exists {
        /// What it is.
        noun: Noun,
        /// Its id.
        id: String,
    },
    /// Nothing has this id.
    #[error("there is no {noun} {id}")]
    Missing {
        /// What was looked for.
        noun: Noun,
        /// Its id.
        id: String,
    },
    /// Work waits sealed on the node, and nobody else can deliver it.
    #[error("{items} sealed items wait on node {node}")]
    Sealed {
        /// Which.
        node: NodeName,
        /// How many, as it said last.
        items: u64,
    },
    /// Something hangs on it.
    #[error("{noun} {id} is still used by {by}")]
    InUse {
        /// What it is.
        noun: Noun,
        /// Its id.
        id: String,
        /// What uses it.
        by: Owner,
    },
    /// A prefix meets another one.
    #[error("{prefix} overlaps {with}, which belongs to {owner}")]
    Overlap {
        /// What was asked for.
        prefix: IpNet,
        /// What is in the way.
        with: IpNet,
        /// Whose it is.
        owner: Owner,
    },
    /// A prefix that cannot be a room's.
    #[error("{prefix} cannot be a room's prefix: {reason}")]
    Prefix {
        /// What was asked for.
        prefix: IpNet,
        /// Why not.
        reason: Unfit,
    },
    /// No address or prefix is left.
    #[error("no free address is left in {place}")]
    Full {
        /// Where, such as `room kofu/306` or `the overlay 10.88.0.0/16`.
        place: String,
    },
    /// A room has one gateway.
    #[error("room {room} has a gateway already: {node}")]
    GatewayTaken {
        /// The room.
        room: String,
        /// Its gateway.
        node: String,
    },
    /// An invite makes endpoints and gateways only.
    #[error("an invite is for an endpoint or a gateway; an external node is made with `node add`")]
    InviteKind,
    /// A duration that an invite cannot have.
    #[error("an invite lasts between {least} and {most} seconds, not {asked}")]
    InviteDuration {
        /// What was asked for.
        asked: u64,
        /// The shortest.
        least: u64,
        /// The longest.
        most: u64,
    },
    /// A name or reason that is too long or holds control characters.
    #[error("{field} cannot be used: {reason}")]
    Text {
        /// Which.
        field: Field,
        /// Why not.
        reason: BadText,
    },
    /// There is not exactly one company, so it must be named.
    #[error("there is more than one company, or none: name the person's")]
    CompanyWanted,
    /// A disabled person does not come back.
    #[error("person {id} is disabled, and stays so")]
    PersonDisabled {
        /// Who.
        id: PersonId,
    },
    /// Somebody whom a person's work cannot go to.
    #[error(
        "the work of {id} cannot go to {successor}: it goes to another enabled person of the same company"
    )]
    Successor {
        /// Whose work.
        id: PersonId,
        /// Who was named.
        successor: PersonId,
    },
    /// Work is open on nodes of a room, or waits there, or nobody knows that none does.
    #[error("work is open or waits on nodes of room {room}, or may: {}", names(nodes))]
    SealedWait {
        /// The room.
        room: RoomId,
        /// Those nodes, by name.
        nodes: Vec<WaitingNode>,
    },
    /// Nobody knows whether work waits sealed on the node.
    #[error("nobody knows whether sealed items wait on node {node}: it said so last at {since}")]
    SealedUnknown {
        /// Which.
        node: NodeName,
        /// When it last said that none do.
        since: Timestamp,
    },
    /// Nothing is held that was asked for.
    #[error("headquarters holds nothing of the kind")]
    NothingHeld,
    /// Copies of work are no longer granted.
    #[error("this grant is over")]
    GrantOver,
    /// Too many passwords are being looked at.
    #[error("headquarters is looking at too many passwords now")]
    Overloaded,
    /// The policy cannot be read.
    #[error("policy, line {line}, column {column}: {fault}")]
    Policy {
        /// From 1.
        line: u64,
        /// From 1, in characters.
        column: u64,
        /// What is wrong and what was expected.
        fault: Fault,
    },
    /// The caller may not.
    #[error("only root and members of the group {group} may do this, not user {uid}")]
    Forbidden {
        /// The caller.
        uid: u32,
        /// Who may.
        group: String,
    },
    /// The request cannot be read: another version of this program asks.
    #[error("headquarters does not understand the request: {text}")]
    Malformed {
        /// What is wrong with it.
        text: String,
    },
    /// The disk is full; nothing was changed.
    #[error("no space is left for headquarters' database; nothing was changed")]
    DiskFull,
    /// Another process holds the database; nothing was changed.
    #[error("headquarters' database is locked by another process; nothing was changed")]
    Locked,
    /// The database cannot be trusted any more.
    #[error("headquarters' database is damaged: {text}")]
    Damaged {
        /// What the database said.
        text: String,
    },
    /// The bucket with the objects of work data does not do its work.
    #[error("the bucket {bucket} cannot be used: {text}")]
    Bucket {
        /// Where it is.
        bucket: String,
        /// Whether it says no; otherwise it does not answer.
        refused: bool,
        /// What it, or the system, said.
        text: String,
    },
    /// Headquarters is stopping.
    #[error("headquarters is stopping")]
    Stopping,
    /// Our bug.
    #[error("headquarters failed: {text}")]
    Bug {
        /// What happened.
        text: String,
    },
}

impl Problem {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "exists",
            Self::Missing { .. } => "missing",
            Self::Sealed { .. } => "node-sealed",
            Self::InUse { .. } => "in-use",
            Self::Overlap { .. } => "overlap",
            Self::Prefix { .. } => "prefix",
            Self::Full { .. } => "full",
            Self::GatewayTaken { .. } => "gateway-taken",
            Self::InviteKind => "invite-kind",
            Self::InviteDuration { .. } => "invite-duration",
            Self::Text { .. } => "text",
            Self::CompanyWanted => "company-wanted",
            Self::PersonDisabled { .. } => "person-disabled",
            Self::Successor { .. } => "successor",
            Self::SealedWait { .. } => "sealed-wait",
            Self::SealedUnknown { .. } => "node-silent",
            Self::NothingHeld => "nothing-held",
            Self::GrantOver => "grant-over",
            Self::Overloaded => "overloaded",
            Self::Policy { .. } => "policy",
            Self::Forbidden { .. } => "forbidden",
            Self::Malformed { .. } => "malformed",
            Self::DiskFull => "disk-full",
            Self::Locked => "database-locked",
            Self::Damaged { .. } => "database-damaged",
            Self::Bucket { .. } => "bucket",
            Self::Stopping => "stopping",
            Self::Bug { .. } => "bug",
        }
    }

    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Exists { .. }
            | Self::Missing { .. }
            | Self::Overlap { .. }
            | Self::Prefix { .. }
            | Self::InviteKind
            | Self::InviteDuration { .. }
            | Self::Text { .. }
            | Self::CompanyWanted
            | Self::Successor { .. }
            | Self::NothingHeld
            | Self::Policy { .. }
            | Self::Malformed { .. } => 3,
            Self::Full { .. }
            | Self::Forbidden { .. }
            | Self::DiskFull
            | Self::Locked
            | Self::Damaged { .. } => 4,
            Self::Stopping | Self::Overloaded | Self::Bucket { refused: false, .. } => 5,
            Self::InUse { .. }
            | Self::Sealed { .. }
            | Self::GatewayTaken { .. }
            | Self::PersonDisabled { .. }
            | Self::GrantOver
            | Self::Bucket { refused: true, .. }
            | Self::SealedWait { .. }
            | Self::SealedUnknown { .. } => 6,
            Self::Bug { .. } => 70,
        }
    }
}
