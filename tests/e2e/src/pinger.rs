//! Continuous echo requests with the time of every answer: how long a path was dead, seen from one side.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hanare_lab::{Daemon, Error, Host, Result, until_some};

/// Echo requests twenty times a second.
#[derive(Debug)]
pub struct Pinger {
    ping: Daemon,
    /// Whose view it is.
    pub from: String,
}

/// Now, on the clock that [`Pinger`] writes down.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Pinger {
    /// Starts asking `to` from `from` and waits for the first answer.
    ///
    /// # Errors
    /// If there is none within five seconds.
    pub fn start(from: &Host, to: IpAddr) -> Result<Self> {
        let label = format!("ping-{to}-{}", now().as_millis());
        let ping =
            from.spawn(&label, from.command("ping").args(["-n", "-D", "-i", "0.05", &to.to_string()]))?;
        let pinger = Self { ping, from: from.name().to_owned() };
        pinger.answered_after(Duration::ZERO, Duration::from_secs(5))?;
        Ok(pinger)
    }

    /// When answers came, since the epoch.
    #[must_use]
    pub fn answers(&self) -> Vec<Duration> {
        let said = self.ping.said();
        let times = said.lines().filter(|line| line.contains("bytes from")).filter_map(|line| {
            let seconds: f64 = line.strip_prefix('[')?.split(']').next()?.parse().ok()?;
            Some(Duration::from_secs_f64(seconds))
        });
        times.collect()
    }

    /// The last answer before now.
    #[must_use]
    pub fn last(&self) -> Duration {
        self.answers().last().copied().unwrap_or_default()
    }

    /// Waits for an answer that came after `moment`; how long after.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `limit` from now.
    pub fn answered_after(&self, moment: Duration, limit: Duration) -> Result<Duration> {
        let what = format!("an answer to {}", self.from);
        until_some(&what, limit, || self.answers().into_iter().find(|at| *at > moment))
            .map(|at| at.saturating_sub(moment))
            .map_err(|error| Error::Content { what: error.to_string(), why: tail(&self.ping.said()) })
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join("\n")
}
