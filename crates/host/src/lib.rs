//! The only hands: TUN, UDP, netlink, nftables, resolver, undo log.

pub mod account;
pub mod clock;
pub mod confine;
pub mod control_group;
pub mod deed;
pub mod desktop;
pub mod device_mapper;
pub mod dial;
pub mod error;
pub mod files;
pub mod freezer;
pub mod fscrypt;
pub mod hands;
mod ioctl;
pub mod kernel_keys;
pub mod kill_switch;
pub mod logind;
pub mod loops;
pub mod marked;
pub mod memory;
pub mod mounts;
pub mod netlink;
pub mod nft;
pub mod privileges;
pub mod process;
mod readiness;
mod resolver;
pub mod scheduling;
pub mod segmentation;
pub mod signals;
pub mod storage;
pub mod swap;
mod sysctl;
pub mod tun;
pub mod udp;
mod underlay;
pub mod undo;
pub mod unix;
pub mod usb;

pub use deed::{Attempt, Deed};
pub use error::HostError;

/// The firewall mark (`SO_MARK`) of everything that may pass below the tunnel: its UDP, the TCP to headquarters' API and
/// the look-ups of headquarters' name. The letters "hn".
pub const MARK: u32 = 0x686e;
