//! The admin socket: who asks is known by the kernel's word, and what is asked goes to the writer.

use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hanare_ledger::Entry;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use crate::admin::{ADMIN_GROUP, MAX_SOCKET_PATH, Problem, Reply, Request, SOCKET_NAME, short_path};
use crate::registry::Act;
use crate::shared::Hq;
use crate::{answers, random};

/// The longest request: a policy of 1 MiB, every character of it escaped.
const MAX_REQUEST: u64 = 8 * 1024 * 1024;
/// Admins at a time.
const MAX_CONNECTIONS: usize = 32;
/// How long a request may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another headquarters answers on it.
    #[error("another headquarters runs at {path}")]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Who is at the other end of a socket, by the kernel's word: the user, and whether they may administer.
pub type Caller = fn(BorrowedFd<'_>) -> io::Result<(u32, bool)>;

/// A bound socket.
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    caller: Caller,
}

impl AdminSocket {
    /// Makes the runtime directory if needed, replaces a socket that nobody listens on, opens it to its owner and its group;
    /// which group that is, is for the host process to say: this one may not.
    pub(crate) fn bind(runtime: &Path, caller: Caller) -> Result<Self, SocketError> {
        let path = runtime.join(SOCKET_NAME);
        let io = |source| SocketError::Io { path: path.clone(), source };
        std::fs::create_dir_all(runtime).map_err(io)?;
        let (directory, bind_path) = if path.as_os_str().len() > MAX_SOCKET_PATH {
            let (directory, short) = short_path(&path).map_err(io)?;
            (Some(directory), short)
        } else {
            (None, path.clone())
        };
        match std::os::unix::net::UnixStream::connect(&bind_path) {
            Ok(_) => return Err(SocketError::Taken { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => std::fs::remove_file(&path).map_err(io)?,
        }
        let listener = UnixListener::bind(&bind_path).map_err(io)?;
        drop(directory);
        std::fs::set_permissions(&path, Permissions::from_mode(0o660)).map_err(io)?;
        Ok(Self { listener, path, caller })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Answers until told to stop.
    pub(crate) async fn serve(self, hq: Arc<Hq>, mut stop: watch::Receiver<bool>) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut calls = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while calls.try_join_next().is_some() {}
            let Ok((stream, _)) = accepted else {
                // Out of descriptors: give others time to close theirs.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
            let (hq, caller) = (Arc::clone(&hq), self.caller(&stream));
            calls.spawn(async move {
                if let Err(error) = answer(&hq, stream, caller).await {
                    tracing::debug!(%error, "an admin went away");
                }
                drop(permit);
            });
        }
        while calls.join_next().await.is_some() {}
    }

    /// The caller's uid, if the caller may administer.
    fn caller(&self, stream: &UnixStream) -> Result<u32, Problem> {
        let forbidden = |uid| Problem::Forbidden { uid, group: ADMIN_GROUP.to_owned() };
        let (uid, is_admin) = (self.caller)(stream.as_fd()).map_err(|_| forbidden(u32::MAX))?;
        let own = rustix::process::geteuid().as_raw();
        if is_admin || uid == own { Ok(uid) } else { Err(forbidden(uid)) }
    }
}

async fn answer(hq: &Arc<Hq>, stream: UnixStream, caller: Result<u32, Problem>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut bounded = (&mut stream).take(MAX_REQUEST);
    let read = bounded.read_until(b'\n', &mut line);
    tokio::time::timeout(READ_TIMEOUT, read).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let reply = match (caller, serde_json::from_slice(&line)) {
        (Err(problem), request) => {
            note(hq, &problem, request.ok()).await;
            Reply::Refused(problem)
        }
        (Ok(_), Err(error)) => Reply::Refused(Problem::Malformed { text: error.to_string() }),
        (Ok(uid), Ok(request)) => match answers::answer(hq, uid, request).await {
            Ok(value) => Reply::Answer(value),
            Err(problem) => Reply::Refused(problem),
        },
    };
    let mut out = serde_json::to_vec(&reply)?;
    out.push(b'\n');
    stream.get_mut().write_all(&out).await?;
    stream.get_mut().shutdown().await
}

/// Puts what somebody asked for who may not on the ledger, if it has room for one more: which command, never its words.
async fn note(hq: &Hq, problem: &Problem, request: Option<Request>) {
    let Problem::Forbidden { uid, .. } = problem else { return };
    let asked = request.and_then(|request| serde_json::to_value(request).ok());
    let entry = Entry {
        at: random::now(),
        actor: format!("uid {uid}"),
        kind: "admin.refused".to_owned(),
        subject: String::new(),
        data: json!({ "why": problem.code(), "request": asked.as_ref().and_then(|asked| asked.get("request")) }),
    };
    if let Err(error) = hq.writer.act("hq", Act::Note(entry)).await {
        tracing::warn!(%error, "a refusal was not recorded");
    }
}
