//! From TOML to a checked site file.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hanare_model::form::{self, Misformed};
use hanare_model::{CompanyId, OfficeId, Position, RoomId};
use toml::Spanned;

use super::tables::{
    CanaryTable, DnsTable, FarEndTable, File, NetworkTable, NoneTable, PermissionTable, PersonTable,
    RetentionTable, Text, TlsTable, TunnelTable, VersionOnly, WanTable,
};
use super::{
    Canary, Dns, FarEnd, MAX_LEN, Network, Permission, Person, Prefix, Retention, Site, SiteError, SiteFault,
    Tls, Tunnel, VERSION, Wan, Wanted,
};
use crate::checklist::DeviceClass;
use crate::day::Day;

/// Ten years of days, or so.
const MAX_DAYS: u32 = 3650;
/// As many hours.
const MAX_HOURS: u32 = MAX_DAYS * 24;
/// A day of seconds: a handshake or a clock that is further off is no news of the present.
const MAX_SECONDS: u32 = 86_400;
/// Where an office is unless its file says something else.
const ZONE: &str = "Asia/Tokyo";

struct Reader<'a>(&'a str);

pub(super) fn read(text: &str, knows_zone: fn(&str) -> bool) -> Result<Site, SiteError> {
    let at = Reader(text);
    if text.len() > MAX_LEN {
        let fault = SiteFault::TooLong(text.len());
        return Err(SiteError { position: Position::of(text, 0), fault });
    }
    let misformed =
        |error: Misformed| SiteError { position: error.position, fault: SiteFault::Form(error.message) };
    // The version first: a newer file's other words are not wrong, only not known here.
    let VersionOnly { version } = form::read(text).map_err(misformed)?;
    if *version.get_ref() != VERSION {
        return Err(at.wrong(&version, SiteFault::Version(*version.get_ref())));
    }
    let file: File = form::read(text).map_err(misformed)?;
    at.site(file, knows_zone)
}

impl Reader<'_> {
    fn site(&self, file: File, knows_zone: fn(&str) -> bool) -> Result<Site, SiteError> {
        let office: OfficeId = self.parsed(&file.office, Wanted::Id)?;
        let room: Option<RoomId> =
            file.room.as_ref().map(|room| self.parsed(room, Wanted::Room)).transpose()?;
        if let (Some(text), Some(room)) = (&file.room, &room)
            && *room.office() != office
        {
            return Err(self.wrong(text, SiteFault::OtherOffice(text.get_ref().clone())));
        }
        if let Some(zone) = &file.time_zone
            && !knows_zone(zone.get_ref())
        {
            return Err(self.wrong(zone, SiteFault::Not(Wanted::Zone, zone.get_ref().clone())));
        }
        self.distinct(file.network.iter().map(|network| &network.name))?;
        self.distinct(file.person.iter().map(|person| &person.id))?;
        for canary in &file.canary {
            if !file.network.iter().any(|network| network.name.get_ref() == canary.network.get_ref()) {
                let fault = SiteFault::NoNetwork(canary.network.get_ref().clone());
                return Err(self.wrong(&canary.network, fault));
            }
        }
        let permission = match file.permission {
            None => None,
            Some(table) => {
                if !file.person.iter().any(|person| person.id.get_ref() == table.by.get_ref()) {
                    let fault = SiteFault::NoPerson(table.by.get_ref().clone());
                    return Err(self.wrong(&table.by, fault));
                }
                Some(self.permission(&table)?)
            }
        };
        let none = [
            (DeviceClass::Wifi, &file.wifi),
            (DeviceClass::Printers, &file.printers),
            (DeviceClass::Nas, &file.nas),
        ];
        let is_none = |table: &Option<NoneTable>| table.as_ref().is_some_and(|table| table.none);
        let none = none.into_iter().filter(|(_, table)| is_none(table)).map(|(class, _)| class).collect();
        Ok(Site {
            none,
            office,
            room,
            company: self.parsed_some::<CompanyId>(file.company.as_ref(), Wanted::Id)?,
            office_name: self.text_some(file.office_name)?,
            company_name: self.text_some(file.company_name)?,
            time_zone: file.time_zone.map_or_else(|| ZONE.to_owned(), Spanned::into_inner),
            networks: self.each(file.network, Self::network)?,
            canaries: self.each(file.canary, Self::canary)?,
            wan: file.wan.map(|table| self.wan(table)).transpose()?,
            tunnel: file.tunnel.map(|table| self.tunnel(table)).transpose()?,
            hq: file.hq.map(|table| self.far_end(table)).transpose()?,
            dns: file.dns.map(|table| self.dns(table)).transpose()?,
            clock_max_error_seconds: file
                .clock
                .map(|table| self.number(&table.max_error_seconds, MAX_SECONDS))
                .transpose()?,
            tls: self.each(file.tls, Self::tls)?,
            persons: self.each(file.person, Self::person)?,
            retention: self.retention(&file.retention)?,
            permission,
        })
    }

    fn network(&self, table: NetworkTable) -> Result<Network, SiteError> {
        let gateway_mac = match &table.gateway_mac {
            Some(text) if !is_mac(text.get_ref()) => {
                return Err(self.wrong(text, SiteFault::Not(Wanted::Mac, text.get_ref().clone())));
            }
            text => text.as_ref().map(|text| text.get_ref().to_ascii_lowercase()),
        };
        Ok(Network {
            name: self.text(table.name)?,
            role: table.role,
            interface: self.text_some(table.interface)?,
            prefixes: self.prefixes(&table.prefixes)?,
            gateway: self.addresses(&table.gateway)?,
            gateway_mac,
            dhcp_servers: self.addresses(&table.dhcp_servers)?,
            router_advertisers: self.addresses(&table.router_advertisers)?,
            client_isolation: table.client_isolation,
            admin_ports: table.admin_ports,
        })
    }

    fn canary(&self, table: CanaryTable) -> Result<Canary, SiteError> {
        let address = self.parsed(&table.address, Wanted::Address)?;
        Ok(Canary { network: self.text(table.network)?, address, tcp: table.tcp, udp: table.udp })
    }

    fn wan(&self, table: WanTable) -> Result<Wan, SiteError> {
        for text in &table.listeners {
            let is = text.get_ref().split_once('/').is_some_and(|(protocol, port)| {
                (protocol == "tcp" || protocol == "udp") && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if !is {
                return Err(self.wrong(text, SiteFault::Not(Wanted::Listener, text.get_ref().clone())));
            }
        }
        Ok(Wan {
            interface: self.text(table.interface)?,
            addresses: self.addresses(&table.addresses)?,
            listeners: table.listeners.into_iter().map(Spanned::into_inner).collect(),
        })
    }

    fn tunnel(&self, table: TunnelTable) -> Result<Tunnel, SiteError> {
        let age = table.handshake_max_age_seconds.as_ref();
        Ok(Tunnel {
            interface: self.text(table.interface)?,
            endpoint_interface: self.text_some(table.endpoint_interface)?,
            peer: self.text_some(table.peer)?,
            endpoint: self.parsed_some::<SocketAddr>(table.endpoint.as_ref(), Wanted::Socket)?,
            allowed_ips: self.prefixes(&table.allowed_ips)?,
            probe: self.addresses(&table.probe)?,
            handshake_max_age_seconds: age.map(|age| self.number(age, MAX_SECONDS)).transpose()?,
            full: table.full,
            public_samples: self.addresses(&table.public_samples)?,
        })
    }

    fn far_end(&self, table: FarEndTable) -> Result<FarEnd, SiteError> {
        Ok(FarEnd {
            interface: self.text(table.interface)?,
            peer: self.text_some(table.peer)?,
            allowed_ips: self.prefixes(&table.allowed_ips)?,
            probe: self.addresses(&table.probe)?,
        })
    }

    fn dns(&self, table: DnsTable) -> Result<Dns, SiteError> {
        Ok(Dns { resolvers: self.addresses(&table.resolvers)?, zone: self.text_some(table.zone)? })
    }

    fn tls(&self, table: TlsTable) -> Result<Tls, SiteError> {
        Ok(Tls {
            name: self.text(table.name)?,
            address: self.parsed(&table.address, Wanted::Socket)?,
            ca: self.text_some(table.ca)?,
            min_days: table.min_days.map(|days| self.number(&days, MAX_DAYS)).transpose()?,
        })
    }

    fn person(&self, table: PersonTable) -> Result<Person, SiteError> {
        let _: hanare_model::PersonId = self.parsed(&table.id, Wanted::Id)?;
        Ok(Person { id: table.id.into_inner(), name: self.text_some(table.name)?, roles: table.roles })
    }

    fn retention(&self, table: &RetentionTable) -> Result<Retention, SiteError> {
        let within = |given: &Option<Spanned<u32>>, most| {
            given.as_ref().map(|given| self.number(given, most)).transpose()
        };
        Ok(Retention {
            entry_log_min_days: within(&table.entry_log_min_days, MAX_DAYS)?,
            footage_min_hours: within(&table.footage_min_hours, MAX_HOURS)?,
            device_log_min_days: within(&table.device_log_min_days, MAX_DAYS)?,
            personal_data_max_days: within(&table.personal_data_max_days, MAX_DAYS)?,
        })
    }

    fn permission(&self, table: &PermissionTable) -> Result<Permission, SiteError> {
        let until = table.until.get_ref();
        let day = until.to_string().parse::<Day>();
        let day = day.map_err(|not| self.wrong(&table.until, SiteFault::Not(Wanted::Day, not.0)))?;
        Ok(Permission {
            by: self.text(table.by.clone())?,
            evidence: self.text(table.evidence.clone())?,
            until: day,
        })
    }

    fn each<T, U>(
        &self,
        tables: Vec<T>,
        read: impl Fn(&Self, T) -> Result<U, SiteError>,
    ) -> Result<Vec<U>, SiteError> {
        tables.into_iter().map(|table| read(self, table)).collect()
    }

    fn wrong<T>(&self, what: &Spanned<T>, fault: SiteFault) -> SiteError {
        SiteError { position: Position::of(self.0, what.span().start), fault }
    }

    fn parsed<T: FromStr>(&self, text: &Text, wanted: Wanted) -> Result<T, SiteError> {
        let not = || self.wrong(text, SiteFault::Not(wanted, text.get_ref().clone()));
        text.get_ref().parse().map_err(|_| not())
    }

    fn parsed_some<T: FromStr>(&self, text: Option<&Text>, wanted: Wanted) -> Result<Option<T>, SiteError> {
        text.map(|text| self.parsed(text, wanted)).transpose()
    }

    fn addresses(&self, texts: &[Text]) -> Result<Vec<IpAddr>, SiteError> {
        texts.iter().map(|text| self.parsed(text, Wanted::Address)).collect()
    }

    fn prefixes(&self, texts: &[Text]) -> Result<Vec<Prefix>, SiteError> {
        texts.iter().map(|text| self.parsed(text, Wanted::Prefix)).collect()
    }

    fn text(&self, text: Text) -> Result<String, SiteError> {
        if text.get_ref().trim().is_empty() {
            return Err(self.wrong(&text, SiteFault::Empty));
        }
        Ok(text.into_inner())
    }

    fn text_some(&self, text: Option<Text>) -> Result<Option<String>, SiteError> {
        text.map(|text| self.text(text)).transpose()
    }

    fn distinct<'t>(&self, names: impl Iterator<Item = &'t Text>) -> Result<(), SiteError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.get_ref().as_str()) {
                return Err(self.wrong(name, SiteFault::Twice(name.get_ref().clone())));
            }
        }
        Ok(())
    }

    fn number(&self, given: &Spanned<u32>, most: u32) -> Result<u32, SiteError> {
        let number = *given.get_ref();
        if (1..=most).contains(&number) {
            Ok(number)
        } else {
            Err(self.wrong(given, SiteFault::Number { given: number, most }))
        }
    }
}

impl FromStr for Prefix {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').ok_or(())?;
        let (address, length): (IpAddr, u8) =
            (address.parse().map_err(|_| ())?, length.parse().map_err(|_| ())?);
        let (bits, most) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let behind = bits.checked_shl(u32::from(length)).unwrap_or(0);
        if length > most || behind != 0 { Err(()) } else { Ok(Self { address, length }) }
    }
}

/// Six pairs of hexadecimal digits with colons between them.
fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
