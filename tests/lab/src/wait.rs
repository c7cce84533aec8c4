//! Waiting with a deadline, so that nothing here hangs.

use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` holds.
///
/// # Errors
/// [`Error::Timeout`] naming `what`, after `limit`.
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Result<Duration> {
    let start = Instant::now();
    until_some(what, limit, || condition().then_some(())).map(|()| start.elapsed())
}

/// Waits until `look` finds something, and returns it.
///
/// # Errors
/// [`Error::Timeout`] naming `what`, after `limit`.
pub fn until_some<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() >= limit {
            return Err(Error::Timeout { what: what.to_owned(), limit });
        }
        std::thread::sleep(PAUSE);
    }
}
