//! The asking side of the control socket; blocking, for the command line.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ControlError, MAX_LINE, Problem, Reply, Request, SOCKET, Status};

/// `leave` waits for headquarters and for the undo log.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a daemon that is not there, or that ends while it is asked, looks like.
const GONE: [io::ErrorKind; 5] = [
    io::ErrorKind::NotFound,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::UnexpectedEof,
];

/// Asks the daemon of one runtime directory. Connects anew for each request.
#[derive(Debug, Clone)]
pub struct Client {
    runtime: PathBuf,
}

impl Client {
    /// For the directory `--runtime`.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { runtime: runtime.to_path_buf() }
    }

    /// How the tunnel stands.
    ///
    /// # Errors
    /// See [`ControlError`]; without a daemon use [`crate::node::offline_status`].
    pub fn status(&self) -> Result<Status, ControlError> {
        match self.ask(&Request::Status)? {
            Reply::Status { status } => Ok(*status),
            Reply::Done => Err(ControlError::Answer),
            Reply::Failed { problem } => Err(ControlError::Refused(problem)),
        }
    }

    /// Ends the daemon.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn down(&self) -> Result<(), ControlError> {
        self.done(&Request::Down)
    }

    /// Opens the kill switch for a while.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn unlock(&self, reason: &str, time: Duration, all: bool) -> Result<(), ControlError> {
        self.done(&Request::Unlock { reason: reason.to_owned(), seconds: time.as_secs(), all })
    }

    /// Undoes everything and forgets the enrolment; the daemon ends.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn leave(&self) -> Result<(), ControlError> {
        self.done(&Request::Leave)
    }

    fn done(&self, request: &Request) -> Result<(), ControlError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            Reply::Status { .. } => Err(ControlError::Answer),
            Reply::Failed { problem } => Err(ControlError::Refused(problem)),
        }
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`], [`ControlError::Io`] or [`ControlError::Answer`].
    pub fn ask(&self, request: &Request) -> Result<Reply, ControlError> {
        let socket = self.runtime.join(SOCKET);
        let line = self.exchange(request).map_err(|source| {
            let kind = source.kind();
            if GONE.contains(&kind) {
                ControlError::NotRunning { path: socket }
            } else if kind == io::ErrorKind::PermissionDenied {
                // A directory on the way keeps strangers out; say it as the daemon would.
                ControlError::Refused(Problem::Forbidden { verb: "the control socket".to_owned() })
            } else {
                ControlError::Io { path: socket, source }
            }
        })?;
        serde_json::from_str(&line).map_err(|_| ControlError::Answer)
    }

    fn exchange(&self, request: &Request) -> io::Result<String> {
        let mut stream = hanare_host::unix::connect(&self.runtime.join(SOCKET))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        if BufReader::new(stream.take(limit)).read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }
}
