//! The admin's end of the socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::SOCKET_NAME;
use super::problem::Problem;
use super::request::{Call, Request};

/// How long an answer may take. A revocation waits a second for the node, a full disk some seconds for the kernel.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest path that fits `sockaddr_un` on Linux (unix(7): 108 bytes with the final zero).
pub(crate) const MAX_SOCKET_PATH: usize = 107;

/// Talks to a running headquarters; one connection for each call.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: `hanare hq serve` does not run.
    #[error("no headquarters runs at {path}")]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The socket's mode keeps this user out.
    #[error("this user may not talk to the headquarters at {path}")]
    Permission {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The connection broke before the answer was complete: whether the request took effect is not known.
    #[error("headquarters at {path} went away before it answered")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Nothing came for too long.
    #[error("headquarters at {path} did not answer within {seconds} s")]
    Timeout {
        /// The socket.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// An answer that this version does not understand.
    #[error("headquarters at {path} answers in a way this version does not understand")]
    Protocol {
        /// The socket.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// Headquarters says no.
    #[error(transparent)]
    Refused(#[from] Problem),
}

impl ClientError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotRunning { .. } => "hq-not-running",
            Self::Permission { .. } => "hq-permission",
            Self::Broken { .. } => "hq-broken",
            Self::Timeout { .. } => "hq-timeout",
            Self::Protocol { .. } => "hq-protocol",
            Self::Refused(problem) => problem.code(),
        }
    }

    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::NotRunning { .. } | Self::Broken { .. } | Self::Timeout { .. } => 5,
            Self::Permission { .. } => 4,
            Self::Protocol { .. } => 70,
            Self::Refused(problem) => problem.exit_status(),
        }
    }
}

impl Client {
    /// Talks to the headquarters whose runtime directory this is.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { path: runtime.join(SOCKET_NAME) }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with headquarters' reason; the others if there is no answer.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Answer, ClientError> {
        let request: Request = request.into();
        let mut line = serde_json::to_vec(&request).map_err(|source| self.protocol(source))?;
        line.push(b'\n');
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(&line)).await.map_err(|_| {
            ClientError::Timeout { path: self.path.clone(), seconds: ANSWER_TIMEOUT.as_secs() }
        })??;
        match serde_json::from_slice(&answer).map_err(|source| self.protocol(source))? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused(problem) => Err(problem.into()),
        }
    }

    async fn exchange(&self, line: &[u8]) -> Result<Vec<u8>, ClientError> {
        let stream = connect(&self.path).await.map_err(|source| {
            if source.kind() == io::ErrorKind::PermissionDenied {
                ClientError::Permission { path: self.path.clone(), source }
            } else {
                ClientError::NotRunning { path: self.path.clone(), source }
            }
        })?;
        let broken = |source| ClientError::Broken { path: self.path.clone(), source };
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(line).await.map_err(broken)?;
        let mut answer = Vec::new();
        stream.read_until(b'\n', &mut answer).await.map_err(broken)?;
        if answer.last() == Some(&b'\n') {
            Ok(answer)
        } else {
            Err(broken(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    fn protocol(&self, source: serde_json::Error) -> ClientError {
        ClientError::Protocol { path: self.path.clone(), source }
    }
}

/// What comes back over the socket.
#[derive(Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply<T> {
    /// Done.
    Answer(T),
    /// Not done.
    Refused(Problem),
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return UnixStream::connect(path).await;
    }
    let (directory, short) = short_path(path)?;
    let stream = UnixStream::connect(short).await;
    drop(directory);
    stream
}

/// Reaches a long socket path through an open descriptor of its directory, which must live as long as the path is used.
pub(crate) fn short_path(path: &Path) -> io::Result<(std::os::fd::OwnedFd, PathBuf)> {
    use std::os::fd::AsRawFd as _;
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory =
        rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    Ok((directory, short))
}
