//! What can be said and done about a node while no daemon runs.

use std::path::Path;
use std::time::Duration;

use hanare_host::hands::{KillSwitchState, Noted};
use hanare_host::unix::Peer;
use hanare_host::{HostError, hands, kill_switch, privileges};
use ipnet::IpNet;

use super::daemon::own_clock;
use super::farewell::{self, Told};
use super::obey::{Unlock, state_problem};
use super::report::kill_switch_status;
use super::term::Term;
use crate::control::server::permitted;
use crate::control::{HqStatus, KillSwitch, Problem, Request, State, Status, WarningCode};
use crate::state::journal::Journal;
use crate::state::{NodeState, StateError};

/// Why `leave` did not finish.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// \[4\] The machine could not be given back; a running daemon is [`HostError::Busy`].
    #[error(transparent)]
    Host(#[from] HostError),
    /// \[4\] Keys or lease would not go.
    #[error(transparent)]
    State(#[from] StateError),
}

/// How the node stands as far as its state directory and the kernel tell.
///
/// # Errors
/// [`StateError`] if the state directory cannot be read.
pub fn offline_status(state: &Path) -> Result<Status, StateError> {
    let node = NodeState::new(state);
    let tombstone = node.tombstone()?;
    let lease = node.lease()?.map(|stored| stored.lease);
    let (kill_switch, unlocked_until) = kill_switch_status(kill_switch::state().ok(), own_clock());
    let mut warnings = Vec::new();
    match &lease {
        None => warnings.push(WarningCode::NotJoined.warning()),
        Some(lease) => match Term::of(lease, own_clock()) {
            Term::Fresh | Term::Due => {}
            Term::Grace => warnings.push(WarningCode::LeaseGrace.warning()),
            Term::Over => warnings.push(WarningCode::LeaseOver.warning()),
        },
    }
    if kill_switch.is_none() {
        warnings.push(WarningCode::KillSwitchUnread.warning());
    }
    let state = match kill_switch {
        _ if tombstone.is_some() => State::Revoked,
        Some(KillSwitch::Closed | KillSwitch::Unlocked) => State::Locked,
        Some(KillSwitch::Open) | None => State::Down,
    };
    let endpoint = |endpoint: &hanare_model::Endpoint| HqStatus {
        endpoint: endpoint.to_string(),
        active: false,
        last_handshake_seconds: None,
        rx_bytes: 0,
        tx_bytes: 0,
        rtt_seconds: None,
    };
    Ok(Status {
        state,
        pid: None,
        interface: None,
        addresses: lease.iter().flat_map(|lease| lease.addresses.iter().map(IpNet::addr)).collect(),
        node: lease.as_ref().map(|lease| lease.node.clone()),
        room: lease.as_ref().map(|lease| lease.room.clone()),
        hq: lease.iter().flat_map(|lease| lease.hq.endpoints.iter().map(endpoint)).collect(),
        kill_switch,
        unlocked_until,
        lease_until: lease.as_ref().map(|lease| lease.expires_at),
        warnings,
    })
}

/// Gives the machine back as it was, the kill switch included, and removes keys and lease, when no daemon runs. Everything
/// is safe to repeat; the keys go last. Headquarters is told first, if it can be; says what it knows.
///
/// # Errors
/// See [`LeaveError`].
pub fn leave(state: &Path) -> Result<Told, LeaveError> {
    let told = hands::leave(state, || farewell::from_here(state))?;
    NodeState::new(state).remove()?;
    Ok(told)
}

/// Opens the kill switch for a while, on the record, when no daemon runs: for whoever may change this machine's network. `None` where
/// there is nothing to open by this way: nobody enrolled, nothing closed, or not their right.
///
/// # Errors
/// [`Problem`], as a daemon would say it.
pub fn unlock(
    state: &Path,
    reason: &str,
    time: Duration,
    all: bool,
    program: Option<&str>,
) -> Result<Option<()>, Problem> {
    let node = NodeState::new(state);
    let read = |error| state_problem(&error);
    if !privileges::has_net_admin() || kill_switch::state().ok() == Some(KillSwitchState::Open) {
        return Ok(None);
    }
    let (Some(lease), Some(keys)) = (node.lease().map_err(read)?, node.keys().map_err(read)?) else {
        return Ok(None);
    };
    let uid = rustix::process::geteuid().as_raw();
    let asked = Request::Unlock {
        reason: reason.to_owned(),
        seconds: time.as_secs(),
        all,
        program: program.map(str::to_owned),
    };
    let own = Peer { pid: rustix::process::getpid().as_raw_nonzero().get(), uid, groups: Vec::new() };
    let Request::Unlock { reason, seconds, all, program } = permitted(asked, &own)? else { return Ok(None) };
    let own_group = program.is_some();
    let unlock = Unlock { uid, is_admin: true, reason, seconds, all, program };
    let record = |noted: Noted| {
        let kind = match noted {
            Noted::Asked => "kill-switch.unlock",
            Noted::Refused => "kill-switch.unlock-refused",
        };
        let mut journal = Journal::open(&node).map_err(read)?;
        let entry = unlock.entry(own_clock(), &lease.lease.node, kind);
        journal.record(entry, &keys.signing).map_err(read)
    };
    let terms = &lease.lease.unlock;
    hands::unlock(state, terms, time, all, own_group, record).map(Some)
}
