//! Handover of work data: chunks, versions and manifests, their transfer, and headquarters' store; both ends of it.
//!
//! [`store::Store`] is headquarters' end: what it has acknowledged is durable, objects and index. [`protocol`] is what
//! travels. Nothing here opens a socket: who calls carries the requests.

pub mod chunk;
pub mod digest;
pub mod path;
pub mod protocol;
pub mod store;
mod text_or_bytes;

pub use digest::Digest;
pub use path::{PathError, WorkPath};
