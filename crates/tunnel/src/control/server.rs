//! The answering side of the control socket: reads one request a connection, checks who asks, hands it to the daemon.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hanare_host::unix::{self, Peer};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{MAX_LINE, MAX_UNLOCK_SECONDS, Problem, Reply, Request, SOCKET};

/// Everybody may connect; what they may ask is decided per verb.
const MODE: u32 = 0o666;
/// A client says what it wants at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients served at a time; the others wait in the kernel's queue.
const CLIENTS: usize = 16;
/// The longest reason, in characters: it is written down for good, and people read it.
const MAX_REASON: usize = 200;

/// A request that its sender may make.
#[derive(Debug)]
pub(crate) struct Command {
    /// What is asked.
    pub(crate) request: Request,
    /// The sender's user.
    pub(crate) uid: u32,
    /// The sender's connection, by which the host process sees for itself who asks.
    pub(crate) requester: OwnedFd,
    /// Where the answer goes.
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// Listens in the runtime directory, which is made if it is missing. Must be called inside a tokio runtime.
pub(crate) fn listen(runtime: &Path) -> io::Result<UnixListener> {
    std::fs::create_dir_all(runtime)?;
    let listener = unix::listen(&runtime.join(SOCKET), MODE)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Serves until the daemon is gone.
pub(crate) async fn serve(listener: UnixListener, commands: mpsc::Sender<Command>) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let commands = commands.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &commands).await {
                        tracing::debug!(%error, "a control client went away");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors: whoever has them lets go soon.
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        if commands.is_closed() {
            return;
        }
    }
}

async fn answer(stream: UnixStream, commands: &mpsc::Sender<Command>) -> io::Result<()> {
    let peer = Peer::of(stream.as_fd())?;
    let requester = stream.as_fd().try_clone_to_owned()?;
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let mut reading = BufReader::new(reading.take(limit));
    timeout(PATIENCE, reading.read_line(&mut line)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let reply = match parse(&line).and_then(|request| permitted(request, &peer)) {
        Err(problem) => Reply::Failed { problem },
        Ok(request) => {
            let (reply, answer) = oneshot::channel();
            let command = Command { request, uid: peer.uid, requester, reply };
            commands.send(command).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
            answer.await.map_err(|_| io::ErrorKind::BrokenPipe)?
        }
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    timeout(PATIENCE, writing.write_all(&text)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

fn parse(line: &str) -> Result<Request, Problem> {
    serde_json::from_str(line).map_err(|error| Problem::Wrong { why: error.to_string() })
}

/// Who may ask what. `unlock` and `leave` are judged once more by the host process, which trusts no worker.
fn permitted(request: Request, peer: &Peer) -> Result<Request, Problem> {
    let admin = peer.is_admin() || peer.uid == rustix::process::geteuid().as_raw();
    let forbidden = |verb: &str| Err(Problem::Forbidden { verb: verb.to_owned() });
    match &request {
        Request::Down if !admin => return forbidden("down"),
        Request::Leave if !admin => return forbidden("leave"),
        Request::Unlock { reason, .. } if reason.trim().is_empty() => {
            return Err(Problem::Wrong { why: "an unlock needs a reason".to_owned() });
        }
        Request::Unlock { reason, .. }
            if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) =>
        {
            let why = format!("a reason is one line of at most {MAX_REASON} characters");
            return Err(Problem::Wrong { why });
        }
        Request::Unlock { seconds, .. } if !(1..=MAX_UNLOCK_SECONDS).contains(seconds) => {
            return Err(Problem::Wrong { why: "an unlock lasts from 1 second to 30 minutes".to_owned() });
        }
        Request::Status | Request::Down | Request::Leave | Request::Unlock { .. } => {}
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Client, ControlError};

    fn stranger() -> Peer {
        Peer { pid: 1, uid: 12_345_678, groups: vec![12_345_678] }
    }

    #[test]
    fn a_stranger_may_look_and_unlock_but_not_end_anything() {
        assert!(permitted(Request::Status, &stranger()).is_ok());
        let unlock =
            |seconds, reason: &str| Request::Unlock { reason: reason.to_owned(), seconds, all: false };
        assert!(
            permitted(unlock(60, "portal"), &stranger()).is_ok(),
            "the host process decides about persons"
        );
        assert!(matches!(permitted(Request::Down, &stranger()), Err(Problem::Forbidden { .. })));
        assert!(matches!(permitted(Request::Leave, &stranger()), Err(Problem::Forbidden { .. })));
        let own = Peer { uid: rustix::process::geteuid().as_raw(), ..stranger() };
        let long = "x".repeat(MAX_REASON + 1);
        for wrong in
            [unlock(0, "x"), unlock(1801, "x"), unlock(60, " "), unlock(60, &long), unlock(60, "a\nb")]
        {
            assert!(matches!(permitted(wrong, &own), Err(Problem::Wrong { .. })));
        }
    }

    #[test]
    fn a_client_gets_an_answer_and_nonsense_gets_a_reason() {
        let directory = tempfile::tempdir().unwrap();
        let client = Client::new(directory.path());
        assert!(matches!(client.down(), Err(ControlError::NotRunning { .. })));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = listen(directory.path()).unwrap();
            let (commands, mut asked) = mpsc::channel(1);
            tokio::spawn(serve(listener, commands));
            let down = tokio::task::spawn_blocking({
                let client = client.clone();
                move || client.down()
            });
            let command: Command = asked.recv().await.unwrap();
            assert_eq!(command.request, Request::Down);
            command.reply.send(Reply::Done).unwrap();
            down.await.unwrap().unwrap();

            let path = directory.path().join(SOCKET);
            let mut stream = UnixStream::connect(path).await.unwrap();
            stream.write_all(b"{\"verb\":\"format\"}\n").await.unwrap();
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).await.unwrap();
            assert!(answer.contains("wrong"), "{answer}");
        });
    }
}
