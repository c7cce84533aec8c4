//! The privileged loop.

use super::setup::{Ended, Setup};
use crate::error::HostError;

/// Runs as host process until the worker ends or a signal comes, then undoes every change but the kill switch.
///
/// # Errors
/// [`HostError::Busy`] if another host process holds the state directory; whatever prevents the start.
pub fn serve(setup: Setup) -> Result<Ended, HostError> {
    drop(setup);
    Err(HostError::refused("serve", "the host process is being built"))
}
