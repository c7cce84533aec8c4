//! The data plane: one blocking thread that carries packets between a TUN device and UDP sockets.
//!
//! A [`PlaneHandle`] tells it what to do and what to show. Nothing on a packet's way is allocated, and nothing is locked.

mod clock;
mod handle;
mod inbound;
mod mss;
mod outbound;
mod pace;
mod rest;
mod shard;
mod unreachable;

use hanare_host::tun::Tun;
use hanare_host::udp::Udp;
use hanare_model::{PeerSet, PrivateKey};
pub use hanare_wire::{ClockStep, Drops, SourceCheck, own_addresses_only};
pub use handle::{End, Event, Gone, PeerState, PlaneHandle, Snapshot};

/// What a data plane is made of.
#[derive(Debug)]
pub struct PlaneConfig {
    /// The device; its addresses and routes are somebody else's.
    pub tun: Tun,
    /// The sockets, already marked.
    pub udp: Udp,
    /// This side's key.
    pub private_key: PrivateKey,
    /// The peers to begin with.
    pub peers: PeerSet,
    /// 32 random bytes, used once.
    pub seed: [u8; 32],
}

/// Starts the thread.
///
/// # Errors
/// As the kernel says, if it gives no thread, no timer or no descriptor for events.
pub fn spawn(config: PlaneConfig) -> std::io::Result<PlaneHandle> {
    spawn_with(config, own_addresses_only)
}

/// The same with another check of inner source addresses.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(config: PlaneConfig, source_check: SourceCheck) -> std::io::Result<PlaneHandle> {
    let (handle, orders) = handle::channel()?;
    let shard = shard::Shard::new(config, source_check, orders)?;
    std::thread::Builder::new().name("hanare-plane".to_owned()).spawn(move || shard.run())?;
    Ok(handle)
}
