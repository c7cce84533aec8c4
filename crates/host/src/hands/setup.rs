//! What a host process is told once by the command that starts it, and how it ends.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use hanare_model::{PublicKey, Signed, VerifyKey};
use ipnet::IpNet;

/// Everything that [`super::serve`] needs.
pub struct Setup {
    /// The state directory: lock, undo log, kill switch.
    pub state: PathBuf,
    /// The tunnel interface's name.
    pub interface: String,
    /// Whose hands these are.
    pub role: Role,
    /// Arguments of the worker, such as `worker node --state DIR`; the program is this one.
    pub worker: Vec<OsString>,
    /// Called with the worker's line once it serves (readiness to systemd, `up --detach`).
    pub on_ready: Box<dyn FnMut(&str)>,
    /// Called once when the end begins: somebody asked for it, or the worker is gone.
    pub on_stopping: Option<Box<dyn FnOnce()>>,
}

/// Whose hands.
#[derive(Debug, Clone)]
pub enum Role {
    /// Headquarters: plain routes, segmentation.
    Hq {
        /// The overlay, checked for collisions before anything is changed. Its worker gets addresses and routes in it and
        /// nowhere else.
        overlay: Vec<IpNet>,
        /// Where `WireGuard` listens, and nothing else does.
        listen: SocketAddr,
    },
    /// A node: kill switch, full tunnel, a gateway's LAN.
    Node(Box<NodeRole>),
}

/// A node as its state directory says. The lease bounds what the worker may ask.
#[derive(Debug, Clone)]
pub struct NodeRole {
    /// The node's own `WireGuard` key; a lease for another one is refused.
    pub public_key: PublicKey,
    /// Headquarters' signing key, as pinned when the node joined.
    pub signing_key: VerifyKey,
    /// The lease in force.
    pub lease: Signed,
    /// The LAN interface of `up --lan`.
    pub lan: Option<String>,
}

/// Why [`super::serve`] returned. In every case the machine is as before, the kill switch apart (gone after `Left`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The worker exited with this status (128 + n after signal n).
    Worker(i32),
    /// A signal asked for the end.
    Stopped,
    /// An admin asked to leave.
    Left,
}
