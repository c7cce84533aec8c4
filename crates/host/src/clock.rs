//! What the kernel says of its own clock: whether anybody keeps it right, and how far off it may be.

#![expect(unsafe_code, reason = "adjtimex has no safe form")]

use std::io;

/// The clock's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockState {
    /// Whether somebody keeps it right.
    pub is_synchronised: bool,
    /// How far off it may be, in microseconds.
    pub max_error_microseconds: u64,
}

/// Reads the state and changes nothing; anybody may.
///
/// # Errors
/// What the system says.
pub fn state() -> io::Result<ClockState> {
    // SAFETY: a `timex` of zeros is a valid one, and its `modes` of 0 asks for nothing to be set.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `timex` to a pointer to one.
    let outcome = unsafe { libc::adjtimex(&raw mut timex) };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ClockState {
        is_synchronised: timex.status & libc::STA_UNSYNC == 0 && outcome != libc::TIME_ERROR,
        max_error_microseconds: u64::try_from(timex.maxerror).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whether_anybody_keeps_its_clock() {
        let state = state().unwrap();
        // Without anybody the bound only grows, up to 16 seconds (`NTP_PHASE_LIMIT`).
        assert!(state.max_error_microseconds <= 16_000_000, "{state:?}");
    }
}
