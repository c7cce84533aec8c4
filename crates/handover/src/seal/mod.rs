//! Sealing: work that headquarters has not acknowledged, encrypted to its key and signed by the node, so that it may wait on
//! the plain part of a disk and travel with nobody but the node.
//!
//! [`write()`] makes an item on the node, [`Spool`] keeps items until headquarters has acknowledged them, [`open`] reads one at
//! headquarters: the signature first, then the content.

mod head;
mod key;
mod open;
mod reserve;
mod spool;
#[cfg(test)]
mod tests;
mod write;

pub use head::{Head, ItemId, Note, Refused, What};
pub use key::{CompanyKey, SECRET_LEN, SealingSecret};
pub use open::{Contents, open, peek, verify};
pub use reserve::{Level, Reserve};
pub use spool::{Spool, Waiting};
pub use write::{Sealing, write};
