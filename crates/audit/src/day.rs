//! A day of the calendar, as people write it down.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A day such as `2028-06-30`. Days in this form sort as they follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(String);

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day such as 2028-06-30")]
pub struct NotADay(pub String);

impl Day {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Day {
    type Err = NotADay;
    fn from_str(text: &str) -> Result<Self, NotADay> {
        // As a time of that day it is read by the one reader of times that there is.
        let time = format!("{text}T00:00:00Z");
        let is_day = time.len() == 20 && time.parse::<hanare_model::Timestamp>().is_ok();
        if is_day { Ok(Self(text.to_owned())) } else { Err(NotADay(text.to_owned())) }
    }
}

impl TryFrom<String> for Day {
    type Error = NotADay;
    fn try_from(text: String) -> Result<Self, NotADay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_are_days() {
        for good in ["2028-02-29", "2026-12-31"] {
            assert_eq!(good.parse::<Day>().unwrap().as_str(), good);
        }
        for bad in ["2027-02-29", "2026-13-01", "2026-1-1", "tomorrow", "", "2026-12-31T00:00:00Z"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
