//! Waiting for whoever keeps a file from being opened by a lease: the kernel ends a lease that somebody else wants the end of.

use std::time::{Duration, Instant};

/// How often it is looked whether a file can be opened by now.
const STEP: Duration = Duration::from_millis(500);
/// What the kernel grants the holder of a lease, unless it says otherwise.
const USUAL: u64 = 45;
/// And a little, until the kernel has noticed.
const MORE: Duration = Duration::from_secs(2);

/// The time that there is for all leases together: it begins with the first one, since by then all others were wanted too.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Instant>);

impl Patience {
    /// Whether there is time left.
    pub(super) fn is_left(&self) -> bool {
        self.0.is_none_or(|until| Instant::now() < until)
    }

    /// Whether anything was waited for.
    pub(super) fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Waits a step.
    pub(super) fn wait(&mut self) {
        self.0.get_or_insert_with(|| Instant::now() + granted() + MORE);
        std::thread::sleep(STEP);
    }
}

fn granted() -> Duration {
    let told = std::fs::read_to_string("/proc/sys/fs/lease-break-time");
    Duration::from_secs(told.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL))
}
