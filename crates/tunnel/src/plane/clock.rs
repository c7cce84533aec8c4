//! Time as the data plane sees it: a clock that counts suspend, and steps of the wall clock.

use std::time::{Duration, Instant};

use hanare_wire::ClockStep;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Less is an adjustment, not a step: NTP slews by 0.5 ms a second, and handshakes tolerate any age.
const STEP: Duration = Duration::from_secs(1);

/// `Instant`s that go on while the machine sleeps, which the standard library's do not on Linux.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    boot: Duration,
    /// Wall clock less boot clock, in nanoseconds, when last looked at.
    offset: i128,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), boot: read(ClockId::Boottime), offset: offset() }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + read(ClockId::Boottime).saturating_sub(self.boot)
    }

    /// The same moment as the boot clock counts it.
    pub(super) fn boot_time(&self, moment: Instant) -> Duration {
        self.boot + moment.saturating_duration_since(self.start)
    }

    /// How the wall clock was set since this was last asked.
    pub(super) fn step(&mut self) -> Option<ClockStep> {
        let offset = offset();
        let moved = offset - std::mem::replace(&mut self.offset, offset);
        let distance = Duration::from_nanos(u64::try_from(moved.unsigned_abs()).unwrap_or(u64::MAX));
        match moved {
            _ if distance < STEP => None,
            1.. => Some(ClockStep::Forward(distance)),
            _ => Some(ClockStep::Backward(distance)),
        }
    }
}

fn offset() -> i128 {
    nanoseconds(read(ClockId::Realtime)) - nanoseconds(read(ClockId::Boottime))
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

/// Zero for a wall clock before 1970.
fn read(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_is_no_step_and_a_set_one_is() {
        let mut clock = Clock::new();
        assert_eq!(clock.step(), None);
        clock.offset -= 5_000_000_000;
        assert!(matches!(clock.step(), Some(ClockStep::Forward(by)) if by.as_secs() >= 4));
        clock.offset += 3_600_000_000_000;
        assert!(matches!(clock.step(), Some(ClockStep::Backward(by)) if by.as_secs() >= 3599));
    }

    #[test]
    fn it_runs_forward() {
        let clock = Clock::new();
        let earlier = clock.now();
        assert!(clock.now() >= earlier);
    }
}
