//! Handover of work data: chunks, versions and manifests, their transfer, and headquarters' store; both ends of it.
//!
//! [`store::Store`] is headquarters' end: what it has acknowledged is durable, objects and index. [`deliver`] is the
//! endpoint's end. [`protocol`] is what travels between them. Nothing here opens a socket: a [`deliver::Transport`] carries
//! the requests.

pub mod chunk;
mod clock;
pub mod deliver;
pub mod digest;
pub mod path;
pub mod protocol;
pub mod seal;
#[cfg(feature = "store")]
pub mod store;
mod text_or_bytes;

pub use digest::Digest;
pub use path::{PathError, WorkPath};
