//! From TOML to a checked policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::str::FromStr;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{
    Access, Defaults, Fault, MAX_DEVICE_PORTS, MAX_DEVICES, MAX_HOLIDAYS, MAX_LEN, MAX_OVERTIME_HOURS,
    MAX_RULES, NamedService, Party, Policy, PolicyError, Position, RoomDevice, Rule, VERSION, network,
};
use crate::device::{Device, is_place};
use crate::filter::{PortRange, Service};
use crate::form;
use crate::time::CalendarDay;
use crate::unlock::{MAX_GAP, MAX_SECONDS, UnlockTerms, Who};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<u32>,
    defaults: Option<DefaultsTable>,
    #[serde(default)]
    service: Vec<ServiceTable>,
    #[serde(default)]
    allow: Vec<AllowTable>,
    #[serde(default)]
    device: Vec<DeviceTable>,
    unlock: Option<UnlockTable>,
    #[serde(default)]
    calendar: CalendarTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarTable {
    #[serde(default)]
    holidays: Vec<Spanned<String>>,
    overtime_hours: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnlockTable {
    minutes: Option<Spanned<u64>>,
    gap_seconds: Option<Spanned<u64>>,
    portal: Option<Who>,
    all: Option<Who>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultsTable {
    hq: Option<Access>,
    networks: Option<Access>,
    internet: Option<Access>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    name: Spanned<String>,
    at: Spanned<Parties>,
    protocol: Spanned<Protocol>,
    ports: Option<Spanned<Ports>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowTable {
    from: Spanned<Parties>,
    to: Spanned<Parties>,
    protocol: Option<Spanned<Protocol>>,
    ports: Option<Spanned<Ports>>,
    reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    room: Spanned<Parties>,
    at: Spanned<Places>,
    protocol: Spanned<Protocol>,
    ports: Spanned<Ports>,
    reason: Spanned<String>,
}

/// One address or prefix as a string, or several as a list.
struct Places(Vec<String>);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Protocol {
    Any,
    Ping,
    Tcp,
    Udp,
}

/// One party as a string, or several as a list.
struct Parties(Vec<Party>);

/// Ports as numbers or `"FIRST-LAST"`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Ports(Vec<Port>);

struct Port(PortRange);

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let at =
        |span: Range<usize>, fault: Fault| PolicyError { position: Position::of(text, span.start), fault };
    if text.len() > MAX_LEN {
        return Err(at(0..0, Fault::TooLong(text.len())));
    }
    let file: File = form::read(text)
        .map_err(|error| PolicyError { position: error.position, fault: Fault::Form(error.message) })?;
    if *file.version.get_ref() != VERSION {
        return Err(at(file.version.span(), Fault::Version(*file.version.get_ref())));
    }
    let mut services = BTreeMap::new();
    for table in file.service {
        let service = service_of(*table.protocol.get_ref(), table.ports, &at)?;
        let position = Position::of(text, table.at.span().start);
        for party in &table.at.get_ref().0 {
            if !matches!(party, Party::Hq | Party::Network(_)) {
                return Err(at(table.at.span(), Fault::ServicePlace(party.to_string())));
            }
        }
        let (span, name) = (table.name.span(), table.name.into_inner());
        if name.parse::<crate::NodeName>().is_err() {
            return Err(at(span, Fault::ServiceName(name)));
        }
        let named = NamedService { name: name.clone(), at: table.at.into_inner().0, service, position };
        if services.insert(name.clone(), named).is_some() {
            return Err(at(span, Fault::ServiceTwice(name)));
        }
    }
    let mut allow = Vec::new();
    for table in file.allow {
        allow.extend(rules_of(table, &services, text, &at)?);
    }
    if let Some(rule) = allow.get(MAX_RULES) {
        let position = rule.from_position;
        return Err(PolicyError { position, fault: Fault::TooManyRules(allow.len()) });
    }
    let mut devices = Vec::new();
    for table in file.device {
        devices.push(device_of(table, text, &at)?);
    }
    let count = devices.iter().map(|device| device.devices.len()).sum();
    if count > MAX_DEVICES {
        return Err(at(0..0, Fault::TooManyDevices(count)));
    }
    let defaults = file.defaults.map_or_else(Defaults::default, |table| Defaults {
        hq: table.hq.unwrap_or(Access::Open),
        networks: table.networks.unwrap_or(Access::Open),
        internet: table.internet.unwrap_or(Access::Open),
    });
    let unlock = file.unlock.map_or_else(|| Ok(UnlockTerms::default()), |table| terms_of(table, &at))?;
    let holidays = holidays_of(&file.calendar, &at)?;
    let overtime_hours = overtime_of(&file.calendar, &at)?;
    let services = services.into_values().collect();
    Ok(Policy { defaults, services, allow, devices, unlock, holidays, overtime_hours })
}

fn holidays_of(
    table: &CalendarTable,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<BTreeSet<CalendarDay>, PolicyError> {
    if let Some(first) = table.holidays.get(MAX_HOLIDAYS) {
        return Err(at(first.span(), Fault::TooManyHolidays(table.holidays.len())));
    }
    let day = |text: &Spanned<String>| {
        text.get_ref().parse().map_err(|_| at(text.span(), Fault::Holiday(text.get_ref().clone())))
    };
    table.holidays.iter().map(day).collect()
}

fn overtime_of(
    table: &CalendarTable,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<Option<u64>, PolicyError> {
    let Some(hours) = &table.overtime_hours else { return Ok(None) };
    if *hours.get_ref() > MAX_OVERTIME_HOURS {
        return Err(at(hours.span(), Fault::OvertimeHours(*hours.get_ref())));
    }
    Ok(Some(*hours.get_ref()))
}

fn terms_of(
    table: UnlockTable,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<UnlockTerms, PolicyError> {
    let usual = UnlockTerms::default();
    let seconds = match table.minutes {
        None => usual.seconds,
        Some(minutes) if (1..=MAX_SECONDS / 60).contains(minutes.get_ref()) => minutes.get_ref() * 60,
        Some(minutes) => return Err(at(minutes.span(), Fault::UnlockMinutes(*minutes.get_ref()))),
    };
    let gap_seconds = match table.gap_seconds {
        None => usual.gap_seconds,
        Some(gap) if *gap.get_ref() <= MAX_GAP => *gap.get_ref(),
        Some(gap) => return Err(at(gap.span(), Fault::UnlockGap(*gap.get_ref()))),
    };
    let (portal, all) = (table.portal.unwrap_or(usual.portal), table.all.unwrap_or(usual.all));
    Ok(UnlockTerms { seconds, gap_seconds, portal, all })
}

/// A table becomes one rule for its plain parties and one for each service that it names.
fn rules_of(
    table: AllowTable,
    services: &BTreeMap<String, NamedService>,
    text: &str,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<Vec<Rule>, PolicyError> {
    let reason = table.reason.get_ref().trim();
    if reason.is_empty() {
        return Err(at(table.reason.span(), Fault::NoReason));
    }
    for party in &table.from.get_ref().0 {
        if matches!(party, Party::Hq | Party::Service(_)) {
            return Err(at(table.from.span(), Fault::Starter(party.to_string())));
        }
    }
    let (named, plain): (Vec<Party>, Vec<Party>) =
        table.to.get_ref().0.iter().cloned().partition(|party| matches!(party, Party::Service(_)));
    let rule = |to: Vec<Party>, service: Service| Rule {
        from: table.from.get_ref().0.clone(),
        to,
        service,
        reason: reason.to_owned(),
        from_position: Position::of(text, table.from.span().start),
        to_position: Position::of(text, table.to.span().start),
    };
    let mut rules = Vec::new();
    for party in named {
        let Party::Service(name) = party else { continue };
        let Some(service) = services.get(&name) else {
            return Err(at(table.to.span(), Fault::NoService(name)));
        };
        if let Some(protocol) = &table.protocol {
            return Err(at(protocol.span(), Fault::OwnProtocol));
        }
        rules.push(rule(service.at.clone(), service.service.clone()));
    }
    if !plain.is_empty() {
        let Some(protocol) = &table.protocol else {
            return Err(at(table.to.span(), Fault::NoProtocol));
        };
        rules.push(rule(plain, service_of(*protocol.get_ref(), table.ports, at)?));
    } else if let Some(ports) = table.ports {
        return Err(at(ports.span(), Fault::OwnProtocol));
    }
    Ok(rules)
}

fn device_of(
    table: DeviceTable,
    text: &str,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<RoomDevice, PolicyError> {
    let reason = table.reason.get_ref().trim().to_owned();
    if reason.is_empty() {
        return Err(at(table.reason.span(), Fault::NoReason));
    }
    for party in &table.room.get_ref().0 {
        if !matches!(party, Party::Rooms | Party::Company(_) | Party::Room(_)) {
            return Err(at(table.room.span(), Fault::DeviceRoom(party.to_string())));
        }
    }
    if !matches!(table.protocol.get_ref(), Protocol::Tcp | Protocol::Udp) {
        return Err(at(table.protocol.span(), Fault::DeviceService));
    }
    if table.ports.get_ref().0.is_empty() {
        return Err(at(table.ports.span(), Fault::DeviceService));
    }
    let count = table.ports.get_ref().0.len();
    if count > MAX_DEVICE_PORTS {
        return Err(at(table.ports.span(), Fault::TooManyPorts(count)));
    }
    let service = service_of(*table.protocol.get_ref(), Some(table.ports), at)?;
    let places = &table.at.get_ref().0;
    if places.is_empty() {
        return Err(at(table.at.span(), Fault::DevicePlace("[]".to_owned())));
    }
    let mut devices = Vec::new();
    for place in places {
        match network(place) {
            Ok(net) if is_place(&net) => devices.push(Device { at: net, service: service.clone() }),
            Ok(_) | Err(_) => return Err(at(table.at.span(), Fault::DevicePlace(place.clone()))),
        }
    }
    Ok(RoomDevice {
        rooms: table.room.get_ref().0.clone(),
        devices,
        reason,
        rooms_position: Position::of(text, table.room.span().start),
        at_position: Position::of(text, table.at.span().start),
    })
}

fn service_of(
    protocol: Protocol,
    ports: Option<Spanned<Ports>>,
    at: &impl Fn(Range<usize>, Fault) -> PolicyError,
) -> Result<Service, PolicyError> {
    let ranges = |ports: Option<Spanned<Ports>>| {
        ports.map_or_else(Vec::new, |ports| ports.into_inner().0.into_iter().map(|port| port.0).collect())
    };
    match (protocol, ports) {
        (Protocol::Any | Protocol::Ping, Some(ports)) => Err(at(ports.span(), Fault::StrayPorts)),
        (Protocol::Tcp | Protocol::Udp, Some(ports)) if ports.get_ref().0.is_empty() => {
            Err(at(ports.span(), Fault::NoPorts))
        }
        (Protocol::Any, None) => Ok(Service::Any),
        (Protocol::Ping, None) => Ok(Service::Ping),
        (Protocol::Tcp, ports) => Ok(Service::Tcp { ports: ranges(ports) }),
        (Protocol::Udp, ports) => Ok(Service::Udp { ports: ranges(ports) }),
    }
}

impl<'de> Deserialize<'de> for Parties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parties = one_or_more(deserializer, "a party such as room:kofu/306, or a list of them")?;
        if parties.is_empty() { Err(D::Error::custom("the list names nobody")) } else { Ok(Self(parties)) }
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_or_more(deserializer, "an address or prefix such as \"192.168.1.20\", or a list of them")
            .map(Self)
    }
}

/// Reads what is written as one text or as a list of them.
fn one_or_more<'de, T, D>(deserializer: D, expected: &'static str) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct Read<T>(&'static str, PhantomData<T>);
    impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Read<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            text.parse().map(|one| vec![one]).map_err(E::custom)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                all.push(text.parse().map_err(A::Error::custom)?);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Read(expected, PhantomData))
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Port;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port from 1 to 65535 or a range such as \"8000-8100\"")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Port, E> {
                let port = u16::try_from(number).ok().filter(|port| *port != 0);
                let port =
                    port.ok_or_else(|| E::custom(format!("{number} is not a port from 1 to 65535")))?;
                Ok(Port(PortRange { first: port, last: port }))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Port, E> {
                let parse = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
                let range =
                    text.split_once('-').and_then(|(first, last)| Some((parse(first)?, parse(last)?)));
                match range {
                    Some((first, last)) if first <= last => Ok(Port(PortRange { first, last })),
                    _ => Err(E::custom(format!("{text:?} is not a range of ports such as \"8000-8100\""))),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}
