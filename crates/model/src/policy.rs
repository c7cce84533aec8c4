//! A segmentation policy as an admin writes it: TOML, read strictly, every complaint with its line and column.
//!
//! What it does not say stays closed between rooms and between companies. See `policies/` for an example and the schema.

mod compile;
mod fault;
mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

pub use compile::{Resident, Site, compile, devices, unknown};
pub use fault::Fault;

use crate::device::Device;
use crate::filter::Service;
use crate::id::{CompanyId, RoomId};
pub use crate::position::Position;
use crate::time::CalendarDay;
use crate::unlock::UnlockTerms;

/// The version that this code reads.
pub const VERSION: u32 = 1;
/// A policy has no more devices than this: each is a rule on each node.
pub const MAX_DEVICES: usize = 64;
/// A policy opens no more than this, counting a rule to several services once for each: nft 1.0.6 takes time with the square of
/// rules between lists of prefixes, and gets half a minute (500 of them: 9 s).
pub const MAX_RULES: usize = 500;
/// Ports and ranges of one device at most: all devices together have to fit a lease (1 MiB with its signature).
pub const MAX_DEVICE_PORTS: usize = 16;
/// A policy names no more holidays: ten years of them, which every lease repeats.
pub const MAX_HOLIDAYS: usize = 400;
/// The most overtime that a policy gives a person in a day, in hours; as much as a machine's own policy may give.
pub const MAX_OVERTIME_HOURS: u64 = 24;
/// A longer policy is refused before it is parsed (1 MiB, as for checklists).
pub const MAX_LEN: usize = 1024 * 1024;

/// A checked policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// What every room may do.
    pub defaults: Defaults,
    /// Services that rules name.
    pub services: Vec<NamedService>,
    /// What is opened besides.
    pub allow: Vec<Rule>,
    /// Devices in the rooms' own networks.
    pub devices: Vec<RoomDevice>,
    /// How people may open the kill switch of their PC.
    pub unlock: UnlockTerms,
    /// Days on which nobody works, in every room.
    pub holidays: BTreeSet<CalendarDay>,
    /// How much overtime headquarters grants a person in a day, at most [`MAX_OVERTIME_HOURS`]; that, if it does not say, so
    /// that the machine's own policy decides.
    pub overtime_hours: Option<u64>,
}

/// What every room may do unless a rule is needed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Ping and TCP to headquarters' own addresses. Closed leaves ping and the node API, without which no lease is renewed.
    pub hq: Access,
    /// Headquarters' networks.
    pub networks: Access,
    /// The internet, if headquarters was made with `--internet via-hq`.
    pub internet: Access,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { hq: Access::Open, networks: Access::Open, internet: Access::Open }
    }
}

/// Open or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// For everybody.
    Open,
    /// But for rules.
    Closed,
}

/// A service behind headquarters under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedService {
    /// What rules call it: `service:NAME`.
    pub name: String,
    /// Where it is.
    pub at: Vec<Party>,
    /// What it is, and where the policy says where it is.
    pub service: Service,
    /// Position of `at`.
    pub position: Position,
}

/// One `[[allow]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Who starts.
    pub from: Vec<Party>,
    /// Who is reached; no [`Party::Service`] is left here.
    pub to: Vec<Party>,
    /// By what.
    pub service: Service,
    /// Why, for the auditor.
    pub reason: String,
    /// Position of `from`.
    pub from_position: Position,
    /// Position of `to`.
    pub to_position: Position,
}

/// One `[[device]]`: what the nodes of some rooms may ask in the network that they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomDevice {
    /// In which rooms: [`Party::Rooms`], [`Party::Company`], [`Party::Room`].
    pub rooms: Vec<Party>,
    /// Where, and what may be asked there.
    pub devices: Vec<Device>,
    /// Why, for the auditor.
    pub reason: String,
    /// Position of `room`.
    pub rooms_position: Position,
    /// Position of `at`.
    pub at_position: Position,
}

/// Who a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// `rooms`: every room.
    Rooms,
    /// `company:ID`: every room of a company.
    Company(CompanyId),
    /// `room:OFFICE/ROOM`.
    Room(RoomId),
    /// `network:CIDR`: a part of headquarters' networks.
    Network(IpNet),
    /// `hq`: headquarters' own addresses.
    Hq,
    /// `service:NAME`.
    Service(String),
}

/// What is wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {fault}", position.line, position.column)]
pub struct PolicyError {
    /// Where.
    pub position: Position,
    /// What, and what was expected.
    pub fault: Fault,
}

impl FromStr for Policy {
    type Err = PolicyError;
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        read::read(text)
    }
}

impl FromStr for Party {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match (kind, rest.is_empty()) {
            ("rooms", true) => Ok(Self::Rooms),
            ("hq", true) => Ok(Self::Hq),
            ("company", false) => rest.parse().map(Self::Company).map_err(|e: crate::IdError| e.to_string()),
            ("room", false) => rest.parse().map(Self::Room).map_err(|e: crate::IdError| e.to_string()),
            ("network", false) => network(rest).map(Self::Network),
            ("service", false) => Ok(Self::Service(rest.to_owned())),
            _ => Err(format!(
                "{text:?} names nobody: write rooms, company:ID, room:OFFICE/ROOM, network:CIDR, hq or service:NAME"
            )),
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<std::net::IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| format!("{text:?} is not a prefix such as 192.0.2.0/24"))?,
    };
    if net.trunc() == net { Ok(net) } else { Err(format!("{text:?} has bits set behind the prefix length")) }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rooms => f.write_str("rooms"),
            Self::Company(id) => write!(f, "company:{id}"),
            Self::Room(id) => write!(f, "room:{id}"),
            Self::Network(net) => write!(f, "network:{net}"),
            Self::Hq => f.write_str("hq"),
            Self::Service(name) => write!(f, "service:{name}"),
        }
    }
}

#[cfg(test)]
mod tests;
