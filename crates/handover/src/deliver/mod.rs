//! The endpoint's end of the handover: watches, reads, sends, and brings back.

mod classes;
mod confirm;
mod courier;
mod day;
mod due;
mod gone;
mod journal;
mod known;
mod looked;
mod parcel;
mod posting;
mod recover;
mod restore;
mod round;
mod sealer;
mod snapshot;
mod stamp;
mod stood;
mod sweep;
#[cfg(test)]
#[cfg(feature = "store")]
mod tests;
mod transport;
mod tree;
mod wait;
mod watch;

pub use classes::{Classes, Scope};
pub use courier::{BATCH, Courier, Delivered};
pub use day::{Answer, Day, DayError, Progress, Rest};
pub use due::{Due, LATEST, Ready, SETTLED, SILENT, UNSEALED};
pub use known::{Gist, Held, Known};
pub use posting::{Posted, deliver_sealed};
pub use recover::{Recovered, WantedBack};
pub use restore::Restored;
pub use sealer::{Origin, Sealed, Sealer, left_in};
pub use stamp::{Kind, Stamp};
pub use sweep::Swept;
pub use transport::{Post, Transport, TransportError};
pub use tree::{Found, Meta, Owner, Tree};
pub use watch::{Seen, Watch};
