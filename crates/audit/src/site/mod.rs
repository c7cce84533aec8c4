//! What only people know about an office: its networks, canaries, resolvers, people, limits. TOML, read strictly.

mod read;
mod tables;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use hanare_model::{CompanyId, OfficeId, Position, RoomId};
use serde::{Deserialize, Serialize};

use crate::checklist::DeviceClass;
use crate::day::Day;

/// The version that this code reads.
pub const VERSION: u32 = 1;
/// A longer site file is refused before it is parsed (1 MiB).
pub const MAX_LEN: usize = 1024 * 1024;

/// A checked site file. What it does not say is not known; it is never taken for “there is none”.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The building.
    pub office: OfficeId,
    /// The room.
    pub room: Option<RoomId>,
    /// Who rents it.
    pub company: Option<CompanyId>,
    /// The building's name as people write it.
    pub office_name: Option<String>,
    /// The company's.
    pub company_name: Option<String>,
    /// The time zone in which its days end.
    pub time_zone: String,
    /// Networks.
    pub networks: Vec<Network>,
    /// Live things that an attack would reach.
    pub canaries: Vec<Canary>,
    /// The line to the world.
    pub wan: Option<Wan>,
    /// The gateway's side of the tunnel.
    pub tunnel: Option<Tunnel>,
    /// Headquarters' side of it.
    pub hq: Option<FarEnd>,
    /// Name servers.
    pub dns: Option<Dns>,
    /// How wrong clocks may be, in seconds.
    pub clock_max_error_seconds: Option<u32>,
    /// Services whose certificates are looked at.
    pub tls: Vec<Tls>,
    /// People.
    pub persons: Vec<Person>,
    /// How long records are kept.
    pub retention: Retention,
    /// Devices that the office states it does not have.
    pub none: BTreeSet<DeviceClass>,
    /// Who allowed active probes.
    pub permission: Option<Permission>,
}

/// A network of the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: NetworkRole,
    /// Its interface on the gateway.
    pub interface: Option<String>,
    /// Its prefixes, such as `10.77.0.0/24`.
    pub prefixes: Vec<Prefix>,
    /// The gateway's addresses in it.
    pub gateway: Vec<IpAddr>,
    /// The gateway's link address, in lower case.
    pub gateway_mac: Option<String>,
    /// Servers that may answer DHCP.
    pub dhcp_servers: Vec<IpAddr>,
    /// Routers that may advertise themselves.
    pub router_advertisers: Vec<IpAddr>,
    /// Whether its clients must not reach each other.
    pub client_isolation: bool,
    /// The gateway's ports that must be closed to it.
    pub admin_ports: Vec<u16>,
}

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkRole {
    /// Work.
    Business,
    /// Guests.
    Guest,
    /// Devices' own administration.
    Management,
}

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The address, without bits behind the length.
    pub address: IpAddr,
    /// The length in bits.
    pub length: u8,
}

/// A live thing that an attack would reach: silence counts only while it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The network that it is in.
    pub network: String,
    /// Its address.
    pub address: IpAddr,
    /// Its TCP port.
    pub tcp: Option<u16>,
    /// Its UDP port.
    pub udp: Option<u16>,
}

/// The line to the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wan {
    /// The gateway's interface.
    pub interface: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Ports that may listen there, such as `udp/51820`.
    pub listeners: Vec<String>,
}

/// The gateway's side of the tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The gateway's interface.
    pub interface: String,
    /// The interface of a PC that has a tunnel of its own.
    pub endpoint_interface: Option<String>,
    /// Headquarters' public key.
    pub peer: Option<String>,
    /// Headquarters' address.
    pub endpoint: Option<SocketAddr>,
    /// What travels inside.
    pub allowed_ips: Vec<Prefix>,
    /// Addresses at headquarters that answer.
    pub probe: Vec<IpAddr>,
    /// How old a handshake may be.
    pub handshake_max_age_seconds: Option<u32>,
    /// Whether everything travels inside.
    pub full: bool,
    /// Public addresses for route look-ups; nothing is ever sent to them.
    pub public_samples: Vec<IpAddr>,
}

/// Headquarters' side of the same tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarEnd {
    /// Headquarters' interface.
    pub interface: String,
    /// The gateway's public key.
    pub peer: Option<String>,
    /// What travels inside.
    pub allowed_ips: Vec<Prefix>,
    /// Addresses in the room that answer.
    pub probe: Vec<IpAddr>,
}

/// Name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Those that may be asked.
    pub resolvers: Vec<IpAddr>,
    /// A zone that headquarters serves.
    pub zone: Option<String>,
}

/// A service whose certificate is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The name that it must prove.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// The authority's certificate, as a file beside the site file.
    pub ca: Option<String>,
    /// How long it must be valid yet.
    pub min_days: Option<u32>,
}

/// Somebody who answers for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id that statements name.
    pub id: String,
    /// The name in reports.
    pub name: Option<String>,
    /// What they may do.
    pub roles: Vec<PersonRole>,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonRole {
    /// State that something is so.
    Attester,
    /// Answer for what is not so.
    Owner,
}

/// How long records are kept: the first three at least, the last one at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Who came and went, in days.
    pub entry_log_min_days: Option<u32>,
    /// Footage, in hours.
    pub footage_min_hours: Option<u32>,
    /// Logs of devices, in days.
    pub device_log_min_days: Option<u32>,
    /// Anything about persons, in days.
    pub personal_data_max_days: Option<u32>,
}

/// Who allowed active probes, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The person.
    pub by: String,
    /// The paper that says so.
    pub evidence: String,
    /// The last day.
    pub until: Day,
}

/// What is wrong with a site file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct SiteError {
    /// Where.
    pub position: Position,
    /// What, and what was expected.
    pub fault: SiteFault,
}

/// What can be wrong with a site file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteFault {
    /// Not TOML, or not a site's: the parser's words.
    #[error("{0}")]
    Form(String),
    /// Longer than [`MAX_LEN`].
    #[error("a site file has at most {most} bytes, this one has {0}", most = MAX_LEN)]
    TooLong(usize),
    /// Another version than [`VERSION`].
    #[error("version {0} is not known: this program reads version {known}", known = VERSION)]
    Version(u32),
    /// A value of another form than its key wants.
    #[error("{1:?} is not {0:?}")]
    Not(Wanted, String),
    /// A text that says nothing.
    #[error("the text is empty")]
    Empty,
    /// Two things of one name.
    #[error("{0:?} is there already")]
    Twice(String),
    /// A network that is not there.
    #[error("there is no network {0:?} in this file")]
    NoNetwork(String),
    /// A person who is not there.
    #[error("there is no person {0:?} in this file")]
    NoPerson(String),
    /// A room of another office.
    #[error("the room {0:?} is not in this office")]
    OtherOffice(String),
    /// A number outside of its range.
    #[error("{given} is not between 1 and {most}")]
    Number {
        /// As it is written.
        given: u32,
        /// The most.
        most: u32,
    },
}

/// What a key's value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// An id such as `kofu`.
    Id,
    /// A room such as `kofu/306`.
    Room,
    /// A time zone such as `Asia/Tokyo`.
    Zone,
    /// An IP address.
    Address,
    /// A prefix such as `10.77.0.0/24`.
    Prefix,
    /// An address with a port.
    Socket,
    /// A link address such as `02:00:00:00:00:01`.
    Mac,
    /// A port such as `udp/51820`.
    Listener,
    /// A day without quotation marks, such as `2027-03-31`.
    Day,
}

impl Site {
    /// Reads a site file. `knows_zone` tells whether a time zone is one.
    ///
    /// # Errors
    /// [`SiteError`] with the place of what is wrong.
    pub fn read(text: &str, knows_zone: fn(&str) -> bool) -> Result<Self, SiteError> {
        read::read(text, knows_zone)
    }

    /// The person of that id.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.persons.iter().find(|person| person.id == id)
    }
}

#[cfg(test)]
mod tests;
