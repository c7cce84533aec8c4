//! The agent's socket, `RUNTIME/agent.sock`: how the day stands, and what people wish. Anybody on this machine may ask: it tells
//! counts, and hands over what would be handed over anyway; what ends a day or prolongs it is for whoever opened it, and admins.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hanare_handover::WorkPath;
use hanare_handover::seal::Level;
use hanare_host::unix::Peer;
use hanare_model::{PersonId, Timestamp};
use hanare_wipe::Verdict;
use hanare_wipe::receipt::Cause;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::record::Record;

const NAME: &str = "agent.sock";
/// The longest request: a path whose bytes are no text is a list of numbers.
const MAX_LINE: u64 = 32 * 1024;
/// Questions at a time.
const SEATS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(5);
/// How long handing everything over, or a whole end, may take before who asked gives up waiting; the agent goes on.
const FINISHING: Duration = Duration::from_mins(4);
/// How long bringing old versions back may take before who asked gives up waiting.
const RECOVERING: Duration = Duration::from_hours(2);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Asked {
    /// How does it stand?
    Status,
    /// Hand over everything now.
    Finish,
    /// End this person's day.
    Close {
        /// Whatever is not at headquarters yet.
        abandon: bool,
    },
    /// Open work while headquarters is away, for somebody who says who they are.
    Alone {
        /// Who.
        person: PersonId,
    },
    /// More time today.
    Overtime {
        /// How much.
        seconds: u64,
    },
    /// Bring back what headquarters holds.
    Restore {
        /// A file or folder in the work; everything, if absent.
        path: Option<WorkPath>,
        /// As it was then; as it is now, if absent.
        at: Option<Timestamp>,
    },
    /// The deletions that are held are meant, or not.
    Deletions {
        /// Whether they are.
        confirm: bool,
    },
}

/// How the day stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of `work status --json`")]
pub(crate) struct Standing {
    /// Whether a person's work is open here and watched.
    pub(crate) active: bool,
    /// Whether it was opened without headquarters, and nobody has proven themselves since.
    #[serde(default)]
    pub(crate) alone: bool,
    /// Whether the agent keeps the work volume and ends the day, by a policy.
    pub(crate) keeps_volume: bool,
    /// Files that headquarters holds as they were last read.
    pub(crate) files: u64,
    /// Versions handed over since the opening.
    pub(crate) versions: u64,
    /// Bytes sent for them.
    pub(crate) sent_bytes: u64,
    /// Files that came back from headquarters at the opening.
    pub(crate) restored: u64,
    /// Files that wait to be handed over, or could not be read.
    pub(crate) waiting: u64,
    /// Those of them that are not sealed as they are, either.
    #[serde(default)]
    pub(crate) exposed: u64,
    /// Deletions of very many files at once that are not passed on before somebody is asked.
    pub(crate) deletions_held: u64,
    /// Second versions that lie beside another one.
    pub(crate) conflicts: u64,
    /// Files for which headquarters has no room.
    pub(crate) full: u64,
    /// Items that wait sealed on this machine, of whomever.
    #[serde(default)]
    pub(crate) sealed: u64,
    /// How far the reserve for them is used.
    #[serde(default)]
    pub(crate) reserve: Level,
    /// Whether work may be read and not changed, until there is room again.
    #[serde(default)]
    pub(crate) frozen: bool,
    /// Why nothing goes on at the moment, in technical words.
    pub(crate) trouble: Option<String>,
    /// Seconds until the day ends by itself.
    pub(crate) ends_in_seconds: Option<u64>,
    /// What it is about to end for, once the countdown runs.
    pub(crate) ending: Option<Cause>,
    /// The day before this one on this machine, or the one that has just ended.
    pub(crate) last: Option<Record>,
    /// What a wish came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

/// What a wish came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// The day has ended.
    Ended {
        /// By its receipt.
        verdict: Option<Verdict>,
    },
    /// It has not: something is not at headquarters.
    Left,
    /// More time was given.
    Overtime {
        /// How much.
        seconds: u64,
    },
    /// No more time: the policy gives no more.
    Enough,
    /// No more time without headquarters: it was taken once.
    Again,
    /// There is no end by the calendar.
    Endless,
    /// It is for whoever opened work here, and admins.
    Forbidden,
    /// Work is open without headquarters.
    Opened,
    /// It is not: headquarters can be asked.
    Reachable,
    /// It is not: some work is open.
    Taken,
    /// It is not: this machine cannot keep what is made for headquarters, as it keeps no volume or has no key to seal to.
    Unfit,
    /// It is not: the volume did not open.
    Failed,
    /// It came back.
    Restored {
        /// Files that are at their places again.
        files: u64,
        /// Files that lie beside what is at their places now.
        beside: u64,
        /// Files that are here as they were.
        same: u64,
        /// Files that could not be written.
        failed: u64,
        /// Bytes of what came.
        bytes: u64,
    },
    /// Deletions were confirmed, or taken back.
    Deletions {
        /// How many.
        files: u64,
    },
    /// Headquarters does not answer, or nobody has proven themselves: nothing can be asked of it.
    Away,
}

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

/// Tells how it stands and passes wishes on, until nobody takes them.
pub(super) async fn serve(
    listener: UnixListener,
    standing: watch::Receiver<Standing>,
    wishes: mpsc::Sender<Wish>,
) {
    let seats = Arc::new(Semaphore::new(SEATS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
        let (standing, wishes) = (standing.clone(), wishes.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &standing, &wishes).await {
                tracing::debug!(%error, "who asked went away");
            }
            drop(seat);
        });
    }
}

async fn answer(
    stream: UnixStream,
    standing: &watch::Receiver<Standing>,
    wishes: &mpsc::Sender<Wish>,
) -> io::Result<()> {
    let peer = Peer::of(stream.as_fd())?;
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = Vec::new();
    let mut bounded = (&mut stream).take(MAX_LINE);
    tokio::time::timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
    let standing = match serde_json::from_slice(&line)? {
        Asked::Status => standing.borrow().clone(),
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

/// Asks the agent; `None` if none runs here.
pub(crate) fn ask(runtime: &Path, asked: &Asked) -> Option<Standing> {
    let mut stream = std::os::unix::net::UnixStream::connect(runtime.join(NAME)).ok()?;
    let patience = match asked {
        Asked::Status => PATIENCE,
        Asked::Finish
        | Asked::Close { .. }
        | Asked::Overtime { .. }
        | Asked::Alone { .. }
        | Asked::Deletions { .. } => FINISHING,
        Asked::Restore { .. } => RECOVERING,
    };
    stream.set_read_timeout(Some(patience)).ok()?;
    let mut line = serde_json::to_vec(asked).ok()?;
    line.push(b'\n');
    stream.write_all(&line).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    serde_json::from_str(&answer).ok()
}
