//! What the end-to-end tests share: bare devices of several implementations, and a small deployment.

mod bare;
pub mod behind;
mod carry;
mod database;
mod deployment;
mod garage;
mod pinger;
mod refusal;
mod room;
mod unguarded;

pub use bare::{Bare, Implementation, Keys, configure, keys};
pub use carry::carry;
pub use database::Stranger;
pub use deployment::{Deployment, Place, long};
pub use garage::Garage;
pub use hanare_lab::Shifted;
pub use pinger::{Pinger, now};
pub use refusal::Refusal;
pub use room::Room;
pub use unguarded::without_the_guard;
