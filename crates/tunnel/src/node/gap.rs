//! The time between two unlocks of one person: each is written down for good, and nobody shall fill the disk. Somebody may have
//! thousands of user ids (subordinate ones), so all who are no admins together may not ask often either.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many different people may ask within one gap: a room has few.
const PEOPLE: usize = 8;

/// When each user asked last.
#[derive(Debug, Default)]
pub(super) struct Gap {
    asked: BTreeMap<u32, Instant>,
}

impl Gap {
    /// Whether this user may ask now; if not, how many seconds to wait.
    pub(super) fn ask(&mut self, uid: u32, now: Instant, gap: Duration) -> Result<(), u64> {
        self.asked.retain(|_, at| now.saturating_duration_since(*at) < gap);
        let first = || self.asked.values().min().filter(|_| self.asked.len() >= PEOPLE);
        if let Some(at) = self.asked.get(&uid).or_else(first) {
            let left = gap.saturating_sub(now.saturating_duration_since(*at));
            return Err(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        }
        self.asked.insert(uid, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(10);

    #[test]
    fn many_user_ids_do_not_ask_more_often_than_a_room_full_of_people() {
        let start = Instant::now();
        let mut gap = Gap::default();
        let asked = (0..100_000).filter(|uid| gap.ask(*uid, start, GAP).is_ok()).count();
        assert_eq!(asked, PEOPLE);
        assert_eq!(gap.ask(1, start + GAP / 2, GAP), Err(5));
        assert_eq!(gap.ask(200_000, start + GAP, GAP), Ok(()));
    }

    #[test]
    fn one_person_waits_and_keeps_nobody_else_from_it() {
        let start = Instant::now();
        let mut gap = Gap::default();
        assert_eq!(gap.ask(1000, start, GAP), Ok(()));
        assert_eq!(gap.ask(1000, start + Duration::from_millis(2500), GAP), Err(8));
        assert_eq!(gap.ask(1001, start + Duration::from_millis(2500), GAP), Ok(()));
        assert_eq!(gap.ask(1000, start + GAP, GAP), Ok(()), "who was refused did not wait anew");
        assert_eq!(gap.asked.len(), 2);
        assert_eq!(gap.ask(1002, start + Duration::from_hours(1), GAP), Ok(()));
        assert_eq!(gap.asked.len(), 1, "who asked long ago is forgotten");
        let at = start + Duration::from_hours(1);
        assert_eq!(gap.ask(1002, at, Duration::ZERO), Ok(()), "a policy may do without");
        assert_eq!(gap.ask(1002, at + GAP, Duration::from_mins(5)), Err(290), "or ask for more");
    }
}
