//! How a node's tunnel stands: the fields of `hanare status --json`.

use std::net::IpAddr;

use hanare_model::{NodeName, RoomId, Timestamp};
use serde::{Deserialize, Serialize};

/// Everything that `status` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// In one word.
    pub state: State,
    /// The process that runs the tunnel; `None` without a daemon, and of a daemon of the version before.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The tunnel interface; `None` without a daemon.
    pub interface: Option<String>,
    /// The node's own addresses inside the tunnel.
    pub addresses: Vec<IpAddr>,
    /// Who it is; `None` before it joined.
    pub node: Option<NodeName>,
    /// Where it is.
    pub room: Option<RoomId>,
    /// Headquarters' endpoints, the best first.
    pub hq: Vec<HqStatus>,
    /// The kill switch; `None` if it cannot be read (an ordinary user without a daemon to ask), with a warning that says so.
    pub kill_switch: Option<KillSwitch>,
    /// When an unlock ends.
    pub unlocked_until: Option<Timestamp>,
    /// When the lease ends.
    pub lease_until: Option<Timestamp>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// A node's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Headquarters answered through the tunnel in the last 30 s.
    Up,
    /// The daemon runs but headquarters does not answer, or something else is not as it should be.
    Degraded,
    /// No daemon, and nothing holds traffic back.
    Down,
    /// No daemon, and the kill switch holds all traffic back.
    Locked,
    /// Headquarters took the node's lease away.
    Revoked,
}

/// One endpoint of headquarters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HqStatus {
    /// As the lease names it.
    pub endpoint: String,
    /// Whether the tunnel uses it now.
    pub active: bool,
    /// Age of the last handshake; `None` before the first and for endpoints not in use.
    pub last_handshake_seconds: Option<f64>,
    /// Bytes received since the daemon started.
    pub rx_bytes: u64,
    /// Bytes sent since the daemon started.
    pub tx_bytes: u64,
    /// Round trip of the last probe through the tunnel.
    pub rtt_seconds: Option<f64>,
}

/// The kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillSwitch {
    /// In force.
    Closed,
    /// Not there.
    Open,
    /// In force with a timed exception.
    Unlocked,
}

/// Something a person should know; text and fix in English, to be translated by their code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable.
    pub code: WarningCode,
    /// What is the matter.
    pub text: String,
    /// What to do.
    pub fix: String,
}

/// What can be the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningCode {
    /// Nobody answers through the tunnel.
    HqSilent,
    /// The lease ended and the grace period runs.
    LeaseGrace,
    /// The lease and its grace period ended: no traffic.
    LeaseOver,
    /// Headquarters does not know this node any more.
    NotEnrolled,
    /// Somebody removed or changed the kill switch; it was restored.
    FirewallRestored,
    /// Somebody changed or removed the kill switch, and it cannot be restored.
    FirewallLost,
    /// The resolvers that headquarters gave could not be set.
    ResolverNotSet,
    /// Nobody can tell whether the kill switch is closed.
    KillSwitchUnread,
    /// Headquarters' name cannot be looked up.
    NameNotFound,
    /// The machine's clock is far from headquarters'.
    ClockWrong,
    /// This kernel lacks Landlock or seccomp: the worker runs without.
    NotConfined,
    /// What headquarters said is in force, and the disk did not take it.
    NotWritten,
    /// The machine could not be made what a new lease says.
    MachineUnchanged,
    /// The kill switch will not be closed from the next boot on until `up` runs.
    GuardNotEnabled,
    /// The node is not enrolled yet.
    NotJoined,
}

impl WarningCode {
    /// The code as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HqSilent => "hq-silent",
            Self::LeaseGrace => "lease-grace",
            Self::LeaseOver => "lease-over",
            Self::NotEnrolled => "not-enrolled",
            Self::FirewallRestored => "firewall-restored",
            Self::FirewallLost => "firewall-lost",
            Self::ResolverNotSet => "resolver-not-set",
            Self::KillSwitchUnread => "kill-switch-unread",
            Self::NameNotFound => "name-not-found",
            Self::ClockWrong => "clock-wrong",
            Self::NotConfined => "not-confined",
            Self::NotWritten => "not-written",
            Self::MachineUnchanged => "machine-unchanged",
            Self::GuardNotEnabled => "guard-not-enabled",
            Self::NotJoined => "not-joined",
        }
    }

    /// The warning in English.
    #[must_use]
    pub fn warning(self) -> Warning {
        let (text, fix) = match self {
            Self::HqSilent => (
                "headquarters does not answer through the tunnel",
                "check the cable or the Wi-Fi; if others are cut off as well, ask headquarters",
            ),
            Self::LeaseGrace => {
                ("the lease has ended; the grace period runs", "ask headquarters to renew this node's lease")
            }
            Self::LeaseOver => (
                "the lease and its grace period are over: nothing travels",
                "ask headquarters for a new lease",
            ),
            Self::NotEnrolled => (
                "headquarters does not know this node",
                "ask headquarters, then `hanare leave` and `hanare join`",
            ),
            Self::FirewallRestored => (
                "another program removed or changed the kill switch; it is back",
                "find the program that flushes the firewall's rules and keep it from ours",
            ),
            Self::FirewallLost => (
                "the kill switch was changed and cannot be restored; it is tried again",
                "see the log for what nft says, and stop the program that changes the firewall's rules",
            ),
            Self::ResolverNotSet => (
                "headquarters' name servers could not be set",
                "see `resolvectl status` or /etc/resolv.conf for what holds the resolver",
            ),
            Self::KillSwitchUnread => {
                ("nobody can tell whether the kill switch is closed", "run `hanare status` as root")
            }
            Self::NameNotFound => {
                ("headquarters' name cannot be looked up", "check this network's name server")
            }
            Self::ClockWrong => {
                ("this machine's clock is far from headquarters'", "switch on time synchronisation")
            }
            Self::NotConfined => (
                "this kernel cannot confine the part that talks to the network",
                "use a kernel with Landlock and seccomp",
            ),
            Self::NotWritten => (
                "what headquarters said last is in force, and this machine's disk did not take it",
                "make room on the disk of the state directory; it is tried again every second",
            ),
            Self::MachineUnchanged => (
                "a new lease's addresses and routes could not be set",
                "make room on the disk of the state directory; it is tried again every second",
            ),
            Self::GuardNotEnabled => (
                "after a reboot this machine's network is open until `hanare up` runs",
                "install and enable hanare-guard.service, as README says",
            ),
            Self::NotJoined => ("this machine is not enrolled", "run `hanare join` with an invite"),
        };
        Warning { code: self, text: text.to_owned(), fix: fix.to_owned() }
    }
}
