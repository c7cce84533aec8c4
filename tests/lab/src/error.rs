//! What goes wrong in a laboratory: always with the command, path or host it happened to.

use std::path::PathBuf;
use std::time::Duration;

/// A failure, with what was tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could not be started.
    #[error("cannot start `{command}`")]
    Start {
        /// Program and arguments.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with a status other than zero.
    #[error("`{command}` ended with {status}: {stderr}")]
    Failed {
        /// Program and arguments.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {limit:?}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// A file or directory.
    #[error("{path}")]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A system call or a socket.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A document or a capture that is not what it should be.
    #[error("{what} cannot be read: {why}")]
    Content {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// Programs that are not installed.
    #[error("missing: {programs}; install with: {line}")]
    Missing {
        /// Their names.
        programs: String,
        /// One line to paste.
        line: String,
    },
}

impl Error {
    pub(crate) fn path(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Path { path, source }
    }

    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::System { what, source }
    }
}
