//! What `hq init` decided and every lease repeats.

use std::net::IpAddr;

use hanare_model::plan::Overlay;
use hanare_model::{Endpoint, Internet, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The settings of a headquarters, one JSON document in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The address plan's roots.
    pub overlay: Overlay,
    /// Where nodes find `WireGuard`, the best first.
    pub endpoints: Vec<Endpoint>,
    /// Networks behind the server.
    pub networks: Vec<IpNet>,
    /// Whether rooms reach the internet.
    pub internet: Internet,
    /// Resolvers for nodes.
    pub dns: Vec<IpAddr>,
    /// The inner MTU.
    pub mtu: u16,
    /// When headquarters was made.
    pub created_at: Timestamp,
}
