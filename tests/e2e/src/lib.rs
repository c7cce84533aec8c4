//! What the end-to-end tests share: bare devices of several implementations, and a small deployment.

mod bare;
mod deployment;
mod pinger;

pub use bare::{Bare, Implementation, Keys, configure, keys};
pub use deployment::{Deployment, Place, long};
pub use pinger::{Pinger, now};
