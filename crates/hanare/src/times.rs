//! Points in time as a person reads them: in this machine's time zone, with its distance from UTC. JSON stays in UTC.

use hanare_model::Timestamp;
use jiff::tz::TimeZone;

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
    fn a_time_is_local_and_says_so() {
        let time: Timestamp = "2026-11-21T15:04:05Z".parse().unwrap();
        assert_eq!(tell_in(time, TimeZone::UTC), "2026-11-21 15:04:05 +00:00");
        let japan = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(tell_in(time, japan), "2026-11-22 00:04:05 +09:00");
        assert!(tell(time).starts_with("2026-11-2"));
    }
}
