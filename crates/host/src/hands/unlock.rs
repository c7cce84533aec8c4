//! Opening the kill switch for a while: whether the company's terms let somebody, doing it, also where no daemon runs, and its end.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use hanare_model::unlock::UnlockTerms;

use super::asked::{self, Asked};
use super::message::{KillSwitchState, Notice};
use super::verbs::Hands;
use super::{hold, network, routing};
use crate::control_group::ControlGroup;
use crate::error::{HostError, reason};
use crate::kill_switch;
use crate::undo::{Change, UndoLog};
use crate::unix::Peer;

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

impl Hands {
    /// Opens it for whoever asks, if the terms let them.
    pub(super) fn unlock(&mut self, fds: &[OwnedFd]) -> Result<(), HostError> {
        let terms = self.node("unlock")?.lease().unlock;
        let (peer, Asked::Unlock { reason, seconds, all, program }) = asked::take("unlock", fds)? else {
            return Err(HostError::refused("unlock", "its sender asked for something else"));
        };
        if reason.trim().is_empty() {
            return Err(HostError::refused("unlock", reason::NO_REASON));
        }
        check(&terms, peer.is_admin(), all, seconds)?;
        let time = Duration::from_secs(seconds);
        self.close_unlock()?;
        let group = program.as_ref().map(|_| self.group(&peer)).transpose()?;
        if let Some(index) = self.index {
            routing::open_rules(&mut self.log, index, all)?;
        }
        // The kill switch last, so that nothing is open if the rules could not be set.
        if let Err(error) = kill_switch::unlock(time, all, group.as_ref()) {
            self.close_unlock()?;
            return Err(error);
        }
        (self.unlocked_until, self.unlocked_by_admin) = (Some(Instant::now() + time), peer.is_admin());
        tracing::warn!(uid = peer.uid, seconds, all, program, reason, "the kill switch is open for a while");
        Ok(())
    }

    /// A control group around who asked.
    fn group(&mut self, peer: &Peer) -> Result<ControlGroup, HostError> {
        let group = ControlGroup::plan(peer.pid)?;
        self.log.record(Change::ControlGroup { group: group.clone() })?;
        if let Err(error) = group.make(peer.pid) {
            self.close_unlock()?;
            return Err(error);
        }
        Ok(group)
    }

    /// Takes back what an unlock changed beside the kill switch.
    fn close_unlock(&mut self) -> Result<(), HostError> {
        routing::close_rules(&mut self.log)?;
        self.log.undo_where(|change| matches!(change, Change::ControlGroup { .. }))
    }

    /// Terms that do not let what is open any more close it now, and do not wait for its time. If that cannot be done it is tried
    /// again with the next look.
    pub(super) fn hold_to_terms(&mut self) {
        if let Err(error) = self.close_beyond_terms() {
            tracing::error!(%error, "what is open against headquarters' terms could not be closed");
            self.unsettled = true;
        }
    }

    fn close_beyond_terms(&mut self) -> Result<(), HostError> {
        let Some(terms) = self.bounds.as_ref().map(|bounds| bounds.lease().unlock) else { return Ok(()) };
        let KillSwitchState::Unlocked { seconds, all } = kill_switch::state()? else { return Ok(()) };
        if check(&terms, self.unlocked_by_admin, all, seconds).is_err() {
            kill_switch::relock()?;
            tracing::warn!("headquarters' terms do not let the kill switch be open as it was");
            // The loop takes back what else was changed.
            self.unlocked_until = Some(Instant::now());
        }
        Ok(())
    }

    /// Takes the rules of an unlock back once the kernel has closed the kill switch.
    pub(super) fn lock_again(&mut self) -> Result<Option<Notice>, HostError> {
        if kill_switch::state()? != KillSwitchState::Closed {
            // The kernel counts in its own seconds; look again soon.
            self.unlocked_until = Some(Instant::now() + Duration::from_millis(300));
            return Ok(None);
        }
        self.unlocked_until = None;
        self.close_unlock()?;
        Ok(Some(Notice::Locked))
    }
}

/// Opens the kill switch for a while when no host process runs; with a group around this process, for what this process becomes.
/// `record` comes before that and after a refusal, while it is sure that none runs, and keeps it closed by an error.
///
/// # Errors
/// [`HostError::Busy`] and [`HostError::NetworkBusy`] if one runs: ask its worker then; what the terms do not let root do; what
/// recording and [`kill_switch::unlock`] meet.
pub fn unlock<E: From<HostError>>(
    state: &Path,
    terms: &UnlockTerms,
    time: Duration,
    all: bool,
    own_group: bool,
    record: impl Fn(Noted) -> Result<(), E>,
) -> Result<(), E> {
    let _lock = hold(state)?;
    let _network = network::hold(state)?;
    let opened = check(terms, true, all, time.as_secs()).map_err(E::from).and_then(|()| {
        record(Noted::Asked)?;
        Ok(open(state, time, all, own_group)?)
    });
    if opened.is_err() {
        record(Noted::Refused)?;
    }
    opened
}

/// What is to be recorded of an unlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It is about to happen.
    Asked,
    /// It does not.
    Refused,
}

fn open(state: &Path, time: Duration, all: bool, own_group: bool) -> Result<(), HostError> {
    let mut log = UndoLog::open(state)?;
    let group = own_group.then(|| own_control_group(&mut log)).transpose()?;
    let opened = kill_switch::unlock(time, all, group.as_ref());
    if opened.is_err() {
        log.undo_all()?;
    }
    opened
}

/// A control group around this process; the next start takes it away.
fn own_control_group(log: &mut UndoLog) -> Result<ControlGroup, HostError> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let group = ControlGroup::plan(own)?;
    log.record(Change::ControlGroup { group: group.clone() })?;
    group.make(own)?;
    Ok(group)
}
