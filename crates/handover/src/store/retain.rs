//! What is kept: of each file every version of the last day, then the last one of each day for a month, then the last one of
//! each month; a deleted file for 90 days. Pure, so that it can be tried against a model.

use hanare_model::Timestamp;

/// Every version that is younger than this stays, in seconds.
const WHOLE: i64 = 24 * 3600;
/// Of this many days the last version of each.
const DAYS: i64 = 30;
/// How long a deleted file stays, in seconds.
pub(super) const DELETED: i64 = 90 * 24 * 3600;
/// Where a day begins: Japan's clock, which has no summer time.
const ZONE: i64 = 9 * 3600;

/// A version, as far as keeping it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dated {
    /// Ascends in the order of acknowledgement.
    pub id: i64,
    pub at: Timestamp,
}

/// The period of which one version stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    /// All of it stays.
    Now,
    Day(i64),
    Month(i64),
}

fn period(at: Timestamp, now: Timestamp) -> Period {
    if now.seconds().saturating_sub(at.seconds()) < WHOLE {
        return Period::Now;
    }
    let day = |time: Timestamp| time.seconds().saturating_add(ZONE).div_euclid(24 * 3600);
    if day(now) - day(at) <= DAYS { Period::Day(day(at)) } else { Period::Month(month(day(at))) }
}

/// Months since March of year 0 of the days since 1970 (Howard Hinnant, “chrono-compatible low-level date algorithms”).
fn month(day: i64) -> i64 {
    let day = day.saturating_add(719_468);
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    (era * 400 + year) * 12 + (5 * day + 2) / 153
}

/// Which of a file's versions go: `versions` in order of their ids, the last one being what is at its path, `deleted` if that
/// is a deletion. All of them go if the file was deleted long ago; otherwise never the last.
pub(super) fn outlived(versions: &[Dated], deleted: bool, now: Timestamp) -> Vec<i64> {
    let Some((head, older)) = versions.split_last() else { return Vec::new() };
    if deleted && now.seconds().saturating_sub(head.at.seconds()) >= DELETED {
        return versions.iter().map(|version| version.id).collect();
    }
    // What is at the path stays whatever its period, and is the last of that period.
    let mut newer = period(head.at, now);
    let mut gone = Vec::new();
    for version in older.iter().rev() {
        let of = period(version.at, now);
        // The last version before a deletion is what somebody would want back.
        let is_last = of != newer || (deleted && Some(version) == older.last());
        if of != Period::Now && !is_last {
            gone.push(version.id);
        }
        newer = of;
    }
    gone.reverse();
    gone
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_230_245);
    const DAY: i64 = 24 * 3600;

    fn days_ago(days: &[i64]) -> Vec<Dated> {
        let dated = |(id, ago): (i64, &i64)| Dated { id, at: Timestamp::from_seconds(NOW.seconds() - ago) };
        (0..).zip(days).map(dated).collect()
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let month_of = |text: &str| {
            let at: Timestamp = text.parse().unwrap();
            month((at.seconds() + ZONE).div_euclid(DAY))
        };
        assert_eq!(month_of("2024-02-28T15:00:00Z"), month_of("2024-02-01T00:00:00Z"), "a leap day");
        assert_eq!(month_of("2024-02-29T14:59:59Z"), month_of("2024-02-01T00:00:00Z"));
        assert_eq!(
            month_of("2024-02-29T15:00:00Z"),
            month_of("2024-02-01T00:00:00Z") + 1,
            "Japan's first of March"
        );
        assert_eq!(month_of("2025-01-01T00:00:00Z"), month_of("2024-12-31T00:00:00Z") + 1);
    }

    #[test]
    fn today_stays_whole_then_one_a_day_then_one_a_month() {
        let hours = |hours: i64| hours * 3600;
        let versions =
            days_ago(&[DAY * 100, DAY * 99, hours(60), hours(59), hours(58), hours(3), hours(2), 0]);
        assert_eq!(outlived(&versions, false, NOW), [0, 2, 3]);
        // A file that nobody touches keeps what is there for ever.
        assert_eq!(outlived(&days_ago(&[DAY * 4000]), false, NOW), [0i64; 0]);
    }

    #[test]
    fn a_deleted_file_stays_for_ninety_days_with_its_last_version() {
        let versions = days_ago(&[DAY * 89 + 20, DAY * 89 + 10, DAY * 89]);
        assert_eq!(outlived(&versions, true, NOW), [0]);
        let versions = days_ago(&[DAY * 90 + 20, DAY * 90 + 10, DAY * 90]);
        assert_eq!(outlived(&versions, true, NOW), [0, 1, 2]);
        assert_eq!(outlived(&versions, false, NOW), [0, 1], "it was not deleted");
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_model_keeps(
            mut ages in proptest::collection::vec(0i64..400 * DAY, 1..60),
            deleted: bool,
        ) {
            ages.sort_unstable_by(|a, b| b.cmp(a));
            let versions = days_ago(&ages);
            let gone: BTreeSet<i64> = outlived(&versions, deleted, NOW).into_iter().collect();
            let head = versions.last().unwrap();
            let long_ago = deleted && NOW.seconds() - head.at.seconds() >= DELETED;
            for version in &versions {
                let age = NOW.seconds() - version.at.seconds();
                let of = period(version.at, NOW);
                let last_of_period =
                    versions.iter().filter(|other| period(other.at, NOW) == of).map(|other| other.id).max();
                let before_deletion = deleted && version.id == head.id - 1;
                let stays = !long_ago
                    && (version.id == head.id
                        || age < WHOLE
                        || last_of_period == Some(version.id)
                        || before_deletion);
                prop_assert_eq!(!gone.contains(&version.id), stays, "{:?} of {:?}", version, ages);
            }
            // What was decided once holds: nothing more goes a moment later.
            let left: Vec<Dated> = versions.into_iter().filter(|version| !gone.contains(&version.id)).collect();
            prop_assert_eq!(outlived(&left, deleted, NOW), Vec::<i64>::new());
        }
    }
}
