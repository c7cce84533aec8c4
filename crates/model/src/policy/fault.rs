//! What can be wrong with a policy, as data that the command says in the person's language.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{MAX_DEVICE_PORTS, MAX_DEVICES, MAX_HOLIDAYS, MAX_LEN, MAX_OVERTIME_HOURS, MAX_RULES, VERSION};
use crate::id::{CompanyId, RoomId};
use crate::unlock::{MAX_GAP, MAX_SECONDS};

/// What is wrong with a policy, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", content = "about", rename_all = "kebab-case")]
pub enum Fault {
    /// Not TOML, or not a policy's: the parser's words.
    #[error("{0}")]
    Form(String),
    /// Longer than [`MAX_LEN`].
    #[error("a policy has at most {most} bytes, this one has {0}", most = MAX_LEN)]
    TooLong(usize),
    /// Another version than [`VERSION`].
    #[error("version {0} is not known: this program reads version {known}", known = VERSION)]
    Version(u32),
    /// A service somewhere else than behind headquarters.
    #[error("a service is at hq or at network:CIDR, not at {0}")]
    ServicePlace(String),
    /// A service's name that is none.
    #[error("{0:?} is not a name: a-z, 0-9 and - inside")]
    ServiceName(String),
    /// Two services of one name.
    #[error("service {0} is there already")]
    ServiceTwice(String),
    /// A rule without a reason.
    #[error("say why this is open")]
    NoReason,
    /// A party that starts nothing.
    #[error("{0} starts nothing that a policy opens: write rooms, company:, room: or network:")]
    Starter(String),
    /// A rule to a service that the policy does not name.
    #[error("there is no service {0} in this policy")]
    NoService(String),
    /// A protocol or ports beside a service, which has its own.
    #[error("a service brings its own protocol and ports")]
    OwnProtocol,
    /// A rule without a protocol.
    #[error("protocol is missing: any, ping, tcp or udp")]
    NoProtocol,
    /// Ports of something that has none.
    #[error("ports belong to tcp and udp only")]
    StrayPorts,
    /// An empty list of ports.
    #[error("name a port, or leave ports out for all of them")]
    NoPorts,
    /// A device that stands in no room.
    #[error("a device stands in rooms: write rooms, company:ID or room:OFFICE/ROOM, not {0}")]
    DeviceRoom(String),
    /// A device that is everywhere, or nowhere.
    #[error(
        "a device is at an address, or a prefix of /24 (IPv6: /64) or longer, of the room's own network; {0} is not"
    )]
    DevicePlace(String),
    /// A device that is asked by something else than named ports.
    #[error("a device is asked by tcp or udp, and its ports are named")]
    DeviceService,
    /// More devices than [`MAX_DEVICES`].
    #[error("a policy has at most {most} devices, this one has {0}", most = MAX_DEVICES)]
    TooManyDevices(usize),
    /// More rules than [`MAX_RULES`].
    #[error("a policy has at most {most} rules, one for each service that a rule names; this one has {0}", most = MAX_RULES)]
    TooManyRules(usize),
    /// More ports of one device than [`MAX_DEVICE_PORTS`].
    #[error("a device has at most {most} ports or ranges, this one has {0}", most = MAX_DEVICE_PORTS)]
    TooManyPorts(usize),
    /// An unlock for no time, or for longer than one may last.
    #[error("an unlock lasts from 1 to {most} minutes, not {0}", most = MAX_SECONDS / 60)]
    UnlockMinutes(u64),
    /// Unlocks too far apart.
    #[error("between two unlocks of one person are at most {most} seconds, not {0}", most = MAX_GAP)]
    UnlockGap(u64),
    /// Not a calendar day.
    #[error("{0:?} is not a calendar day such as \"2027-01-01\"")]
    Holiday(String),
    /// More holidays than [`MAX_HOLIDAYS`].
    #[error("a policy has at most {most} holidays, this one has {0}", most = MAX_HOLIDAYS)]
    TooManyHolidays(usize),
    /// More overtime than a day has.
    #[error("overtime is from 0 to {most} hours, not {0}", most = MAX_OVERTIME_HOURS)]
    OvertimeHours(u64),
    /// A device that is reached through the tunnel.
    #[error("{0} lies behind the tunnel: a device is in the room's own network")]
    DeviceInside(IpNet),
    /// A company that headquarters does not know.
    #[error("there is no company {0}")]
    NoCompany(CompanyId),
    /// A room that headquarters does not know.
    #[error("there is no room {0}")]
    NoRoom(RoomId),
    /// A network that headquarters did not declare.
    #[error("{0} is not inside a network that headquarters declared with --network")]
    Undeclared(IpNet),
}
