//! Opening the kill switch for a while: whether the company's terms let somebody, and doing it where no daemon runs.

use std::path::Path;
use std::time::Duration;

use hanare_model::unlock::UnlockTerms;

use super::{hold, network};
use crate::control_group::ControlGroup;
use crate::error::{HostError, reason};
use crate::kill_switch;
use crate::undo::{Change, UndoLog};

/// Checks one unlock, whoever asks and whether a daemon runs or not.
pub(super) fn check(terms: &UnlockTerms, is_admin: bool, all: bool, seconds: u64) -> Result<(), HostError> {
    if all && !terms.all.lets(is_admin) {
        return Err(HostError::refused("unlock", reason::NOT_ALL));
    }
    if !all && !terms.portal.lets(is_admin) {
        return Err(HostError::refused("unlock", reason::NOT_YOU));
    }
    if seconds > terms.seconds {
        return Err(HostError::UnlockTooLong { most: terms.seconds });
    }
    Ok(())
}

/// Opens the kill switch for a while when no host process runs; with a group around this process, for what this process becomes.
/// `record` comes before that, once it is sure that none runs, and keeps it closed by an error.
///
/// # Errors
/// [`HostError::Busy`] if one runs: ask its worker then; what the terms do not let root do; what recording and [`kill_switch::unlock`] meet.
pub fn unlock<E: From<HostError>>(
    state: &Path,
    terms: &UnlockTerms,
    time: Duration,
    all: bool,
    own_group: bool,
    record: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let _lock = hold(state)?;
    network::own_kill_switch(state)?;
    check(terms, true, all, time.as_secs())?;
    record()?;
    let mut log = UndoLog::open(state)?;
    let group = own_group.then(|| own_control_group(&mut log)).transpose()?;
    let opened = kill_switch::unlock(time, all, group.as_ref());
    if opened.is_err() {
        log.undo_all()?;
    }
    Ok(opened?)
}

/// A control group around this process; the next start takes it away.
fn own_control_group(log: &mut UndoLog) -> Result<ControlGroup, HostError> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let group = ControlGroup::plan(own)?;
    log.record(Change::ControlGroup { group: group.clone() })?;
    group.make(own)?;
    Ok(group)
}
