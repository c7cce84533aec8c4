//! Whether much is carried: only then the thread takes short turns on its processor.
//!
//! A thread with short turns interrupts whoever woke it, and the next in the chain wakes on another processor, which takes
//! longer where that has to be called out of its rest: measured on 2 virtual processors, a ping through an idle tunnel took
//! 277 µs instead of 195.

use std::time::{Duration, Instant};

use hanare_host::scheduling::{self, Turns};

/// Over what time packets are counted.
const WINDOW: Duration = Duration::from_millis(10);
/// Packets in a window from which on it is much: 2,000 a second, some 20 Mbit/s of full packets. A call has 50 to 100.
const MUCH: u128 = 20;
/// How long little has to be carried before turns are as usual again.
const LULL: Duration = Duration::from_millis(100);

/// What was carried lately, and which turns that made the thread take.
#[derive(Debug)]
pub(super) struct Pace {
    turns: Turns,
    since: Instant,
    carried: usize,
    /// When much was carried last.
    much: Option<Instant>,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { turns: Turns::Usual, since: now, carried: 0, much: None }
    }

    /// Whether much was carried lately.
    pub(super) fn is_much(&self) -> bool {
        self.turns == Turns::Short
    }

    /// Counts packets, and asks the kernel for other turns where their rate has changed for long enough.
    pub(super) fn carried(&mut self, packets: usize, now: Instant) {
        let Some(turns) = self.wanted(packets, now) else { return };
        self.turns = turns;
        if let Err(error) = scheduling::take_turns(turns) {
            tracing::debug!(%error, ?turns, "the scheduler gives no turns of our own");
        }
    }

    /// Other turns than those that it takes, if it should.
    fn wanted(&mut self, packets: usize, now: Instant) -> Option<Turns> {
        self.carried += packets;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < WINDOW {
            return None;
        }
        // A window is longer where nothing woke the thread, or others kept it waiting: what counts is the rate.
        let carried = u128::try_from(self.carried).unwrap_or(u128::MAX);
        if carried.saturating_mul(WINDOW.as_micros()) >= MUCH * elapsed.as_micros() {
            self.much = Some(now);
        }
        (self.since, self.carried) = (now, 0);
        let is_much = self.much.is_some_and(|much| now.saturating_duration_since(much) < LULL);
        let turns = if is_much { Turns::Short } else { Turns::Usual };
        (turns != self.turns).then_some(turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns after each of so many milliseconds with so many packets.
    fn run(pace: &mut Pace, now: &mut Instant, milliseconds: u64, packets: usize) -> Vec<Turns> {
        let mut changes = Vec::new();
        for _ in 0..milliseconds {
            *now += Duration::from_millis(1);
            if let Some(turns) = pace.wanted(packets, *now) {
                pace.turns = turns;
                changes.push(turns);
            }
        }
        changes
    }

    #[test]
    fn turns_are_short_while_much_is_carried_and_a_little_longer() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(run(&mut pace, &mut now, 1000, 1), [], "1,000 packets a second");
        assert_eq!(run(&mut pace, &mut now, 20, 10), [Turns::Short]);
        assert_eq!(run(&mut pace, &mut now, 80, 0), [], "a pause between two bursts");
        assert_eq!(run(&mut pace, &mut now, 20, 10), []);
        assert_eq!(run(&mut pace, &mut now, 1000, 0), [Turns::Usual]);
    }

    #[test]
    fn a_burst_after_a_rest_is_not_much_yet() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        now += Duration::from_secs(1);
        assert_eq!(pace.wanted(64, now), None);
        assert_eq!(run(&mut pace, &mut now, 100, 0), []);
    }
}
