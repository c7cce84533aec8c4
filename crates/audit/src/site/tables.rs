//! A site file's tables, as they are written.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{NetworkRole, PersonRole};

pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
pub(super) struct VersionOnly {
    pub(super) version: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "version")]
    pub(super) _version: u32,
    pub(super) office: Text,
    pub(super) room: Option<Text>,
    pub(super) company: Option<Text>,
    pub(super) office_name: Option<Text>,
    pub(super) company_name: Option<Text>,
    pub(super) time_zone: Option<Text>,
    #[serde(default)]
    pub(super) network: Vec<NetworkTable>,
    #[serde(default)]
    pub(super) canary: Vec<CanaryTable>,
    pub(super) wan: Option<WanTable>,
    pub(super) tunnel: Option<TunnelTable>,
    pub(super) hq: Option<FarEndTable>,
    pub(super) dns: Option<DnsTable>,
    pub(super) clock: Option<ClockTable>,
    #[serde(default)]
    pub(super) tls: Vec<TlsTable>,
    #[serde(default)]
    pub(super) person: Vec<PersonTable>,
    #[serde(default)]
    pub(super) retention: RetentionTable,
    pub(super) permission: Option<PermissionTable>,
    pub(super) wifi: Option<NoneTable>,
    pub(super) printers: Option<NoneTable>,
    pub(super) nas: Option<NoneTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    pub(super) name: Text,
    pub(super) role: NetworkRole,
    pub(super) interface: Option<Text>,
    #[serde(default)]
    pub(super) prefixes: Vec<Text>,
    #[serde(default)]
    pub(super) gateway: Vec<Text>,
    pub(super) gateway_mac: Option<Text>,
    #[serde(default)]
    pub(super) dhcp_servers: Vec<Text>,
    #[serde(default)]
    pub(super) router_advertisers: Vec<Text>,
    #[serde(default)]
    pub(super) client_isolation: bool,
    #[serde(default)]
    pub(super) admin_ports: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryTable {
    pub(super) network: Text,
    pub(super) address: Text,
    pub(super) tcp: Option<u16>,
    pub(super) udp: Option<u16>,
    /// Only an active probe needs it, and none is built.
    #[serde(rename = "token")]
    pub(super) _token: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WanTable {
    pub(super) interface: Text,
    #[serde(default)]
    pub(super) addresses: Vec<Text>,
    #[serde(default)]
    pub(super) listeners: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TunnelTable {
    pub(super) interface: Text,
    pub(super) endpoint_interface: Option<Text>,
    pub(super) peer: Option<Text>,
    pub(super) endpoint: Option<Text>,
    #[serde(default)]
    pub(super) allowed_ips: Vec<Text>,
    #[serde(default)]
    pub(super) probe: Vec<Text>,
    pub(super) handshake_max_age_seconds: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) full: bool,
    #[serde(default)]
    pub(super) public_samples: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FarEndTable {
    pub(super) interface: Text,
    pub(super) peer: Option<Text>,
    #[serde(default)]
    pub(super) allowed_ips: Vec<Text>,
    #[serde(default)]
    pub(super) probe: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DnsTable {
    pub(super) resolvers: Vec<Text>,
    pub(super) zone: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockTable {
    pub(super) max_error_seconds: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsTable {
    pub(super) name: Text,
    pub(super) address: Text,
    pub(super) ca: Option<Text>,
    pub(super) min_days: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonTable {
    pub(super) id: Text,
    pub(super) name: Option<Text>,
    #[serde(default)]
    pub(super) roles: Vec<PersonRole>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionTable {
    pub(super) entry_log_min_days: Option<Spanned<u32>>,
    pub(super) footage_min_hours: Option<Spanned<u32>>,
    pub(super) device_log_min_days: Option<Spanned<u32>>,
    pub(super) personal_data_max_days: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoneTable {
    pub(super) none: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionTable {
    pub(super) by: Text,
    pub(super) evidence: Text,
    pub(super) until: Spanned<Datetime>,
}
