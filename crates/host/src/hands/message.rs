//! What a worker may ask of its host process, what it gets back, and what it is told unasked.

use std::net::{IpAddr, SocketAddr};

use hanare_model::{Segmentation, Signed};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::HostError;

/// One request; the answer is one [`Reply`]. File descriptors travel beside it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Asks for the socket of [`Notice`]s.
    Notices,
    /// Makes the tunnel interface and its UDP sockets; the name is the host process's own.
    Tunnel { mtu: u16, listen: SocketAddr, offload: bool },
    /// New UDP sockets, after the underlay changed or the old ones died.
    Udp { listen: SocketAddr },
    /// Addresses of the tunnel interface, which is brought up; replaces earlier ones.
    Addresses { addresses: Vec<IpNet> },
    /// What is reached through the tunnel; replaces earlier routes.
    Routes { prefixes: Vec<IpNet> },
    /// The gateway's side towards the room.
    Lan { addresses: Vec<IpNet> },
    /// The inner MTU.
    Mtu { mtu: u16 },
    /// Closes the kill switch, or replaces whom it lets the tunnel talk to.
    KillSwitch { permit: Permit },
    /// Asks for its state.
    KillSwitchState,
    /// Opens it for a while, as the line says that waits on the requester's connection, which comes along.
    Unlock,
    /// Headquarters' firewall.
    Segment { segmentation: Segmentation },
    /// Resolvers while the tunnel is up; empty gives the machine its own back.
    Dns { servers: Vec<IpAddr> },
    /// A TCP connection to headquarters' API, under way: past the tunnel by its mark, or through the tunnel.
    ApiSocket { to: SocketAddr },
    /// A UDP socket for each of the underlay's resolvers, connected, for headquarters' name only.
    NameSockets,
    /// A newer lease: what headquarters signed widens what the worker may ask.
    Lease { lease: Signed },
    /// The worker serves; tells whoever waits for it.
    Ready { status: String },
    /// Whether the machine may be given back: if that is what the line says that waits on the requester's connection, which comes
    /// along.
    AskToLeave,
    /// Gives the machine back as it was, the kill switch included, once [`Request::AskToLeave`] was accepted.
    Leave,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// Done; file descriptors may come along.
    Done,
    /// The tunnel: TUN, the socket to ask about it, then the UDP sockets, one of each family at most.
    Tunnel { interface: String, index: u32, offload: bool, port: u16 },
    /// UDP sockets as above, and the port they are bound to.
    Udp { port: u16 },
    /// How the kill switch stands.
    KillSwitch { state: KillSwitchState },
    /// The resolvers that the descriptors are connected to, in their order.
    Resolvers { servers: Vec<IpAddr> },
    /// It was not done, and nothing was changed.
    Failed { failure: HostError },
}

/// What the host process tells its worker unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum Notice {
    /// Somebody asked this role to end (a signal); the worker says goodbye and exits.
    Stop,
    /// Links, addresses or default routes below the tunnel changed.
    UnderlayChanged,
    /// Somebody else removed or changed our firewall tables; they are back.
    FirewallRestored {
        /// What was found missing or changed.
        what: String,
    },
    /// Our firewall tables are gone, changed or unreadable, and nft does not bring them back: tried again until it does, which
    /// [`Notice::FirewallRestored`] tells.
    FirewallLost {
        /// What nft said.
        why: String,
    },
    /// The tunnel interface is gone although the worker lives.
    InterfaceLost,
    /// An unlock ended by itself.
    Locked,
}

/// Whom the tunnel may talk to under the kill switch; every port must be one of headquarters'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// `WireGuard` endpoints, resolved.
    pub wireguard: Vec<SocketAddr>,
    /// Node API addresses, resolved.
    pub api: Vec<SocketAddr>,
}

/// How the kill switch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum KillSwitchState {
    /// In force.
    Closed,
    /// Not there.
    Open,
    /// In force with an exception that the kernel ends.
    Unlocked {
        /// Seconds until it ends.
        seconds: u64,
        /// Whether it opens everything instead of a portal's DNS and TCP 80/443.
        all: bool,
    },
}
