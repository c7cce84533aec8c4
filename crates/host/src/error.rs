//! Why a change to this machine was not made: one type for the host process, its callers and the line between them.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::deed::Attempt;

/// What went wrong while touching the machine. Travels from the host process to its worker, hence without `source`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub enum HostError {
    /// The process may not change the network.
    #[error("{what} needs CAP_NET_ADMIN in this network namespace")]
    NoNetAdmin {
        /// What was tried.
        what: String,
    },
    /// There is no TUN device node, or it may not be opened.
    #[error("/dev/net/tun cannot be opened: {text}")]
    NoTunDevice {
        /// The system's words.
        text: String,
    },
    /// An interface name that Linux does not take: 1 to 15 bytes, no `/`, no blank, not `.` or `..`.
    #[error("{name:?} is not an interface name: 1 to 15 characters, no blanks, no slash")]
    BadName {
        /// The name.
        name: String,
    },
    /// Somebody else's interface has the name.
    #[error("an interface named {name} is already there")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such interface.
    #[error("there is no interface named {name}")]
    NoSuchInterface {
        /// The name.
        name: String,
    },
    /// A prefix of the tunnel overlaps with a network that this machine is connected or routed to.
    #[error("{prefix} of the tunnel overlaps with {route} on {interface}")]
    Collision {
        /// The tunnel's prefix.
        prefix: IpNet,
        /// What was there before.
        route: IpNet,
        /// Where it leads.
        interface: String,
    },
    /// The UDP port is taken.
    #[error("UDP port {port} is in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// A program that is needed is not installed.
    #[error("the program {program} is missing; Debian's package {package} has it")]
    ProgramMissing {
        /// Its name.
        program: String,
        /// Where it comes from.
        package: String,
    },
    /// A program said no.
    #[error("{program} refused: {text}")]
    Program {
        /// Its name.
        program: String,
        /// Its words.
        text: String,
    },
    /// A program did not end.
    #[error("{program} did not end within {seconds} s; it was killed")]
    Hangs {
        /// Its name.
        program: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The kernel refused a netlink request.
    #[error("{what}: {text}")]
    Netlink {
        /// What was tried.
        what: Attempt,
        /// The errno, positive.
        errno: i32,
        /// The errno in words.
        text: String,
    },
    /// The host process found the request outside what its worker may ask.
    #[error("{verb} was refused: {why}")]
    Refused {
        /// The request.
        verb: String,
        /// The rule it broke.
        why: String,
    },
    /// An unlock for longer than the lease lets.
    #[error("an unlock lasts {most} s at most here")]
    UnlockTooLong {
        /// Seconds.
        most: u64,
    },
    /// Another process holds the state directory.
    #[error("{path} is held by another process")]
    Busy {
        /// The lock.
        path: String,
    },
    /// Another node runs in this network namespace.
    #[error("process {pid} is this network's node")]
    NetworkBusy {
        /// Its process.
        pid: i32,
    },
    /// The kill switch of another state directory is closed in this network namespace.
    #[error("the kill switch of another state is closed here")]
    OtherKillSwitch,
    /// The resolver could not be set.
    #[error("the resolver cannot be set: {text}")]
    Resolver {
        /// What each way said.
        text: String,
    },
    /// A file, device or socket did not do what it should.
    #[error("{what}: {text}")]
    Io {
        /// What was tried, and on what.
        what: Attempt,
        /// The errno, if the system gave one.
        errno: Option<i32>,
        /// The system's words.
        text: String,
    },
    /// The other process is gone.
    #[error("the host process is gone")]
    Gone,
}

/// Why the host process refuses what people ask for; the command says these in the person's language.
pub mod reason {
    /// The verb is for admins.
    pub const ADMINS_ONLY: &str = "only root and the group hanare may";
    /// `unlock --all` by a person.
    pub const NOT_ALL: &str = "the policy does not let everything be opened";
    /// An unlock that the policy does not let this person have.
    pub const NOT_YOU: &str = "the policy does not let this person open the kill switch";
    /// An unlock without a reason.
    pub const NO_REASON: &str = "a reason is needed";
    /// An unlock for too long.
    pub const TIME: &str = "the time must be between 1 second and 30 minutes";
    /// An unlock for one program where programs cannot be told apart.
    pub const NO_CONTROL_GROUPS: &str = "this system cannot tell one program from the others (no cgroup v2)";
    /// An unlock of what is open.
    pub const NOT_CLOSED: &str = "the kill switch is not closed";
}

impl HostError {
    /// Wraps an I/O error with what was tried; permission errors become [`HostError::NoNetAdmin`] only where the caller
    /// says so itself.
    pub fn io(what: impl Into<Attempt>, error: &io::Error) -> Self {
        Self::Io { what: what.into(), errno: error.raw_os_error(), text: error.to_string() }
    }

    pub(crate) fn refused(verb: &str, why: impl Into<String>) -> Self {
        Self::Refused { verb: verb.to_owned(), why: why.into() }
    }

    /// The address that a collision is about, for a person's eyes.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        if let Self::Collision { prefix, .. } = self { Some(prefix.addr()) } else { None }
    }
}
