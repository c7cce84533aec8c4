//! When a working day ends by itself: a calendar in one fixed time zone, and caps that are counted on the boot clock.

use std::collections::BTreeSet;
use std::time::Duration;

use hanare_model::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::path::Paths;
use super::read::listed;
use super::{Fault, Person, PolicyError};

/// The longest that a working day or its overtime may be said to last, in hours.
pub const MAX_HOURS: u64 = 24;
const ZONE: &str = "Asia/Tokyo";
/// Japan has kept its clocks since 1951: a machine without a data base of time zones knows this one, too.
const JAPAN_HOURS: i8 = 9;
const LONGEST: u64 = 14;
const OUTSIDE: u64 = 4;
const OVERTIME: u64 = 4;
const ALONE: u64 = 2;
/// An account's name, as `useradd` takes it.
const MAX_USER: usize = 32;

/// When a working day ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    weekdays: BTreeSet<u8>,
    end: Time,
    holidays: BTreeSet<Date>,
    /// How long work may be open where the calendar has no end for it: on a day off, or after hours.
    outside: Duration,
    /// How long it may be open at all, without overtime; all that counts while the time is not known.
    pub longest: Duration,
    /// How much overtime a day may have.
    pub overtime: Duration,
    /// How much of it a person may take alone, once, while headquarters is away.
    pub alone: Duration,
}

impl Calendar {
    /// When a day ends that was opened at this time, by headquarters' clock. `holidays` are the ones that headquarters knows,
    /// beside the policy's own.
    #[must_use]
    pub fn end_of(&self, opened: Timestamp, holidays: &BTreeSet<Date>) -> Timestamp {
        let cap = opened.after(self.longest);
        let outside = opened.after(self.outside).min(cap);
        let Ok(at) = jiff::Timestamp::from_second(opened.seconds()) else { return outside };
        let date = at.to_zoned(self.zone.clone()).date();
        let works = self.weekdays.contains(&number(date.weekday()))
            && !self.holidays.contains(&date)
            && !holidays.contains(&date);
        let end = date.to_datetime(self.end).to_zoned(self.zone.clone());
        let end = end.map(|end| Timestamp::from_seconds(end.timestamp().as_second()));
        match end {
            Ok(end) if works && opened < end => end.min(cap),
            Ok(_) | Err(_) => outside,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayTable {
    timezone: Option<Spanned<String>>,
    weekdays: Option<Spanned<Vec<DayOfWeek>>>,
    end: Spanned<String>,
    #[serde(default)]
    holidays: Vec<Spanned<String>>,
    outside_hours: Option<Spanned<u64>>,
    longest_hours: Option<Spanned<u64>>,
    overtime_hours: Option<Spanned<u64>>,
    overtime_alone_hours: Option<Spanned<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DayOfWeek {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonTable {
    user: Option<Spanned<String>>,
    #[serde(default)]
    usb: Vec<Spanned<String>>,
}

pub(super) fn day_of(table: &DayTable, paths: &Paths<'_>) -> Result<Calendar, PolicyError> {
    let DayTable { timezone, weekdays, end, holidays, .. } = table;
    let zone = match timezone {
        None => zone(ZONE),
        Some(named) => zone(named.get_ref()),
    };
    let unknown = || {
        let span = timezone.as_ref().map_or(0..0, Spanned::span);
        paths.at(span, Fault::Zone(timezone.as_ref().map_or(ZONE, |named| named.get_ref()).to_owned()))
    };
    let zone = zone.ok_or_else(unknown)?;
    let weekdays = match weekdays {
        None => (1..=5).collect(),
        Some(named) => {
            let list = named.get_ref();
            listed(list, |day| format!("{day:?}").to_lowercase())
                .map_err(|fault| paths.at(named.span(), fault))?;
            list.iter().map(|day| *day as u8 + 1).collect()
        }
    };
    let hour = |given: &Option<Spanned<u64>>, default: u64, least: u64| match given {
        None => Ok(Duration::from_hours(default)),
        Some(given) if (least..=MAX_HOURS).contains(given.get_ref()) => {
            Ok(Duration::from_hours(*given.get_ref()))
        }
        Some(given) => Err(paths.at(given.span(), Fault::Hours(*given.get_ref()))),
    };
    let date = |text: &Spanned<String>| {
        let bad = || paths.at(text.span(), Fault::Date(text.get_ref().clone()));
        text.get_ref().parse::<Date>().map_err(|_| bad())
    };
    Ok(Calendar {
        zone,
        weekdays,
        end: Time::strptime("%H:%M", end.get_ref())
            .map_err(|_| paths.at(end.span(), Fault::Time(end.get_ref().clone())))?,
        holidays: holidays.iter().map(date).collect::<Result<_, _>>()?,
        outside: hour(&table.outside_hours, OUTSIDE, 1)?,
        longest: hour(&table.longest_hours, LONGEST, 1)?,
        overtime: hour(&table.overtime_hours, OVERTIME, 0)?,
        alone: hour(&table.overtime_alone_hours, ALONE, 0)?,
    })
}

pub(super) fn person_of(table: PersonTable, paths: &Paths<'_>) -> Result<Person, PolicyError> {
    if let Some(user) = &table.user {
        let name = user.get_ref();
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let fits = (1..=MAX_USER).contains(&name.len())
            && name.bytes().all(is_plain)
            && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
        // Whatever this account runs is ended with the day.
        if !fits || name == "root" {
            return Err(paths.at(user.span(), Fault::User(name.clone())));
        }
    }
    let numbers = |text: &Spanned<String>| {
        let is_number = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let lower = text.get_ref().to_ascii_lowercase();
        let fits =
            lower.split_once(':').is_some_and(|(vendor, product)| is_number(vendor) && is_number(product));
        if fits { Ok(lower) } else { Err(paths.at(text.span(), Fault::Usb(text.get_ref().clone()))) }
    };
    let usb = table.usb.iter().map(numbers).collect::<Result<Vec<_>, _>>()?;
    Ok(Person { user: table.user.map(Spanned::into_inner), usb })
}

fn zone(name: &str) -> Option<TimeZone> {
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => (name == ZONE).then(|| TimeZone::fixed(jiff::tz::offset(JAPAN_HOURS))),
    }
}

fn number(day: Weekday) -> u8 {
    u8::try_from(day.to_monday_one_offset()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn calendar(lines: &str) -> Calendar {
        let text =
            format!("version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = \"1M\"\n[day]\n{lines}");
        text.parse::<Policy>().unwrap().day.unwrap()
    }

    fn end(calendar: &Calendar, opened: &str) -> String {
        calendar.end_of(opened.parse().unwrap(), &BTreeSet::new()).to_string()
    }

    #[test]
    fn a_working_day_ends_by_the_clock_on_the_wall_in_japan() {
        let days = calendar("end = \"19:00\"");
        // Thursday 2026-11-26, 09:00 in Tokyo.
        assert_eq!(end(&days, "2026-11-26T00:00:00Z"), "2026-11-26T10:00:00Z");
        assert_eq!(end(&days, "2026-11-26T09:59:59Z"), "2026-11-26T10:00:00Z");
        // In the night before: the longest day ends sooner.
        assert_eq!(end(&days, "2026-11-25T15:30:00Z"), "2026-11-26T05:30:00Z");
    }

    #[test]
    fn after_hours_and_on_a_day_off_it_ends_after_its_own_time() {
        let days = calendar("end = \"19:00\"\noutside_hours = 3\nholidays = [\"2026-11-27\"]");
        assert_eq!(end(&days, "2026-11-26T10:00:00Z"), "2026-11-26T13:00:00Z", "after hours");
        assert_eq!(end(&days, "2026-11-28T00:00:00Z"), "2026-11-28T03:00:00Z", "a Saturday");
        assert_eq!(end(&days, "2026-11-27T00:00:00Z"), "2026-11-27T03:00:00Z", "a holiday");
        let headquarters = BTreeSet::from(["2026-11-26".parse().unwrap()]);
        let opened = "2026-11-26T00:00:00Z".parse().unwrap();
        assert_eq!(days.end_of(opened, &headquarters).to_string(), "2026-11-26T03:00:00Z");
    }

    #[test]
    fn what_is_wrong_with_a_day_has_its_place() {
        let fault = |lines: &str| {
            let text =
                format!("version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = \"1M\"\n{lines}");
            let error = text.parse::<Policy>().unwrap_err();
            (error.position.line, error.fault)
        };
        let day = |lines: &str| fault(&format!("[day]\n{lines}"));
        assert_eq!(day("end = \"25:00\""), (7, Fault::Time("25:00".into())));
        assert_eq!(
            day("end = \"19:00\"\nholidays = [\"2026-02-30\"]"),
            (8, Fault::Date("2026-02-30".into()))
        );
        assert_eq!(day("end = \"19:00\"\ntimezone = \"Mars/Base\""), (8, Fault::Zone("Mars/Base".into())));
        assert_eq!(day("end = \"19:00\"\nlongest_hours = 25"), (8, Fault::Hours(25)));
        assert_eq!(day("end = \"19:00\"\nweekdays = []"), (8, Fault::Empty));
        assert_eq!(fault("[person]\nuser = \"root\""), (7, Fault::User("root".into())));
        assert_eq!(fault("[person]\nusb = [\"12:34\"]"), (7, Fault::Usb("12:34".into())));
    }
}
