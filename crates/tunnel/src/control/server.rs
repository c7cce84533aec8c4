//! The answering side of the control socket: looks at one request a connection, checks who asks, hands it to the daemon.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use hanare_host::unix::{self, Peer};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::seats::Seats;
use super::{MAX_UNLOCK_SECONDS, Problem, Reply, Request, SOCKET};

/// Everybody may connect; what they may ask is decided per verb.
const MODE: u32 = 0o666;
/// A client says what it wants at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest request: two passwords, every character of them escaped.
const MAX_REQUEST: usize = 8192;
/// The longest reason, in characters: it is written down for good, and people read it.
const MAX_REASON: usize = 200;

/// A request that its sender may make.
#[derive(Debug)]
pub(crate) struct Command {
    /// What is asked.
    pub(crate) request: Request,
    /// The sender's user.
    pub(crate) uid: u32,
    /// Whether the sender may administer this node.
    pub(crate) is_admin: bool,
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
    let seats = Seats::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => admit(stream, &seats, &commands),
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

/// Gives a client its seat, or turns it away at once: who sits silent keeps nobody else from being heard.
fn admit(stream: UnixStream, seats: &Seats, commands: &mpsc::Sender<Command>) {
    let Ok(peer) = Peer::of(stream.as_fd()) else { return };
    let Some(seat) = seats.take(peer.uid, is_admin(&peer)) else {
        tracing::debug!(uid = peer.uid, "a control client was turned away");
        let mut text = serde_json::to_vec(&Reply::Failed { problem: Problem::Busy }).unwrap_or_default();
        text.push(b'\n');
        // A new connection has room for it.
        let _ = stream.try_write(&text);
        drain(&stream);
        return;
    };
    let commands = commands.clone();
    tokio::spawn(async move {
        if let Err(error) = answer(&stream, peer, &commands).await {
            tracing::debug!(%error, "a control client went away");
        }
        // What is left unread would reset the connection before the answer is read.
        drain(&stream);
        drop(seat);
    });
}

async fn answer(stream: &UnixStream, peer: Peer, commands: &mpsc::Sender<Command>) -> io::Result<()> {
    let line = timeout(PATIENCE, look(stream)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let reply = match parse(&line).and_then(|request| permitted(request, &peer)) {
        Err(problem) => Reply::Failed { problem },
        Ok(request) => {
            let requester = stream.as_fd().try_clone_to_owned()?;
            let (reply, answer) = oneshot::channel();
            let is_admin = is_admin(&peer);
            let command = Command { request, uid: peer.uid, is_admin, requester, reply };
            commands.send(command).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
            answer.await.map_err(|_| io::ErrorKind::BrokenPipe)?
        }
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    timeout(PATIENCE, write(stream, &text)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// One line, which stays where it is: the host process reads it again from the connection.
async fn look(stream: &UnixStream) -> io::Result<Zeroizing<String>> {
    // It may hold a password.
    let mut buffer = Zeroizing::new(vec![0; MAX_REQUEST]);
    let seen = stream.async_io(Interest::READABLE, || {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let (_, length) = rustix::net::recv(stream, buffer.as_mut_slice(), flags)?;
        let seen = buffer.get(..length).unwrap_or_default();
        match seen.iter().position(|byte| *byte == b'\n') {
            Some(end) => Ok(end),
            None if length == MAX_REQUEST => Err(io::ErrorKind::InvalidData.into()),
            None if length == 0 || has_hung_up(stream) => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    });
    let end = seen.await?;
    Ok(Zeroizing::new(String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).into_owned()))
}

fn has_hung_up(stream: &UnixStream) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = rustix::event::poll(&mut fds, Some(&now));
    let [fd] = &fds;
    polled.is_err() || fd.revents().intersects(PollFlags::RDHUP | PollFlags::HUP)
}

async fn write(stream: &UnixStream, text: &[u8]) -> io::Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn drain(stream: &UnixStream) {
    let mut waste = [0; 512];
    while stream.try_read(&mut waste).is_ok_and(|count| count > 0) {}
}

fn is_admin(peer: &Peer) -> bool {
    peer.is_admin() || peer.uid == rustix::process::geteuid().as_raw()
}

fn parse(line: &str) -> Result<Request, Problem> {
    serde_json::from_str(line).map_err(|error| Problem::Wrong { why: error.to_string() })
}

/// Who may ask what. `unlock` and `leave` are judged once more by the host process, which trusts no worker.
pub(crate) fn permitted(request: Request, peer: &Peer) -> Result<Request, Problem> {
    let admin = is_admin(peer);
    let forbidden = |verb: &str| Err(Problem::Forbidden { verb: verb.to_owned() });
    match &request {
        Request::Down if !admin => return forbidden("down"),
        Request::Leave if !admin => return forbidden("leave"),
        Request::WorkToday | Request::WorkOvertime { .. } if peer.uid != 0 => return forbidden("work today"),
        Request::Unlock { reason, .. } if reason.trim().is_empty() => {
            return Err(Problem::Reason);
        }
        Request::Unlock { reason, .. }
            if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) =>
        {
            return Err(Problem::Reason);
        }
        Request::Unlock { program: Some(program), .. }
            if program.is_empty()
                || program.chars().count() > MAX_REASON
                || program.chars().any(char::is_control) =>
        {
            return Err(Problem::Program);
        }
        Request::Unlock { seconds, .. } if !(1..=MAX_UNLOCK_SECONDS).contains(seconds) => {
            return Err(Problem::Time);
        }
        Request::Status
        | Request::Down
        | Request::Leave
        | Request::Unlock { .. }
        | Request::WorkOpen { .. }
        | Request::WorkClose
        | Request::WorkStatus
        | Request::WorkToday
        | Request::WorkOvertime { .. } => {}
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;
    use crate::control::{Client, State, Status};

    fn stranger() -> Peer {
        Peer { pid: 1, uid: 12_345_678, groups: vec![12_345_678] }
    }

    fn status(pid: u32) -> Status {
        Status {
            state: State::Up,
            pid: Some(pid),
            interface: None,
            addresses: Vec::new(),
            node: None,
            room: None,
            hq: Vec::new(),
            kill_switch: None,
            unlocked_until: None,
            lease_until: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_stranger_may_look_and_unlock_but_not_end_anything() {
        assert!(permitted(Request::Status, &stranger()).is_ok());
        let unlock = |seconds, reason: &str| Request::Unlock {
            reason: reason.to_owned(),
            seconds,
            all: false,
            program: None,
        };
        assert!(
            permitted(unlock(60, "portal"), &stranger()).is_ok(),
            "the host process decides about persons"
        );
        assert!(matches!(permitted(Request::Down, &stranger()), Err(Problem::Forbidden { .. })));
        assert!(matches!(permitted(Request::Leave, &stranger()), Err(Problem::Forbidden { .. })));
        let own = Peer { uid: rustix::process::geteuid().as_raw(), ..stranger() };
        assert!(matches!(permitted(Request::WorkToday, &stranger()), Err(Problem::Forbidden { .. })));
        let member = Peer { uid: own.uid + 1, groups: own.groups.clone(), ..stranger() };
        assert!(matches!(permitted(Request::WorkToday, &member), Err(Problem::Forbidden { .. })));
        assert!(permitted(Request::WorkToday, &Peer { uid: 0, ..stranger() }).is_ok());
        assert!(permitted(Request::WorkStatus, &stranger()).is_ok());
        let long = "x".repeat(MAX_REASON + 1);
        for wrong in
            [unlock(0, "x"), unlock(1801, "x"), unlock(60, " "), unlock(60, &long), unlock(60, "a\nb")]
        {
            assert!(matches!(permitted(wrong, &own), Err(Problem::Reason | Problem::Time)));
        }
    }

    #[test]
    fn a_client_gets_an_answer_and_nonsense_gets_a_reason() {
        let directory = tempfile::tempdir().unwrap();
        let client = Client::new(directory.path());
        assert!(!client.down(Some(directory.path())).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = listen(directory.path()).unwrap();
            let (commands, mut asked) = mpsc::channel(1);
            tokio::spawn(serve(listener, commands));
            let down = tokio::task::spawn_blocking({
                let (client, state) = (client.clone(), directory.path().to_owned());
                move || client.down(Some(&state))
            });
            // Who ends with this daemon is asked first: afterwards nobody could tell.
            let command: Command = asked.recv().await.unwrap();
            assert_eq!(command.request, Request::Status);
            let mut host = std::process::Command::new("sleep").arg("100").spawn().unwrap();
            command.reply.send(Reply::Status { status: Box::new(status(host.id())) }).unwrap();
            let command: Command = asked.recv().await.unwrap();
            assert_eq!(command.request, Request::Down);
            command.reply.send(Reply::Done).unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(!down.is_finished(), "the host process still takes the machine back");
            host.kill().unwrap();
            assert!(down.await.unwrap().unwrap());
            host.wait().unwrap();

            let path = directory.path().join(SOCKET);
            let mut stream = UnixStream::connect(path).await.unwrap();
            // In two pieces, and more behind it.
            stream.write_all(b"{\"verb\":").await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(b"\"format\"}\nand more").await.unwrap();
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).await.unwrap();
            assert!(answer.contains("wrong"), "{answer}");
        });
    }

    #[test]
    fn a_half_request_ends_with_its_sender_and_is_not_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut there, here) = UnixStream::pair().unwrap();
            there.write_all(b"{\"verb\":").await.unwrap();
            let looked = tokio::spawn(async move { look(&here).await });
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(there);
            let ended = timeout(Duration::from_secs(1), looked).await.expect("at once").unwrap();
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        });
    }

    #[test]
    fn the_host_process_reads_what_a_client_writes() {
        use hanare_host::hands::Asked;
        let read =
            |request: &Request| serde_json::from_str::<Asked>(&serde_json::to_string(request).unwrap()).ok();
        assert_eq!(read(&Request::Leave), Some(Asked::Leave));
        for program in [None, Some("chromium".to_owned())] {
            let unlock =
                Request::Unlock {
                    reason: "門".to_owned(), seconds: 60, all: true, program: program.clone()
                };
            let asked = Asked::Unlock { reason: "門".to_owned(), seconds: 60, all: true, program };
            assert_eq!(read(&unlock), Some(asked));
        }
        assert_eq!((read(&Request::Status), read(&Request::Down)), (None, None));
    }
}
