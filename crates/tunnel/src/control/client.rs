//! The asking side of the control socket; blocking, for the command line.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_host::hands;
use hanare_host::process::Process;
use hanare_model::PersonId;
use hanare_model::work::WorkOpen;
use zeroize::Zeroizing;

use crate::node::Told;

use super::{ControlError, MAX_LINE, Problem, Reply, Request, SOCKET, Status, Today, Work};

/// `leave` waits for headquarters and for the undo log.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a daemon that hung up may take to be seen dead: a killed process closes its sockets one after the other.
const DYING: Duration = Duration::from_secs(2);
/// How long the end of a daemon may take: its worker's goodbye, then every change to the machine undone.
const ENDING: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

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
        let Reply::Status { status } = self.answered(&Request::Status)? else {
            return Err(ControlError::Answer);
        };
        Ok(*status)
    }

    /// Ends the daemon, whose state directory is `state` where no other daemon's is, and returns once its process has ended: one that ends already too. Says
    /// whether there was one.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn down(&self, state: Option<&Path>) -> Result<bool, ControlError> {
        match self.end(state, &Request::Down)? {
            End::Answered(Reply::Done) | End::Before => Ok(true),
            End::Answered(_) => Err(ControlError::Answer),
            End::Nobody => Ok(false),
        }
    }

    /// Opens the kill switch for a while; with a program, which this process is about to become, for it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn unlock(
        &self,
        reason: &str,
        time: Duration,
        all: bool,
        program: Option<&str>,
    ) -> Result<(), ControlError> {
        let (reason, program) = (reason.to_owned(), program.map(str::to_owned));
        self.done(&Request::Unlock { reason, seconds: time.as_secs(), all, program })
    }

    /// Undoes everything and forgets the enrolment; returns once the daemon has ended. Says what headquarters knows.
    ///
    /// # Errors
    /// See [`ControlError`]; [`ControlError::NotRunning`] only once nobody holds `state`.
    pub fn leave(&self, state: Option<&Path>) -> Result<Told, ControlError> {
        match self.end(state, &Request::Leave)? {
            // A daemon of the version before told nobody.
            End::Answered(Reply::Done) => Ok(Told { left: None, missing: 0 }),
            End::Answered(Reply::Left { told, records_missing }) => {
                Ok(Told { left: told, missing: records_missing })
            }
            End::Answered(_) => Err(ControlError::Answer),
            End::Before | End::Nobody => Err(ControlError::NotRunning { path: self.runtime.join(SOCKET) }),
        }
    }

    /// Opens a person's work.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn work_open(&self, claim: WorkOpen) -> Result<Work, ControlError> {
        self.work(&Request::WorkOpen { claim })
    }

    /// Whose work is open.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn work_status(&self) -> Result<Work, ControlError> {
        self.work(&Request::WorkStatus)
    }

    /// Closes it. Says whether headquarters was told; `None` if nothing was open.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn work_close(&self) -> Result<Option<bool>, ControlError> {
        let Reply::WorkClosed { told } = self.answered(&Request::WorkClose)? else {
            return Err(ControlError::Answer);
        };
        Ok(told)
    }

    /// The working day, for root's process that looks after it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn work_today(&self) -> Result<Today, ControlError> {
        let Reply::WorkToday { today } = self.answered(&Request::WorkToday)? else {
            return Err(ControlError::Answer);
        };
        Ok(*today)
    }

    /// Puts a person's overtime on the record: headquarters', or this node's own where it is taken `alone`. What was asked with
    /// the same number `grant` counts once.
    ///
    /// # Errors
    /// See [`ControlError`]; nothing is granted then.
    pub fn work_overtime(
        &self,
        person: PersonId,
        time: Duration,
        grant: Option<u32>,
        alone: bool,
    ) -> Result<(), ControlError> {
        self.done(&Request::WorkOvertime { person, seconds: time.as_secs(), grant, alone })
    }

    fn work(&self, request: &Request) -> Result<Work, ControlError> {
        let Reply::Work { work } = self.answered(request)? else { return Err(ControlError::Answer) };
        Ok(work)
    }

    /// The process whose end is the tunnel's: it takes the machine back after the worker, which answers here, has ended.
    fn host_process(&self) -> Result<Option<(u32, Process)>, ControlError> {
        let Some(pid) = self.status()?.pid else { return Ok(None) };
        let found = Process::find(pid)
            .map_err(|source| ControlError::Io { path: self.runtime.join(SOCKET), source })?;
        Ok(found.map(|process| (pid, process)))
    }

    /// Asks for the end and sees it. A daemon that ends already, or does not listen yet, holds its state directory.
    fn end(&self, state: Option<&Path>, request: &Request) -> Result<End, ControlError> {
        let patient_until = Instant::now() + ENDING;
        let mut was_there = false;
        loop {
            let (host, asked) = match self.host_process() {
                Ok(host) => (host, self.answered(request)),
                Err(error) => (None, Err(error)),
            };
            match asked {
                Ok(answer) => {
                    self.see_the_end(host, ENDING)?;
                    return Ok(End::Answered(answer));
                }
                Err(ControlError::NotRunning { .. }) => {
                    was_there |= host.is_some();
                    self.see_the_end(host, ENDING)?;
                }
                Err(error) => return Err(error),
            }
            let Some(state) = state.filter(|state| !hands::is_free(state)) else {
                return Ok(if was_there { End::Before } else { End::Nobody });
            };
            was_there = true;
            if Instant::now() >= patient_until {
                return Err(ControlError::Held { state: state.to_owned(), seconds: ENDING.as_secs() });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What is gone already has been waited for.
    fn see_the_end(&self, host: Option<(u32, Process)>, patience: Duration) -> Result<(), ControlError> {
        let Some((pid, process)) = host else { return Ok(()) };
        let ended = process
            .ends_within(patience)
            .map_err(|source| ControlError::Io { path: self.runtime.join(SOCKET), source })?;
        if ended { Ok(()) } else { Err(ControlError::StillEnding { pid, seconds: patience.as_secs() }) }
    }

    fn done(&self, request: &Request) -> Result<(), ControlError> {
        if self.answered(request)? == Reply::Done { Ok(()) } else { Err(ControlError::Answer) }
    }

    fn answered(&self, request: &Request) -> Result<Reply, ControlError> {
        let reply = self.ask(request)?;
        if let Reply::Failed { problem } = reply { Err(ControlError::Refused(problem)) } else { Ok(reply) }
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`], [`ControlError::Io`] or [`ControlError::Answer`].
    pub fn ask(&self, request: &Request) -> Result<Reply, ControlError> {
        let path = self.runtime.join(SOCKET);
        let line = self.exchange(request).map_err(|source| failure(path, source))?;
        serde_json::from_str(&line).map_err(|_| ControlError::Answer)
    }

    fn exchange(&self, request: &Request) -> io::Result<Zeroizing<String>> {
        let mut stream = hanare_host::unix::connect(&self.runtime.join(SOCKET))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = Zeroizing::new(serde_json::to_string(request)?);
        line.push('\n');
        // Whoever is turned away may be told so before the request is out.
        let written = stream.write_all(line.as_bytes());
        let mut answer = Zeroizing::new(String::new());
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = BufReader::new(stream.take(limit)).read_line(&mut answer);
        if answer.is_empty() {
            written.and(read)?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.map(|_| answer)
    }
}

/// How a daemon that was to end has ended.
enum End {
    Answered(Reply),
    /// Without our doing, while it was asked or waited for.
    Before,
    Nobody,
}

fn failure(path: PathBuf, source: io::Error) -> ControlError {
    let kind = source.kind();
    let hung_up = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof];
    if is_nobody(kind) || (hung_up.contains(&kind) && is_gone(&path)) {
        ControlError::NotRunning { path }
    } else if kind == io::ErrorKind::PermissionDenied {
        // A directory on the way keeps strangers out; say it as the daemon would.
        ControlError::Refused(Problem::Forbidden { verb: super::ANYTHING.to_owned() })
    } else {
        ControlError::Io { path, source }
    }
}

fn is_nobody(kind: io::ErrorKind) -> bool {
    kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused
}

/// Whether nobody listens any more, or soon does not: a connection that ended without an answer is no proof of it.
fn is_gone(path: &Path) -> bool {
    let end = Instant::now() + DYING;
    loop {
        match hanare_host::unix::connect(path) {
            Err(error) => return is_nobody(error.kind()),
            Ok(_) if Instant::now() >= end => return false,
            Ok(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    /// Hangs up on a client whose request was not read, as the kernel does for a killed daemon.
    fn hang_up(listener: &UnixListener) {
        let (stream, _): (UnixStream, _) = listener.accept().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        drop(stream);
    }

    #[test]
    fn a_daemon_that_does_not_end_is_named() {
        let mut host = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let process = Process::find(host.id()).unwrap().map(|process| (host.id(), process));
        let client = Client::new(Path::new("/"));
        let waited = client.see_the_end(process, Duration::from_secs(1));
        assert!(
            matches!(waited, Err(ControlError::StillEnding { pid, seconds: 1 }) if pid == host.id()),
            "{waited:?}"
        );
        host.kill().unwrap();
        host.wait().unwrap();
        assert!(client.see_the_end(None, Duration::ZERO).is_ok());
    }

    #[test]
    fn a_daemon_that_died_under_the_question_is_not_running() {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let dying = std::thread::spawn(move || {
            hang_up(&listener);
            // Its last socket outlives the others by a moment.
            std::thread::sleep(Duration::from_millis(200));
        });
        let asked = Client::new(directory.path()).leave(Some(directory.path()));
        assert!(matches!(asked, Err(ControlError::NotRunning { .. })), "{asked:?}");
        dying.join().unwrap();
    }

    #[test]
    fn a_daemon_that_hung_up_and_lives_is_not_taken_for_dead() {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let other = listener.try_clone().unwrap();
        let rude = std::thread::spawn(move || hang_up(&other));
        let asked = Client::new(directory.path()).leave(Some(directory.path()));
        assert!(matches!(asked, Err(ControlError::Io { .. })), "{asked:?}");
        rude.join().unwrap();
        drop(listener);
    }
}
