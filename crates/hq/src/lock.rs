//! One process works on a state at a time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

/// The lock's name in the state directory.
pub(crate) const FILE_NAME: &str = "hq.lock";
/// How long another process may take to let go: the worker of a `serve` that was killed notices by itself, and on a busy
/// machine that takes tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct StateLock {
    _file: File,
}

/// Why the state is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on it.
    #[error("another hanare process works on {path}")]
    Taken {
        /// The state directory.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes it; waits two seconds for a process that is ending.
    pub(crate) fn take(state: &Path) -> Result<Self, LockError> {
        let path = state.join(FILE_NAME);
        let io = |source| LockError::Io { path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        let patient_until = Instant::now() + PATIENCE;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < patient_until => {
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(LockError::Taken { path: state.to_owned() });
                }
                Err(error) => return Err(LockError::Io { path, source: error.into() }),
            }
        }
    }
}
