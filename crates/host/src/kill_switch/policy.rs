//! What the kill switch lets through, kept in the state directory so that it outlives a reboot.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hanare_model::Device;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::deed::Deed;
use crate::error::HostError;
use crate::files;

/// The whole of what passes, besides what every network needs (DHCP, neighbour discovery).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The tunnel interface: everything passes there.
    pub interface: String,
    /// Headquarters' `WireGuard` endpoints.
    pub wireguard: BTreeSet<SocketAddr>,
    /// Headquarters' API.
    pub api: BTreeSet<SocketAddr>,
    /// The underlay's resolvers, for headquarters' name.
    pub resolvers: BTreeSet<IpAddr>,
    /// A gateway's side towards the room.
    pub lan: Option<Lan>,
    /// The room's devices that this machine may ask.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<Reach>,
}

/// A device of the room, on a network that this machine is connected to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// By which interface.
    pub interface: String,
    /// Where, and what may be asked there.
    pub device: Device,
}

/// A gateway's side towards the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lan {
    /// The interface.
    pub interface: String,
    /// The room's prefixes behind it.
    pub prefixes: Vec<IpNet>,
}

/// The file in the state directory.
#[must_use]
pub fn path(state: &Path) -> PathBuf {
    state.join("kill_switch.json")
}

/// Reads the policy; `None` if this node never closed its kill switch.
///
/// # Errors
/// [`HostError::Io`] for a file that cannot be read or is not one of ours.
pub fn load(state: &Path) -> Result<Option<Policy>, HostError> {
    let path = path(state);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(HostError::io(Deed::Read.of(path.display()), &error)),
    };
    let policy = serde_json::from_slice(&text).map_err(|error| HostError::Io {
        what: Deed::Read.of(path.display()),
        errno: None,
        text: error.to_string(),
    })?;
    Ok(Some(policy))
}

/// Writes the policy durably.
///
/// # Errors
/// [`HostError::Io`] with the path.
pub fn store(state: &Path, policy: &Policy) -> Result<(), HostError> {
    let path = path(state);
    let text = serde_json::to_vec_pretty(policy).unwrap_or_default();
    files::write_atomic(&path, &text, 0o600)
        .map_err(|error| HostError::io(Deed::Write.of(path.display()), &error))
}
