//! The worker's beginning and end: gives up privileges, builds the daemon, runs it, says goodbye.

use std::path::PathBuf;

use hanare_host::confine::{self, Access, Confinement, Grants};
use hanare_host::hands::Client;
use hanare_host::{Deed, HostError, privileges, unix};

use super::daemon::Daemon;
use crate::api::ApiError;
use crate::state::{NodeState, StateError};
use crate::uapi;

/// What the hidden `worker node` is told; the same settings as the host process has.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The directory `--state`.
    pub state: PathBuf,
    /// The directory `--runtime`, for the control socket.
    pub runtime: PathBuf,
    /// Whether the host process has a LAN interface to set up.
    pub lan: bool,
}

/// Why the worker ended by itself. The exit status of `INTERFACE` stands in brackets.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// \[4, 3 for names and collisions\] The host process or the machine said no.
    #[error(transparent)]
    Host(#[from] HostError),
    /// \[4\] The node's files cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// \[4\] TLS cannot be set up.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// \[4\] The lease or the keys vanished since the host process looked.
    #[error("this machine is not enrolled")]
    NotJoined,
    /// \[4\] The control socket cannot be made.
    #[error("{path}: the control socket cannot be made")]
    Control {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// \[4\] The system gave no thread, socket or random bytes.
    #[error("the daemon cannot start: {what}")]
    System {
        /// What was missing.
        what: Deed,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// \[4\] Somebody removed the tunnel interface.
    #[error("the interface {0} was removed")]
    InterfaceLost(String),
    /// \[70\] The data plane ended although nobody asked.
    #[error("the data plane ended: {0}")]
    Plane(String),
}

/// Runs the daemon until it is told to end. Call first thing in the process, before any thread.
///
/// # Errors
/// See [`WorkerError`].
pub fn run_worker(options: &WorkerOptions) -> Result<(), WorkerError> {
    privileges::become_worker()?;
    unix::learn_admins();
    let confinement = confined(options)?;
    let hands = Client::from_stdin()?;
    let state = NodeState::new(&options.state);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = hanare_host::memory::keep_small(&mut builder)
        .enable_all()
        // Calls of the host process come one at a time; a second thread lets a look-up go on beside them.
        .max_blocking_threads(2)
        .thread_stack_size(256 * 1024)
        .build()
        .map_err(|source| WorkerError::System { what: Deed::Worker, source })?;
    let ended = runtime.block_on(async {
        let daemon = Daemon::start(options, state, hands, confinement).await?;
        daemon.run().await
    });
    runtime.shutdown_background();
    ended
}

/// Everything that the daemon needs of the machine by itself: its own files, the file that names hosts, and
/// places for its two sockets. All else comes through the hands.
fn confined(options: &WorkerOptions) -> Result<Confinement, HostError> {
    // What cannot be made now is missed, and named, where it is used.
    let _ = std::fs::create_dir_all(uapi::DIRECTORY);
    let path = |text: &str| PathBuf::from(text);
    let paths = vec![
        (NodeState::new(&options.state).directory(), Access::Write),
        (options.state.clone(), Access::RemoveEmpty),
        (options.runtime.clone(), Access::Sockets),
        (path(uapi::DIRECTORY), Access::Sockets),
        (path("/etc/hosts"), Access::Read),
    ];
    confine::confine(&Grants { paths, ..Grants::default() })
}
