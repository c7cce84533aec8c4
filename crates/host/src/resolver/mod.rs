//! The machine's resolver while the tunnel is up: systemd-resolved per link, else resolvconf(8), else a bind mount.

mod bind;
mod resolvconf;
mod resolved;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::HostError;
use crate::undo::{Change, UndoLog};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd-resolved names the servers that it asks itself.
const RESOLVED_UPSTREAM: &str = "/run/systemd/resolve/resolv.conf";

/// How the resolver was set, with what is needed to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "kebab-case")]
pub enum Way {
    /// Over D-Bus, for one link.
    Resolved {
        /// The link's name.
        interface: String,
    },
    /// By a record of resolvconf(8).
    Resolvconf {
        /// Its name.
        record: String,
    },
    /// By mounting a file of ours over resolv.conf.
    Bind {
        /// What was covered.
        target: PathBuf,
        /// Our file.
        source: PathBuf,
    },
}

impl Way {
    pub(crate) fn is_here(&self, network: bool, mounts: bool) -> bool {
        match self {
            Self::Resolved { .. } => network,
            // Its record may lie on a disk.
            Self::Resolvconf { .. } => true,
            Self::Bind { .. } => mounts,
        }
    }

    pub(crate) fn revert(&self) -> Result<(), HostError> {
        match self {
            Self::Resolved { interface } => resolved::revert(interface),
            Self::Resolvconf { record } => resolvconf::remove(record),
            Self::Bind { target, source } => bind::remove(target, source),
        }
    }
}

/// Makes the machine ask `servers` while the tunnel on `interface` is up; each way is recorded before it is tried.
///
/// # Errors
/// [`HostError::Resolver`] with what each way said; nothing is changed then.
pub(crate) fn set(
    log: &mut UndoLog,
    state: &Path,
    interface: &str,
    servers: &[IpAddr],
) -> Result<(), HostError> {
    let mut said = Vec::new();
    if resolved::runs() {
        let way = Way::Resolved { interface: interface.to_owned() };
        match attempt(log, way, || resolved::set(interface, servers)) {
            Ok(()) => return Ok(()),
            Err(error) => said.push(format!("systemd-resolved: {error}")),
        }
    }
    if resolvconf::is_here() {
        let record = format!("{interface}.hanare");
        let way = Way::Resolvconf { record: record.clone() };
        let result = attempt(log, way, || {
            resolvconf::add(&record, servers)?;
            let in_force = nameservers(Path::new(RESOLV_CONF));
            if servers.first().is_some_and(|server| in_force.contains(server)) {
                return Ok(());
            }
            Err(HostError::Resolver { text: format!("{RESOLV_CONF} is not its file") })
        });
        match result {
            Ok(()) => return Ok(()),
            Err(error) => said.push(format!("resolvconf: {error}")),
        }
    }
    let (target, source) = bind::paths(state);
    let way = Way::Bind { target: target.clone(), source: source.clone() };
    attempt(log, way, || bind::add(&target, &source, servers)).map_err(|error| {
        said.push(format!("bind mount: {error}"));
        HostError::Resolver { text: said.join("; ") }
    })
}

fn attempt(
    log: &mut UndoLog,
    way: Way,
    make: impl FnOnce() -> Result<(), HostError>,
) -> Result<(), HostError> {
    let number = log.record(Change::Resolver { way })?;
    make().inspect_err(|_| {
        if let Err(error) = log.undo(number) {
            tracing::warn!(%error, "a failed resolver setting stays");
        }
    })
}

/// The servers that this machine asks below the tunnel: those of systemd-resolved behind its stub, or of resolv.conf.
pub(crate) fn underlay() -> Vec<IpAddr> {
    let servers = nameservers(Path::new(RESOLV_CONF));
    if servers.iter().all(IpAddr::is_loopback) {
        let upstream = nameservers(Path::new(RESOLVED_UPSTREAM));
        if !upstream.is_empty() {
            return upstream;
        }
    }
    servers
}

/// The `nameserver` lines of a file; scoped addresses are left out.
fn nameservers(path: &Path) -> Vec<IpAddr> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|server| server.trim().parse().ok())
        .collect()
}

fn lines(servers: &[IpAddr]) -> String {
    servers.iter().fold(String::new(), |text, server| text + "nameserver " + &server.to_string() + "\n")
}
