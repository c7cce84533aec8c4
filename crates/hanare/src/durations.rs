//! Durations as people type them: `30m`, `24h`, `7d`; and as people read them.

use std::str::FromStr;
use std::time::Duration;

use crate::voice::Voice;

/// A positive duration of `--expires` or `--for`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A text that is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and s, m, h or d, such as 30m")]
pub(crate) struct NotADuration;

const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];

impl FromStr for Span {
    type Err = NotADuration;
    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let (_, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit)).ok_or(NotADuration)?;
        let digits = text.get(..text.len().saturating_sub(1)).ok_or(NotADuration)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotADuration);
        }
        let number: u64 = digits.parse().map_err(|_| NotADuration)?;
        let seconds = number.checked_mul(*factor).filter(|seconds| *seconds > 0).ok_or(NotADuration)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// Seconds in the largest unit that keeps them readable.
pub(crate) fn tell(seconds: u64, voice: &Voice) -> String {
    let (id, number) = match seconds {
        0..120 => ("span-seconds", seconds),
        120..7200 => ("span-minutes", seconds / 60),
        7200..172_800 => ("span-hours", seconds / 3600),
        _ => ("span-days", seconds / 86_400),
    };
    voice.say_with(id, &[("n", &number)])
}

/// Seconds as a person would type them for `--expires`: the largest unit that says it exactly.
pub(crate) fn short(seconds: u64) -> String {
    let unit = UNITS.iter().rev().find(|(_, factor)| seconds > 0 && seconds.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, factor)| format!("{}{unit}", seconds / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let read = |text: &str| text.parse::<Span>().map(|span| span.0.as_secs());
        assert_eq!(read("90s"), Ok(90));
        assert_eq!(read("30m"), Ok(1800));
        assert_eq!(read("24h"), Ok(86_400));
        assert_eq!(read("7d"), Ok(604_800));
        for bad in [
            "",
            "m",
            "30",
            "0s",
            "-1h",
            "+1h",
            "1.5h",
            "1w",
            "99999999999999999999d",
            "18446744073709551615d",
            "３m",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_would_be_typed() {
        let written: Vec<String> = [0, 90, 1800, 86_400, 90_000].into_iter().map(short).collect();
        assert_eq!(written, ["0s", "90s", "30m", "1d", "25h"]);
    }
}
