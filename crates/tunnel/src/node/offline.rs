//! What can be said and done about a node while no daemon runs.

use std::path::Path;

use hanare_host::{HostError, hands, kill_switch};
use ipnet::IpNet;

use super::daemon::own_clock;
use super::farewell;
use super::report::kill_switch_status;
use super::term::Term;
use crate::control::{HqStatus, KillSwitch, State, Status, WarningCode};
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
/// is safe to repeat; the keys go last. Headquarters is told first, if it can be; says whether it knows, `None` if there was
/// nobody to tell.
///
/// # Errors
/// See [`LeaveError`].
pub fn leave(state: &Path) -> Result<Option<bool>, LeaveError> {
    let told = hands::leave(state, || farewell::from_here(state))?;
    NodeState::new(state).remove()?;
    Ok(told)
}
