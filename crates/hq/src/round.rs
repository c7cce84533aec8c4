//! The time by which the daily round decides what is old. A clock that jumps must not take a company's history along: this time
//! goes on no faster than this server has seen time pass.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hanare_model::Timestamp;

/// The file with the last round's time.
const FILE: &str = "retained";
/// How much further it may be after a start, when nobody can tell how long the server was off: what was off for longer keeps
/// its history longer.
const AFTER_START: Duration = Duration::from_hours(48);
/// How much further it may be than what has passed since the last round.
const SLACK: Duration = Duration::from_hours(1);

/// When rounds were.
#[derive(Debug)]
pub(crate) struct Rounds {
    file: PathBuf,
    /// The last one since the start.
    last: Mutex<Option<Instant>>,
}

impl Rounds {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { file: folder.join(FILE), last: Mutex::default() }
    }

    /// The time of the round that begins now, written down; `None` for the very first one, which only notes when it was.
    pub(crate) fn next(&self, clock: Timestamp, now: Instant) -> io::Result<Option<Timestamp>> {
        let before = read(&self.file)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = last.map_or(AFTER_START, |last| now.saturating_duration_since(last) + SLACK);
        let time = before.map(|before| before.after(passed).min(clock));
        if time.is_some_and(|time| time < clock) {
            tracing::warn!(
                %clock,
                round = ?time,
                "the clock is ahead of the time that has passed here: versions are kept for longer"
            );
        }
        if time.is_none_or(|time| before < Some(time)) {
            write(&self.file, time.unwrap_or(clock))?;
        }
        *last = Some(now);
        Ok(time)
    }
}

/// A time that was written down; `None` if none was.
pub(crate) fn read(file: &Path) -> io::Result<Option<Timestamp>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a time down, all of it or nothing.
pub(crate) fn write(file: &Path, time: Timestamp) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut opened = std::fs::File::create(&new)?;
    writeln!(opened, "{time}")?;
    opened.sync_all()?;
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn the_rounds_follow_the_clock_and_no_jump_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (rounds, start) = (Rounds::new(folder.path()), Instant::now());
        let day = |days: i64| Timestamp::from_seconds(1_800_000_000 + days * DAY);
        let after = |days: u64| start + Duration::from_hours(24 * days);
        assert_eq!(rounds.next(day(0), after(0)).unwrap(), None, "the first one only notes the time");
        assert_eq!(rounds.next(day(1), after(1)).unwrap(), Some(day(1)));
        // A dead clock shows another year; for two days.
        let hours = |hours: i64, from: Timestamp| Timestamp::from_seconds(from.seconds() + hours * 3600);
        assert_eq!(rounds.next(day(3650), after(2)).unwrap(), Some(hours(25, day(1))));
        assert_eq!(rounds.next(day(3651), after(3)).unwrap(), Some(hours(50, day(1))));
        assert_eq!(rounds.next(day(4), after(4)).unwrap(), Some(day(4)), "it was set right");
        // And over a start of the server.
        let again = Rounds::new(folder.path());
        assert_eq!(again.next(day(3652), after(0)).unwrap(), Some(day(6)));
        assert_eq!(again.next(day(-20_000), after(1)).unwrap(), Some(day(-20_000)));
        assert_eq!(again.next(day(7), after(2)).unwrap(), Some(day(7)), "nor backwards");
    }
}
