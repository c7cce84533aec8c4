//! Virtual machines: what needs a kernel, a power switch and a boot of its own.
//!
//! [`Image`] is a Debian with the built `hanare` and its units; [`Guest`] is one boot of a copy of it under QEMU, without KVM,
//! with a channel that runs scripts inside and a monitor that has the power switch.

mod channel;
mod guest;
mod image;
mod monitor;
pub mod work_store;
mod writes;

pub use channel::Answer;
pub use guest::Guest;
pub use image::Image;
pub use writes::{Entry, Log};

/// What can go wrong here.
pub type Result<T> = hanare_lab::Result<T>;

use hanare_lab::Error;

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    |source| Error::System { what, source }
}

fn content(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Content { what: what.to_owned(), why: why.to_string() }
}
