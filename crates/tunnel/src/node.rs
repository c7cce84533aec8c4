//! The node's daemon: what `hanare up` runs, as a host process with all privileges and a worker with none.

mod agenda;
mod apply;
mod candidates;
mod daemon;
mod dns;
mod farewell;
mod gap;
mod health;
mod inside;
mod obey;
mod offline;
mod outside;
mod permitted;
mod records;
mod report;
mod resolve;
mod start;
mod term;
mod unwritten;
mod watch;
mod work;
mod worker;

#[cfg(test)]
pub(crate) use term::tests as term_tests;

use std::ffi::OsString;
use std::path::PathBuf;

use hanare_host::HostError;
use hanare_host::hands::{self, Ended, NodeRole, Role, Setup};
use hanare_model::{NodeKind, Timestamp};

pub use farewell::Told;
pub use offline::{LeaveError, leave, offline_status, unlock};
pub use worker::{WorkerError, WorkerOptions, run_worker};

use crate::state::{NodeState, StateError};

/// What `hanare up` is told.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// The directory `--state`.
    pub state: PathBuf,
    /// The tunnel interface.
    pub interface: String,
    /// A gateway's interface towards the room.
    pub lan: Option<String>,
    /// Arguments by which this program becomes the worker; they must lead to [`run_worker`] with the same settings.
    pub worker: Vec<OsString>,
}

/// Why the tunnel did not start. The exit status of `INTERFACE` stands in brackets.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// \[4\] There is no lease: `join` comes first.
    #[error("this machine is not enrolled")]
    NotJoined,
    /// \[6\] Headquarters revoked the node.
    #[error("this node was revoked at {at}: {reason}")]
    Revoked {
        /// When.
        at: Timestamp,
        /// In the admin's words.
        reason: String,
    },
    /// \[3\] `--lan` on a node that has no LAN.
    #[error("--lan is for gateways, and this node is enrolled as another kind")]
    NotGateway,
    /// \[4\] The node's files cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// \[4, 3 for a bad or unknown interface name and for a collision\] The machine does not allow it.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Runs as host process until a signal, `down` or `leave`; `on_ready` gets one line once the daemon serves, and
/// `on_stopping` is called when the end begins.
///
/// The worker says on its own standard error why it failed, and its exit status comes back as [`Ended::Worker`].
///
/// # Errors
/// See [`UpError`]; a second `up` on the same state is [`HostError::Busy`].
pub fn run_host_process(
    options: UpOptions,
    on_ready: Box<dyn FnMut(&str)>,
    on_stopping: Box<dyn FnOnce()>,
) -> Result<Ended, UpError> {
    let state = NodeState::new(&options.state);
    if let Some(tombstone) = state.tombstone()? {
        return Err(UpError::Revoked { at: tombstone.revoked_at, reason: tombstone.reason });
    }
    let (Some(stored), Some(enrolment)) = (state.lease()?, state.enrolment()?) else {
        return Err(UpError::NotJoined);
    };
    if options.lan.is_some() && stored.lease.kind != NodeKind::Gateway {
        return Err(UpError::NotGateway);
    }
    let role = NodeRole {
        public_key: stored.lease.public_key,
        signing_key: enrolment.signing_key,
        lease: stored.signed,
        lan: options.lan,
    };
    let setup = Setup {
        state: options.state,
        interface: options.interface,
        role: Role::Node(Box::new(role)),
        worker: options.worker,
        on_ready,
        on_stopping: Some(on_stopping),
    };
    Ok(hands::serve(setup)?)
}
