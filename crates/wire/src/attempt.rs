//! Trying to reach a peer: when the next handshake initiation is due, for as long as it takes.

use std::time::{Duration, Instant};

use crate::random::Random;

/// Time before the second initiation (the protocol's `REKEY_TIMEOUT`; nobody answers faster retries with more than a cookie).
const FIRST: Duration = Duration::from_secs(5);
/// Longest time between two initiations, before jitter. With jitter 9.6 s: traffic has to resume within 15 s after an
/// outage of any length, and the rest is left for a cookie's round trip.
const LONGEST: Duration = Duration::from_secs(8);
/// Share of the interval that is added at random, so that the nodes of a headquarters that was away do not come at once.
const JITTER: f64 = 0.2;
/// How long traffic alone keeps the attempts going (the protocol's `REKEY_ATTEMPT_TIME`).
const PATIENCE: Duration = Duration::from_secs(90);
/// Answers to one initiation that are decrypted before the rate limiter has a say.
const ANSWERS: u8 = 8;

/// A run of initiations that ends with a session.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// When somebody last wanted the session.
    wanted: Instant,
    /// When the next initiation is due.
    pub(crate) due: Instant,
    interval: Duration,
    sent: Option<Instant>,
    answers: u8,
}

impl Attempt {
    /// Begins with an initiation at `due`.
    pub(crate) fn new(due: Instant, now: Instant) -> Self {
        Self { wanted: now, due, interval: FIRST, sent: None, answers: 0 }
    }

    /// An initiation went out.
    pub(crate) fn sent(&mut self, now: Instant, random: &mut Random) {
        self.due = now + self.interval + random.up_to(self.interval.mul_f64(JITTER));
        self.interval = self.interval.mul_f64(1.25).min(LONGEST);
        self.sent = Some(now);
        self.answers = 0;
    }

    /// The peer began a handshake itself: leaves it time to finish.
    pub(crate) fn yield_to_peer(&mut self, now: Instant, random: &mut Random) {
        self.due = self.due.max(now + FIRST + random.up_to(FIRST.mul_f64(JITTER)));
    }

    /// The peer is there after all (a cookie came), or the way to it is new: the next initiation as soon as the protocol allows.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.interval = FIRST;
        self.due = self.due.min(self.sent.map_or(now, |sent| (sent + FIRST).max(now)));
    }

    /// A packet wants to be sent.
    pub(crate) fn want(&mut self, now: Instant) {
        self.wanted = now;
    }

    /// Whether nobody has wanted the session for long.
    pub(crate) fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.wanted) >= PATIENCE
    }

    /// Whether an answer may be tried at once: one is expected, and forged ones have not used up the tries.
    pub(crate) fn admits_answer(&mut self) -> bool {
        self.answers = self.answers.saturating_add(1);
        self.sent.is_some() && self.answers <= ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initiations_never_stop_and_are_never_more_than_ten_seconds_apart() {
        let (mut random, start) = (Random::new(&[1; 32]), Instant::now());
        let mut attempt = Attempt::new(start, start);
        let (mut now, mut gaps) = (start, Vec::new());
        for _ in 0..1000 {
            attempt.sent(now, &mut random);
            gaps.push(attempt.due - now);
            now = attempt.due;
        }
        assert!(gaps[0] >= FIRST && gaps[0] <= FIRST.mul_f64(1.0 + JITTER));
        assert!(gaps.iter().all(|gap| *gap >= FIRST && *gap < Duration::from_secs(10)), "{gaps:?}");
        let unique: std::collections::BTreeSet<_> = gaps.iter().collect();
        assert!(unique.len() > 900, "jitter");
    }
}
