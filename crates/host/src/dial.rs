//! Connections to one server, made by a process that can do nothing else. A confined worker has no way out of its own: it asks
//! here, and gets a connected socket.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::confine::{self, Access, Grants};
use crate::deed::Deed;
use crate::error::HostError;
use crate::hands::channel;
use crate::privileges;
use crate::readiness::readable;

/// How long connecting to all of a server's addresses may take together,
const PATIENCE: Duration = Duration::from_secs(5);
/// and to one of them.
const ONE: Duration = Duration::from_secs(2);
/// More addresses of one name are not tried.
const MOST: usize = 8;
/// Where the port of a name server is: an answer that is too long for a datagram comes from there.
const NAME_PORT: u16 = 53;
/// What says how names are looked up, and where.
const RESOLVER: &str = "/etc/resolv.conf";
const NAMES: [&str; 3] = ["/etc/hosts", "/etc/nsswitch.conf", RESOLVER];

/// A wish for a connection.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    number: u64,
}

/// What came of it; a socket comes along unless it failed.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    number: u64,
    failure: Option<HostError>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Dialler {
    socket: OwnedFd,
    /// The number of the last wish. One at a time: who stopped waiting left an answer behind, which is not the next one's.
    last: Mutex<u64>,
    /// It ends when `socket` does.
    _child: Child,
}

impl Dialler {
    /// Starts the process: this program with `arguments`, which make it call [`serve`]. Before the worker is confined.
    ///
    /// # Errors
    /// [`HostError::Io`]
    pub fn start(arguments: &[OsString]) -> Result<Self, HostError> {
        let failed = |error: io::Error| HostError::io(Deed::Worker, &error);
        let (socket, theirs) = channel::pair()?;
        rustix::io::ioctl_fionbio(&socket, true).map_err(|error| failed(error.into()))?;
        let child = Command::new("/proc/self/exe")
            .args(arguments)
            .stdin(Stdio::from(theirs))
            // What a worker says there is data.
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { socket, last: Mutex::new(0), _child: child })
    }

    /// A connected socket; must be called inside a tokio runtime. The caller bounds the time.
    ///
    /// # Errors
    /// [`HostError::Io`] if there is no connection; [`HostError::Gone`] once the process has ended.
    pub async fn dial(&self) -> Result<OwnedFd, HostError> {
        let failed = |error: io::Error| HostError::io(Deed::Message, &error);
        let mut last = self.last.lock().await;
        *last += 1;
        channel::send(self.socket.as_fd(), &Asked { number: *last }, &[])?;
        let socket = readable(self.socket.try_clone().map_err(failed)?).map_err(failed)?;
        loop {
            let mut guard = socket.readable().await.map_err(failed)?;
            if !channel::waits(self.socket.as_fd())? {
                guard.clear_ready();
                continue;
            }
            let (answer, fds): (Answer, Vec<OwnedFd>) = channel::receive(self.socket.as_fd())?;
            if answer.number != *last {
                continue;
            }
            return match answer.failure {
                Some(failure) => Err(failure),
                None => fds.into_iter().next().ok_or(HostError::Gone),
            };
        }
    }
}

/// What the process does until its worker is gone: it takes wishes from standard input and answers each with a connection to
/// `port` of `host`, or why there is none.
///
/// # Errors
/// [`HostError`] if it cannot be confined or was not started by a worker.
pub fn serve(host: &str, port: u16) -> Result<(), HostError> {
    privileges::become_worker()?;
    let line = channel::from_stdin()?;
    confine::confine(&grants(host, port))?;
    confine::close_all_doors_but_out()?;
    let mut known = Vec::new();
    loop {
        let asked: Asked = match channel::receive(line.as_fd()) {
            Ok((asked, _)) => asked,
            Err(HostError::Gone) => return Ok(()),
            Err(error) => return Err(error),
        };
        let failed =
            |error: io::Error| HostError::io(Deed::Connect.of(format_args!("{host}:{port}")), &error);
        let number = asked.number;
        let sent = match connect(host, port, &mut known) {
            Ok(stream) => channel::send(line.as_fd(), &Answer { number, failure: None }, &[stream.as_fd()]),
            Err(error) => {
                let failure = Some(failed(error));
                channel::send(line.as_fd(), &Answer { number, failure }, &[])?;
                if is_replaced(Path::new(RESOLVER)) {
                    tracing::warn!(
                        "the file with the name servers was replaced: it is read at the next start"
                    );
                    return Ok(());
                }
                Ok(())
            }
        };
        match sent {
            Err(HostError::Gone) => return Ok(()),
            other => other?,
        }
    }
}

/// The server's port, and what a look-up of its name needs.
fn grants(host: &str, port: u16) -> Grants {
    let mut grants = Grants { connect: vec![port], ..Grants::default() };
    if host.parse::<IpAddr>().is_err() {
        grants.connect.push(NAME_PORT);
        grants.paths.extend(NAMES.map(|path| (PathBuf::from(path), Access::Read)));
        // What keeps it elsewhere puts new files in the place of old ones.
        let real = std::fs::canonicalize(RESOLVER).ok();
        let folder = real.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new("/etc"));
        grants.paths.extend(folder.map(|folder| (folder.to_owned(), Access::Read)));
    }
    grants
}

/// Whether a file is another one than that which this process was given, which it may not read then.
fn is_replaced(path: &Path) -> bool {
    File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Tries a server's addresses; those of before if its name cannot be looked up now.
fn connect(host: &str, port: u16, known: &mut Vec<SocketAddr>) -> io::Result<TcpStream> {
    match (host, port).to_socket_addrs() {
        Ok(found) => *known = found.take(MOST).collect(),
        Err(error) if known.is_empty() => return Err(error),
        Err(error) => tracing::warn!(%error, host, "its addresses of before are tried"),
    }
    let until = Instant::now() + PATIENCE;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in known.iter() {
        let left = until.saturating_duration_since(Instant::now()).min(ONE);
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_name_needs_a_resolver_and_an_address_needs_nothing() {
        let literal = grants("192.0.2.1", 3900);
        assert_eq!((literal.connect, literal.paths.len()), (vec![3900], 0));
        let named = grants("s3.example.jp", 443);
        assert_eq!(named.connect, [443, 53]);
        assert!(named.paths.iter().all(|(_, access)| *access == Access::Read) && named.paths.len() >= 3);
        assert!(named.paths.iter().all(|(path, _)| path != Path::new("/etc")), "{named:?}");
    }

    /// Not a test of its own: the process of the test below. What it could do, as lines.
    #[test]
    #[ignore = "started by another test"]
    fn entry() {
        let Ok(told) = std::env::var(PORTS) else { return };
        let ports: Vec<u16> = told.split(' ').map(|port| port.parse().unwrap()).collect();
        let [allowed, other] = ports[..] else { panic!("{told}") };
        privileges::become_worker().unwrap();
        let confinement = confine::confine(&grants("127.0.0.1", allowed)).unwrap();
        confine::close_all_doors_but_out().unwrap();
        let to = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let could = [
            ("connect", to(allowed)),
            ("connect elsewhere", to(other)),
            ("read a file", std::fs::read("/etc/passwd").is_ok()),
            ("write a file", std::fs::write("/tmp/hanare-dial-evil", "").is_ok()),
            ("ask a service", std::os::unix::net::UnixDatagram::unbound().is_ok()),
            ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
            ("start a program", Command::new("true").status().is_ok()),
        ];
        for (what, could) in could {
            println!("{} {what}", if could { "could" } else { "could not" });
        }
        println!("landlock {}", confinement.landlock.is_some());
    }

    const PORTS: &str = "HANARE_DIAL_PORTS";

    #[test]
    fn who_may_connect_to_one_port_can_do_nothing_else() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port().to_string());
        let output = Command::new("/proc/self/exe")
            .args(["dial::tests::entry", "--exact", "--ignored", "--nocapture"])
            .env(PORTS, ports.join(" "))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("could")).collect();
        assert_eq!(lines.len(), 7, "{said} {}", String::from_utf8_lossy(&output.stderr));
        assert!(lines[0].ends_with("could connect"), "{said}");
        // Without Landlock files and ports are open to it; the filter of system calls is there all the same.
        let by_landlock = ["elsewhere", "a file"];
        let has_landlock = said.contains("landlock true");
        for line in &lines[1..] {
            let is_open = !has_landlock && by_landlock.iter().any(|what| line.contains(what));
            assert!(is_open || line.contains("could not"), "{said}");
        }
    }

    #[test]
    fn addresses_of_before_are_tried_when_a_name_is_not_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut known = Vec::new();
        assert!(connect("no-such-host.invalid", address.port(), &mut known).is_err());
        let mut known = vec![address];
        assert!(connect("no-such-host.invalid", address.port(), &mut known).is_ok());
    }
}
