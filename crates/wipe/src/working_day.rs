//! The time of one working day, counted on the boot clock: it runs while the machine sleeps, and nobody can set it.

use std::collections::BTreeSet;
use std::time::Duration;

use hanare_model::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::policy::Calendar;

/// One day, from the opening of work to its end. All its seconds are the boot clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingDay {
    opened: u64,
    end: u64,
    /// Whether the end follows from headquarters' clock; otherwise from the longest day.
    dated: bool,
    overtime: u64,
    /// Whether a person has granted themselves overtime.
    alone: bool,
    /// Overtime that openings before this one have had of the same day.
    #[serde(default)]
    used: u64,
}

/// Who grants overtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// Headquarters.
    Headquarters,
    /// The person, while headquarters is away.
    Alone,
}

/// Why there is no overtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoOvertime {
    /// The day has had as much as it may.
    #[error("the policy gives a day no more overtime")]
    Enough,
    /// A person grants it to themselves once a day.
    #[error("overtime without headquarters was taken once already")]
    Again,
}

impl WorkingDay {
    /// A day that begins now; without headquarters' clock it lasts as long as a day may.
    #[must_use]
    pub const fn begin(now: u64, calendar: &Calendar) -> Self {
        let end = now.saturating_add(calendar.longest.as_secs());
        Self { opened: now, end, dated: false, overtime: 0, alone: false, used: 0 }
    }

    /// The same where this person has closed the day before, and opens it again: what they have had of overtime is had.
    #[must_use]
    pub const fn begin_again(&self, now: u64, calendar: &Calendar) -> Self {
        let begun = Self::begin(now, calendar);
        // As long as a day may last, it is the same one.
        if now.saturating_sub(self.opened) > calendar.longest.as_secs() {
            return begun;
        }
        Self { alone: self.alone, used: self.used.saturating_add(self.overtime), ..begun }
    }

    /// When it was opened.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// Whether its end follows from headquarters' clock.
    #[must_use]
    pub const fn is_dated(&self) -> bool {
        self.dated
    }

    /// Headquarters' clock showed this when the day was opened. What it said first holds: no clock that jumps later, this one
    /// included, ends a day or prolongs it.
    pub fn date(&mut self, opened: Timestamp, calendar: &Calendar, holidays: &BTreeSet<Date>) {
        if !std::mem::replace(&mut self.dated, true) {
            let lasts = calendar.end_of(opened, holidays).since(opened);
            self.end = self.opened.saturating_add(lasts.as_secs());
        }
    }

    /// When it ends.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end.saturating_add(self.overtime)
    }

    /// More time, as much of it as the policy gives; how much that is.
    ///
    /// # Errors
    /// [`NoOvertime`]
    pub fn grant(
        &mut self,
        wanted: Duration,
        by: Granted,
        calendar: &Calendar,
    ) -> Result<Duration, NoOvertime> {
        if by == Granted::Alone && self.alone {
            return Err(NoOvertime::Again);
        }
        let mut left = calendar.overtime.as_secs().saturating_sub(self.overtime).saturating_sub(self.used);
        if by == Granted::Alone {
            left = left.min(calendar.alone.as_secs());
        }
        let given = wanted.as_secs().min(left);
        if given == 0 {
            return Err(NoOvertime::Enough);
        }
        self.alone |= by == Granted::Alone;
        self.overtime = self.overtime.saturating_add(given);
        Ok(Duration::from_secs(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const HOUR: u64 = 3600;

    fn calendar() -> Calendar {
        let text = "version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = \"1M\"\n[day]\nend = \"19:00\"\n\
                    overtime_hours = 3\novertime_alone_hours = 1\n";
        text.parse::<Policy>().unwrap().day.unwrap()
    }

    #[test]
    fn without_headquarters_the_longest_day_counts_and_its_first_word_holds() {
        let calendar = calendar();
        let mut day = WorkingDay::begin(100, &calendar);
        assert_eq!(day.end(), 100 + 14 * HOUR);
        // 09:00 in Tokyo on a Thursday.
        day.date("2026-11-26T00:00:00Z".parse().unwrap(), &calendar, &BTreeSet::new());
        assert_eq!(day.end(), 100 + 10 * HOUR);
        for jump in ["2030-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
            day.date(jump.parse().unwrap(), &calendar, &BTreeSet::new());
            assert_eq!(day.end(), 100 + 10 * HOUR, "a clock that jumps");
        }
    }

    #[test]
    fn overtime_is_capped_and_a_person_alone_has_it_once() {
        let calendar = calendar();
        let mut day = WorkingDay::begin(0, &calendar);
        let hours = Duration::from_hours;
        assert_eq!(day.grant(hours(2), Granted::Alone, &calendar), Ok(hours(1)));
        assert_eq!(day.grant(hours(1), Granted::Alone, &calendar), Err(NoOvertime::Again));
        // Who closes the day and opens it again has no more of it; tomorrow they do.
        let mut reopened = day.begin_again(9 * HOUR, &calendar);
        assert_eq!(reopened.end(), 23 * HOUR);
        assert_eq!(reopened.grant(hours(1), Granted::Alone, &calendar), Err(NoOvertime::Again));
        assert_eq!(reopened.grant(hours(9), Granted::Headquarters, &calendar), Ok(hours(2)));
        let mut tomorrow = reopened.begin_again(33 * HOUR, &calendar);
        assert_eq!(tomorrow.grant(hours(1), Granted::Alone, &calendar), Ok(hours(1)));
        assert_eq!(day.grant(hours(1), Granted::Headquarters, &calendar), Ok(hours(1)));
        assert_eq!(day.grant(hours(9), Granted::Headquarters, &calendar), Ok(hours(1)));
        assert_eq!(day.grant(hours(9), Granted::Headquarters, &calendar), Err(NoOvertime::Enough));
        assert_eq!(day.end(), 17 * HOUR);
    }
}
