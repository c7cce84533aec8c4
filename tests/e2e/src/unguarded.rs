//! The kill switch taken away from a machine, in whatever state it is, and put back.

use std::time::Duration;

use hanare_lab::{Daemon, Host, Program, Result, until};
use rustix::process::Signal;

/// Takes the kill switch's tables away, calls `look`, and has them put back: by `daemon`, if one runs, otherwise as at boot.
///
/// # Errors
/// What `look` says; if the tables cannot be removed or do not come back.
pub fn without_the_guard<T>(
    program: &Program,
    host: &Host,
    daemon: Option<&Daemon>,
    look: impl FnOnce() -> Result<T>,
) -> Result<T> {
    // The daemon's hands would put them back at once. Its worker, and with it the tunnel, goes on.
    daemon.map_or(Ok(()), |daemon| daemon.signal(Signal::STOP))?;
    for family in ["inet", "netdev"] {
        host.sh(&format!("nft delete table {family} hanare"))?;
    }
    let seen = look()?;
    match daemon {
        Some(daemon) => daemon.signal(Signal::CONT)?,
        None => program.run(host, &["guard"]).map(drop)?,
    }
    until("the guard's return", Duration::from_secs(10), || {
        ["inet", "netdev"].iter().all(|family| {
            host.attempt(&format!("nft list table {family} hanare")).is_ok_and(|output| output.good())
        })
    })?;
    Ok(seen)
}
