//! The only hands: TUN, UDP, netlink, nftables, resolver, undo log.

pub mod tun;
pub mod udp;
