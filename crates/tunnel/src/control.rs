//! The node's control socket, `RUNTIME/node.sock`: one JSON document a line, one answer a line.

mod client;
mod message;
mod seats;
pub(crate) mod server;
mod status;
mod work;

pub use client::Client;
pub use message::{Problem, Reply, Request};
pub use seats::{Seat, Seats};
pub use status::{HqStatus, KillSwitch, State, Status, Warning, WarningCode};
pub use work::{HqTime, Session, Today, Work, WorkState};

pub use hanare_model::unlock::MAX_SECONDS as MAX_UNLOCK_SECONDS;
/// What is asked where a directory on the way keeps a person from the socket altogether.
pub const ANYTHING: &str = "*";
/// The socket's name in the runtime directory.
pub(crate) const SOCKET: &str = "node.sock";
/// The longest line: a status with every warning is a few kilobytes.
const MAX_LINE: usize = 64 * 1024;

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No daemon listens: `hanare up` is not running with this runtime directory.
    #[error("no daemon answers at {path}")]
    NotRunning {
        /// The socket.
        path: std::path::PathBuf,
    },
    /// The socket is there but cannot be used.
    #[error("{path}: talking to the daemon failed")]
    Io {
        /// The socket.
        path: std::path::PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The daemon's answer is not one of ours.
    #[error("the daemon's answer cannot be read")]
    Answer,
    /// The daemon does what it was asked, but has not ended.
    #[error("process {pid} has not ended after {seconds} s")]
    StillEnding {
        /// The host process.
        pid: u32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A daemon that cannot be asked, as it ends or has not begun to listen, holds the state directory.
    #[error("{state} is still held after {seconds} s")]
    Held {
        /// The state directory.
        state: std::path::PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The daemon said no.
    #[error(transparent)]
    Refused(Problem),
}
