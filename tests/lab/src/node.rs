//! A node on a host of the laboratory, driven by the same commands that an employee types.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use crate::headquarters::{addresses, pick};
use crate::{Daemon, Error, Headquarters, Host, Output, Program, Result, until};

/// Longest time from `up` to the first answered probe.
const START: Duration = Duration::from_secs(20);

/// A node that runs our agent.
#[derive(Debug)]
pub struct Node {
    /// Where it runs.
    pub host: Host,
    /// What it runs.
    pub program: Program,
    /// Its `hanare up`, while it runs.
    pub daemon: Option<Daemon>,
    /// Its addresses inside the tunnel, IPv4 first; empty before the first `up`.
    pub addresses: Vec<IpAddr>,
    starts: u32,
}

impl Node {
    /// A node that is not enrolled yet.
    #[must_use]
    pub fn new(host: &Host, program: &Program) -> Self {
        Self { host: host.clone(), program: program.clone(), daemon: None, addresses: Vec::new(), starts: 0 }
    }

    /// Has headquarters invite it under its host's name, and joins.
    ///
    /// # Errors
    /// If either fails.
    pub fn enrol(&mut self, headquarters: &Headquarters, room: &str, kind: &str) -> Result<()> {
        let invite = headquarters.invite(room, kind, self.host.name())?;
        self.join(&invite)?.must().map(drop)
    }

    /// Runs `join` with an invite on standard input, however it ends.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn join(&self, invite: &str) -> Result<Output> {
        self.program.attempt(&self.host, &["join", "-"], invite)
    }

    /// Starts `up` with `arguments` and waits until it says that it is up.
    ///
    /// # Errors
    /// If it does not come up in time.
    pub fn up(&mut self, arguments: &[&str]) -> Result<()> {
        self.start(arguments)?;
        self.wait_for("up", START).map(drop)
    }

    /// Starts `up` with `arguments` and does not wait.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&mut self, arguments: &[&str]) -> Result<()> {
        // As the unit that is shipped starts it.
        let masked = ["sh", "-c", "umask 0077; exec \"$0\" \"$@\""];
        let mut command =
            self.program.command_under(&masked, &self.host, &[&["-v", "up"], arguments].concat());
        self.daemon = Some(self.host.spawn(&format!("up-{}", self.starts), &mut command)?);
        self.starts += 1;
        Ok(())
    }

    /// Waits until `status` shows `state`; how long it took.
    ///
    /// # Errors
    /// [`Error::Content`] with the last status and the log, after `limit`.
    pub fn wait_for(&mut self, state: &str, limit: Duration) -> Result<Duration> {
        let mut last = String::new();
        let what = format!("{} in state {state}", self.host.name());
        let waited = until(&what, limit, || {
            let Ok(output) = self.program.attempt(&self.host, &["--json", "status"], "") else {
                return false;
            };
            last = format!("{} {}", output.stdout, output.stderr);
            output.json().is_ok_and(|status| {
                let found = addresses(&status);
                if !found.is_empty() {
                    self.addresses = found;
                }
                status.get("state").and_then(Value::as_str) == Some(state)
            })
        });
        let log = || self.daemon.as_ref().map(Daemon::said).unwrap_or_default();
        waited.map_err(|error| Error::Content { what: error.to_string(), why: format!("{last}\n{}", log()) })
    }

    /// Its `status --json`.
    ///
    /// # Errors
    /// If it answers with something else.
    pub fn status(&self) -> Result<Value> {
        self.program.attempt(&self.host, &["--json", "status"], "")?.json()
    }

    /// Its address inside the tunnel, with `port`.
    ///
    /// # Errors
    /// [`Error::Content`] if it has none of this family.
    pub fn socket(&self, ipv6: bool, port: u16) -> Result<SocketAddr> {
        pick(&self.addresses, ipv6, self.host.name()).map(|ip| SocketAddr::new(ip, port))
    }
}
