//! What erasing needs of block devices and file systems: their kernel interfaces, without an opinion on when to use them.

mod aligned;
mod block;
mod extents;
mod journal;
pub mod lease;
mod naming;
mod write_out;

pub use aligned::AlignedBuffer;
pub use block::{BlockDevice, encoded, number};
pub use extents::{Extent, attributes, each_extent, extents};
pub use journal::{checkpoint, trim};
pub use naming::{generation, uuid};
pub use write_out::write_out;

/// What `O_DIRECT` wants of addresses, offsets and lengths: a page fits every device that Linux has a driver for.
pub const ALIGNMENT: usize = 4096;
