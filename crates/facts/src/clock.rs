//! What the kernel itself says of its clock. Who can ask it hands the answer in: the call has no safe form.

use serde::{Deserialize, Serialize};

/// The kernel's clock (`adjtimex`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Whether somebody keeps it right: `STA_UNSYNC` is not set.
    pub is_synchronised: bool,
    /// How far off it may be, in microseconds.
    pub max_error_microseconds: u64,
}
