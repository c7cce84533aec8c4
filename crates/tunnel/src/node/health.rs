//! Whether the tunnel works, from what was seen and when; decides, does nothing.

use std::time::{Duration, Instant};

/// `up` is claimed only while headquarters answered inside the tunnel in this time (`INTERFACE`: 30 s).
pub(crate) const FRESH: Duration = Duration::from_secs(30);
/// Silence after which something is done about it: three probes of 5 s went unanswered.
pub(crate) const STALE: Duration = Duration::from_secs(15);

/// The answers that came through the tunnel.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    started: Instant,
    answered: Option<Instant>,
    rtt: Option<Duration>,
}

impl Health {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { started: now, answered: None, rtt: None }
    }

    /// Headquarters answered; `rtt` if it was asked.
    pub(crate) fn answered(&mut self, now: Instant, rtt: Option<Duration>) {
        self.answered = Some(now);
        self.rtt = rtt.or(self.rtt);
    }

    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
    }

    /// How long nothing was heard, counted from the start before the first answer.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.answered.unwrap_or(self.started))
    }

    /// How long silence is borne before another address is tried: one that never answered gets one try, one that did gets
    /// the benefit of a few lost probes.
    pub(crate) const fn patience(&self) -> Duration {
        if self.answered.is_some() { STALE } else { super::candidates::TRY }
    }

    /// The last round trip, while it says anything.
    pub(crate) fn rtt(&self, now: Instant) -> Option<Duration> {
        self.rtt.filter(|_| self.is_up(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_is_claimed_for_thirty_seconds_after_an_answer_and_no_longer() {
        let start = Instant::now();
        let mut health = Health::new(start);
        assert!(!health.is_up(start));
        health.answered(start, Some(Duration::from_millis(3)));
        assert!(health.is_up(start + Duration::from_millis(29_999)));
        assert!(!health.is_up(start + FRESH));
        assert_eq!(health.rtt(start + FRESH), None);
        health.answered(start + FRESH, None);
        assert_eq!(health.rtt(start + FRESH), Some(Duration::from_millis(3)));
    }
}
