//! WireGuard without input or output: peers over boringtun's `Tunn`, retry, roaming, source checks.
//!
//! A [`Core`] holds the peers of one shard. Its caller owns sockets, TUN device and clock:
//!
//! - [`Core::route`] and [`Core::send`] for every packet from the TUN device,
//! - [`Core::receive`] for every datagram, whose answer says what to write where,
//! - [`Core::poll`] until `None` when [`Core::next_wakeup`] has passed, which may be at once after a `receive`,
//! - [`Core::take_event`] now and then.
//!
//! On the way of a packet nothing is allocated and nothing is locked that others hold. `Tunn` reads the machine's boot
//! clock by itself; everything here goes by the `now` that the caller passes.

mod attempt;
mod configure;
mod credit;
mod engine;
mod identity;
mod indices;
mod link;
mod noise;
mod outcome;
mod queue;
mod random;
mod receive;
mod routes;
mod transmit;

pub use engine::{Core, SourceCheck, own_addresses_only};
pub use outcome::{ClockStep, Drops, Event, PeerIndex, PeerStats, Reason, Received, Sent, Transmit};
pub use transmit::{MIN_OUT, OVERHEAD};
