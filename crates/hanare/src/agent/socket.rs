//! The agent's socket, `RUNTIME/agent.sock`: how the day stands, and what people wish. Anybody on this machine may ask how it stands;
//! what changes a day is for whoever opened it, and admins.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hanare_host::account;
use hanare_host::unix::Peer;
use hanare_tunnel::control::Seats;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use super::gate::{Gate, Knock};
pub(super) use super::message::{Answer, Asked, Standing};

const NAME: &str = "agent.sock";
/// The longest request: a path whose bytes are no text is a list of numbers.
const MAX_LINE: u64 = 32 * 1024;
/// The longest that holds a secret: it never grows beyond its place, where a copy of it would be left behind.
const SECRET_LINE: usize = 4096;
/// Spellings of one field of a log-in screen.
const SPELLINGS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(5);
/// How long handing everything over, or a whole end, may take before who asked gives up waiting; the agent goes on.
const FINISHING: Duration = Duration::from_mins(4);
/// How long bringing old versions back may take before who asked gives up waiting.
const RECOVERING: Duration = Duration::from_hours(2);

/// What somebody wishes, with the way back.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) asked: Asked,
    pub(super) peer: Peer,
    pub(super) reply: oneshot::Sender<Standing>,
}

/// Listens; a socket that nobody serves any more is replaced.
pub(super) fn listen(runtime: &Path) -> io::Result<UnixListener> {
    let path = runtime.join(NAME);
    match std::os::unix::net::UnixStream::connect(&path) {
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => std::fs::remove_file(&path)?,
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Tells how it stands, looks after the gate, and passes wishes on, until nobody takes them. Whoever holds many seats keeps nobody
/// else from theirs, and no admin: a log-in screen is one.
pub(super) async fn serve(
    listener: UnixListener,
    standing: watch::Receiver<Standing>,
    gate: Gate,
    wishes: mpsc::Sender<Wish>,
) {
    let seats = Seats::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(peer) = Peer::of(stream.as_fd()) else { continue };
        let Some(seat) = seats.take(peer.uid, peer.is_admin()) else { continue };
        let (standing, gate, wishes) = (standing.clone(), gate.clone(), wishes.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, peer, (&standing, &gate), &wishes).await {
                tracing::debug!(%error, "who asked went away");
            }
            drop(seat);
        });
    }
}

async fn answer(
    stream: UnixStream,
    peer: Peer,
    (standing, gate): (&watch::Receiver<Standing>, &Gate),
    wishes: &mpsc::Sender<Wish>,
) -> io::Result<()> {
    let mut stream = tokio::io::BufReader::with_capacity(SECRET_LINE, stream);
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_LINE));
    let mut bounded = (&mut stream).take(MAX_LINE);
    tokio::time::timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
    let standing = match serde_json::from_slice(&line)? {
        Asked::Status => standing.borrow().clone(),
        asked @ (Asked::Salt | Asked::Keep { .. } | Asked::Unlock { .. }) => {
            let standing = standing.borrow().clone();
            let answer = at_the_gate(gate, &asked, &peer, standing.account.as_deref());
            Standing { answer, ..standing }
        }
        asked @ (Asked::Finish
        | Asked::Close { .. }
        | Asked::Overtime { .. }
        | Asked::Alone { .. }
        | Asked::Restore { .. }
        | Asked::Deletions { .. }) => {
            let (reply, answer) = oneshot::channel();
            wishes.send(Wish { asked, peer, reply }).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
            answer.await.map_err(|_| io::ErrorKind::BrokenPipe)?
        }
    };
    let mut text = serde_json::to_vec(&standing)?;
    text.push(b'\n');
    stream.get_mut().write_all(&text).await
}

/// Answers at once, whatever the agent is busy with. A log-in screen asks as root, a screen that the account has locked itself as the
/// account; all others would only guess.
fn at_the_gate(gate: &Gate, asked: &Asked, peer: &Peer, account: Option<&str>) -> Option<Answer> {
    let is_of_account = || account.and_then(account::uid).is_some_and(|uid| uid == peer.uid);
    let is_roots = matches!(asked, Asked::Keep { .. });
    let may = if is_roots { peer.uid == 0 } else { peer.is_admin() || is_of_account() };
    if !may {
        return Some(Answer::Forbidden);
    }
    match asked {
        Asked::Salt => Some(Answer::Salt { salt: gate.salt() }),
        Asked::Keep { person, hash } if gate.keep(person, hash) => Some(Answer::Remembered),
        Asked::Keep { .. } => Some(Answer::Wrong),
        Asked::Unlock { hashes } => {
            let hashes = hashes.get(..SPELLINGS.min(hashes.len())).unwrap_or_default();
            Some(match gate.knock(hashes, Instant::now()) {
                Knock::Right => Answer::Right,
                Knock::Wrong => Answer::Wrong,
                Knock::Unknown => Answer::Unknown,
                Knock::Wait(wait) => Answer::Wait { seconds: wait.as_secs().max(1) },
            })
        }
        Asked::Status
        | Asked::Finish
        | Asked::Close { .. }
        | Asked::Overtime { .. }
        | Asked::Alone { .. }
        | Asked::Restore { .. }
        | Asked::Deletions { .. } => None,
    }
}

/// Asks the agent; `None` if none runs here, or it does not answer in time.
pub(crate) fn ask(runtime: &Path, asked: &Asked) -> Option<Standing> {
    let mut stream = std::os::unix::net::UnixStream::connect(runtime.join(NAME)).ok()?;
    let patience = match asked {
        Asked::Status | Asked::Salt | Asked::Keep { .. } | Asked::Unlock { .. } => PATIENCE,
        Asked::Finish
        | Asked::Close { .. }
        | Asked::Overtime { .. }
        | Asked::Alone { .. }
        | Asked::Deletions { .. } => FINISHING,
        Asked::Restore { .. } => RECOVERING,
    };
    stream.set_read_timeout(Some(patience)).ok()?;
    let mut line = Zeroizing::new(Vec::with_capacity(SECRET_LINE));
    serde_json::to_writer(&mut *line, asked).ok()?;
    line.push(b'\n');
    stream.write_all(&line).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    serde_json::from_str(&answer).ok()
}

#[cfg(test)]
mod tests {
    use hanare_model::{PersonId, Secret};

    use super::*;

    fn peer(uid: u32) -> Peer {
        Peer { pid: 1, uid, groups: vec![uid] }
    }

    #[test]
    fn only_root_leaves_a_hash_and_only_the_account_asks_for_one() {
        let gate = Gate::new().unwrap();
        let hanako: PersonId = "hanako".parse().unwrap();
        gate.begin(&hanako);
        let secret = |text: &str| Secret::new(text.to_owned());
        let keep = Asked::Keep { person: hanako, hash: secret("right") };
        let unlock = |text: &str| Asked::Unlock { hashes: vec![secret(text)] };
        let says = |asked: &Asked, uid| at_the_gate(&gate, asked, &peer(uid), Some("games"));
        let (games, stranger) = (account::uid("games").unwrap_or(5), 12_345_678);
        for uid in [games, stranger] {
            assert_eq!(says(&keep, uid), Some(Answer::Forbidden));
        }
        assert_eq!(says(&keep, 0), Some(Answer::Remembered));
        assert_eq!(says(&unlock("right"), stranger), Some(Answer::Forbidden));
        for _ in 0..20 {
            assert_eq!(says(&unlock("wrong"), stranger), Some(Answer::Forbidden), "strangers cost no try");
        }
        assert_eq!(says(&unlock("wrong"), 0), Some(Answer::Wrong));
        assert_eq!(says(&unlock("right"), 0), Some(Answer::Right));
        if account::uid("games").is_some() {
            assert_eq!(says(&unlock("right"), games), Some(Answer::Right));
        }
    }
}
