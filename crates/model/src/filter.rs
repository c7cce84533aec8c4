//! What headquarters' firewall lets through: the compiled form of a segmentation policy. Everything else is rejected.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Flows of one segmentation at most: each room is one, a policy opens 500 (`policy::MAX_RULES`). The host process takes no more
/// from its worker, which could hold it up with them.
pub const MAX_FLOWS: usize = 16_384;

/// What one side may ask of another. Answers pass because the question did: they are matched by direction within the same
/// pair of prefixes, so that closing a flow closes what is under way as well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Who starts it. All of one family per flow is not required: the firewall splits families.
    pub from: Vec<IpNet>,
    /// Whom it reaches.
    pub to: Vec<IpNet>,
    /// By what.
    pub service: Service,
}

/// Protocol and destination ports of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "kebab-case")]
pub enum Service {
    /// Everything.
    Any,
    /// Echo requests of both families.
    Ping,
    /// TCP to these ports; empty means all.
    Tcp {
        /// Inclusive ranges.
        ports: Vec<PortRange>,
    },
    /// UDP to these ports; empty means all.
    Udp {
        /// Inclusive ranges.
        ports: Vec<PortRange>,
    },
}

/// An inclusive range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// The whole of headquarters' table, replaced atomically.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segmentation {
    /// The tunnel interface that the rules are about.
    pub interface: String,
    /// Everything that lives behind the tunnel interface; other sources are dropped there.
    pub overlay: Vec<IpNet>,
    /// Headquarters' own addresses inside the tunnel.
    pub own: Vec<IpAddr>,
    /// What may reach headquarters itself through the tunnel.
    pub input: Vec<Flow>,
    /// What may cross headquarters: room to room, room to network, room to internet.
    pub forward: Vec<Flow>,
    /// Whether IPv4 traffic of the overlay leaves towards the internet behind headquarters' own address.
    pub masquerade: bool,
}
