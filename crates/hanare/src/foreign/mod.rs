//! Errors of the library crates as failures of this program: every variant gets its code and its facts here.

mod hq;
mod values;

pub(crate) use hq::client_error;
pub(crate) use values::value_reason;
