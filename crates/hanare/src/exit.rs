//! Exit statuses: one table for every command.

use std::process::ExitCode;

/// What the command's end means to a script. The numbers are a promise (`INTERFACE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is good.
    Good = 0,
    /// The answer is no: a check failed, a ledger does not verify, the tunnel is not up.
    No = 1,
    /// Wrong usage of the command line.
    Usage = 2,
    /// Bad input or configuration.
    Input = 3,
    /// Not possible here: permission, device, port, space, lock.
    Impossible = 4,
    /// Unreachable or timed out.
    Unreachable = 5,
    /// Refused by headquarters or policy.
    Refused = 6,
    /// Incomplete: unknown, partial, stale or not evaluated.
    Incomplete = 7,
    /// Our bug.
    Bug = 70,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The status behind a number that another crate chose; an unknown number is a bug.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Good,
            1 => Self::No,
            2 => Self::Usage,
            3 => Self::Input,
            4 => Self::Impossible,
            5 => Self::Unreachable,
            6 => Self::Refused,
            7 => Self::Incomplete,
            _ => Self::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back() {
        for code in [0, 1, 2, 3, 4, 5, 6, 7, 70] {
            assert_eq!(Exit::from_code(code).code(), code);
        }
        assert_eq!(Exit::from_code(99), Exit::Bug);
    }
}
