//! The only hands: TUN, UDP, netlink, nftables, resolver, undo log.

pub mod error;
pub mod hands;
pub mod privileges;
pub mod tun;
pub mod udp;

pub use error::HostError;

/// The firewall mark (`SO_MARK`) of everything that may pass below the tunnel: its UDP, the TCP to headquarters' API and
/// the look-ups of headquarters' name. The letters "hn".
pub const MARK: u32 = 0x686e;
pub mod signals;
