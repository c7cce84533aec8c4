//! The cross-platform userspace API of WireGuard: what `wg(8)` speaks over `/var/run/wireguard/IF.sock`.
//!
//! [`parse`] is pure; [`Listener`] is the socket; [`spawn`] answers on it, one thread per client, so that a slow or silent
//! client holds up nobody.

mod answer;
mod parse;
mod server;
mod socket;

pub use parse::{AllowedIp, ParseError, PeerChange, Request, Scope, Set, parse};
pub use server::{Access, Service, spawn};
pub use socket::{DIRECTORY, Listener, SocketError};
