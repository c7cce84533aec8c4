//! The time that the daemon counts silence by: it goes on while the machine sleeps.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// `Instant`s of the boot clock; those of the standard library stand still during suspend, and an answer from before it would be
/// a fresh one after it.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    boot: Duration,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), boot: boot() }
    }

    pub(super) fn now(&self) -> Instant {
        self.at(boot())
    }

    fn at(&self, boot: Duration) -> Instant {
        self.start + boot.saturating_sub(self.boot)
    }
}

fn boot() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::health::Health;

    #[test]
    fn an_answer_from_before_a_suspend_is_an_old_one() {
        let watch = Watch::new();
        let mut health = Health::new(watch.now());
        health.answered(watch.now(), None);
        assert!(health.is_up(watch.now()));
        // Ten minutes in which only the boot clock went on.
        let after = watch.at(boot() + Duration::from_mins(10));
        assert!(!health.is_up(after) && health.silence(after) >= Duration::from_mins(10));
    }
}
