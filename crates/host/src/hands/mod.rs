//! The privileged host process, its worker without privileges, and the narrow verbs between them.
//!
//! The started process is the host process: [`serve`] locks the state directory, replays the undo log, closes a node's
//! kill switch, starts the worker (`/proc/self/exe` with [`Setup::worker`] as arguments and one end of a socket pair as
//! standard input) and then answers its requests until it ends. It parses what its worker says and nothing that came from
//! a network, but for one line: what a person asks of the machine itself ([`Asked`]). The worker calls
//! [`crate::privileges::become_worker`], [`crate::confine::confine`] and [`Client::from_stdin`] before anything else.

mod asked;
mod bounds;
pub(crate) mod channel;
mod client;
mod look;
mod message;
mod network;
mod routing;
mod serve;
mod setup;
mod unlock;
mod verbs;

pub use asked::Asked;
pub use client::{AsyncNotices, Client, Notices, Tunnel, UdpSockets};
pub use message::{KillSwitchState, Notice, Permit};
pub(crate) use serve::hold;
pub use serve::{is_free, leave, serve};
pub use setup::{Ended, NodeRole, Role, Setup};
pub use unlock::{Noted, unlock};
