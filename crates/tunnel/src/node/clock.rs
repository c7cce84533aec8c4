//! Steps of the machine's clock, seen by comparing it with a clock that only runs forward; decides, does nothing.

use std::time::Duration;

/// Smaller differences are slewing and rounding.
const TOLERANCE: Duration = Duration::from_secs(2);

/// A step of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Towards the future.
    Forward(Duration),
    /// Towards the past.
    Backward(Duration),
}

/// Remembers how far the two clocks were apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepDetector {
    apart: i128,
}

impl StepDetector {
    /// Starts from both clocks' readings: since 1970, and since boot with sleep counted.
    pub(crate) fn new(wall: Duration, boot: Duration) -> Self {
        Self { apart: difference(wall, boot) }
    }

    /// Takes the next readings; a step is told once.
    pub(crate) fn observe(&mut self, wall: Duration, boot: Duration) -> Option<Step> {
        let apart = difference(wall, boot);
        let moved = apart - self.apart;
        let size = Duration::from_millis(u64::try_from(moved.unsigned_abs()).unwrap_or(u64::MAX));
        if size < TOLERANCE {
            return None;
        }
        self.apart = apart;
        Some(if moved > 0 { Step::Forward(size) } else { Step::Backward(size) })
    }
}

fn difference(wall: Duration, boot: Duration) -> i128 {
    let millis = |time: Duration| i128::try_from(time.as_millis()).unwrap_or(i128::MAX);
    millis(wall).saturating_sub(millis(boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_once_and_slewing_never() {
        let s = Duration::from_secs;
        let mut detector = StepDetector::new(s(1000), s(10));
        assert_eq!(detector.observe(s(1005), s(15)), None);
        assert_eq!(detector.observe(s(1011), s(20)), None, "one second is slewing");
        assert_eq!(detector.observe(s(5016), s(25)), Some(Step::Forward(s(4001))));
        assert_eq!(detector.observe(s(5021), s(30)), None);
        assert_eq!(detector.observe(s(1021), s(30)), Some(Step::Backward(s(4000))));
    }
}
