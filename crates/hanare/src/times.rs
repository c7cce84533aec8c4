//! Points in time as a person reads them: in this machine's time zone, with its distance from UTC. JSON stays in UTC.

use hanare_audit::Day;
use hanare_model::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

/// The furthest day that anybody can answer for, in days from today.
pub(crate) const MOST_DAYS: i64 = 400;

/// The clock of this machine.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// In the time zone of `TZ` or `/etc/localtime`; without either in UTC.
pub(crate) fn tell(time: Timestamp) -> String {
    tell_in(time, TimeZone::system())
}

/// An optional one; nothing is said about none.
pub(crate) fn tell_some(time: Option<Timestamp>) -> String {
    time.map(tell).unwrap_or_default()
}

/// Whether a time zone has that name.
pub(crate) fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

fn zone(name: &str) -> Option<TimeZone> {
    // Japan's has not changed since 1951, and a small machine may have no database of zones.
    let tokyo = || (name == "Asia/Tokyo").then(|| TimeZone::fixed(jiff::tz::offset(9)));
    TimeZone::get(name).ok().or_else(tokyo)
}

/// Why a day is none that somebody can answer for something until.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfReach;

/// When a day is over in a time zone: 24:00. A day that is over already or more than [`MOST_DAYS`] ahead is refused.
pub(crate) fn end_of_day(day: &Day, zone_name: &str, now: Timestamp) -> Result<Timestamp, OutOfReach> {
    let end = || -> Result<Option<Timestamp>, jiff::Error> {
        let Some(zone) = zone(zone_name) else { return Ok(None) };
        let today = jiff::Timestamp::from_second(now.seconds())?.to_zoned(zone.clone()).date();
        let day: Date = day.as_str().parse()?;
        let furthest = today.checked_add(Span::new().try_days(MOST_DAYS)?)?;
        if day < today || day > furthest {
            return Ok(None);
        }
        let next = day.checked_add(1.day())?.to_zoned(zone)?;
        Ok(Some(Timestamp::from_seconds(next.timestamp().as_second())))
    };
    end().ok().flatten().ok_or(OutOfReach)
}

fn tell_in(time: Timestamp, zone: TimeZone) -> String {
    match jiff::Timestamp::from_second(time.seconds()) {
        Ok(at) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        Err(_) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_where_the_office_is() {
        // 23:00 of the 26th in UTC is the morning of the 27th in Japan.
        let now = "2026-11-26T23:00:00Z".parse().unwrap();
        let end = |day: &str, zone| end_of_day(&day.parse().unwrap(), zone, now).map(|end| end.to_string());
        assert_eq!(end("2026-11-27", "Asia/Tokyo"), Ok("2026-11-27T15:00:00Z".to_owned()));
        assert_eq!(end("2026-11-26", "Asia/Tokyo"), Err(OutOfReach), "over there");
        assert_eq!(end("2026-11-26", "UTC"), Ok("2026-11-27T00:00:00Z".to_owned()));
        assert_eq!(end("2028-01-01", "Asia/Tokyo"), Ok("2028-01-01T15:00:00Z".to_owned()), "400 days");
        assert_eq!(end("2028-01-02", "Asia/Tokyo"), Err(OutOfReach), "401 days");
        assert_eq!(end("2026-11-27", "Asia/Edo"), Err(OutOfReach));
        assert!(is_zone("Asia/Tokyo") && !is_zone("Asia/Edo"));
    }

    #[test]
    fn a_time_is_local_and_says_so() {
        let time: Timestamp = "2026-11-21T15:04:05Z".parse().unwrap();
        assert_eq!(tell_in(time, TimeZone::UTC), "2026-11-21 15:04:05 +00:00");
        let japan = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(tell_in(time, japan), "2026-11-22 00:04:05 +09:00");
        assert!(tell(time).starts_with("2026-11-2"));
    }
}
