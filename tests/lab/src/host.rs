//! One machine of a laboratory: a network, mount and UTS namespace, held open by a sleeping process.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::thread::LinkNameSpaceType;

use crate::network::{QUICK, ip};
use crate::{Daemon, Error, Output, Result, output};

/// Mounts that make a machine of a namespace. `$1` is its name, `$2` its directory.
const SET_UP: &str = "set -e
hostname \"$1\"
mount -t sysfs sysfs /sys
for part in wireguard hanare resolvconf; do mount --bind \"$2/$part\" \"/run/$part\"; done
mount --bind \"$2/resolv.conf\" /etc/resolv.conf
sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 \
  net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.accept_ra=0
ip link set lo up
printf ok
exec sleep infinity";

/// A machine. Clones are the same machine.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    directory: PathBuf,
    pid: u32,
    // Kept so that the holder is reaped with the host.
    holder: Mutex<Child>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Ok(mut holder) = self.holder.lock() {
            let _gone = holder.kill();
            let _reaped = holder.wait();
        }
    }
}

/// A host's connection to a segment.
#[derive(Debug, Clone)]
pub struct Link {
    /// The other end of the host's cable, in the laboratory's own network namespace: what is captured here has left the host.
    pub port: String,
    /// Whose connection it is.
    pub host: Host,
    /// The host's own end.
    pub interface: String,
}

impl Link {
    /// Pulls the cable, or plugs it in again.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn set_connected(&self, connected: bool) -> Result<()> {
        ip(&["link", "set", &self.port, if connected { "up" } else { "down" }]).map(drop)
    }
}

impl Host {
    pub(crate) fn start(name: &str, directory: &Path) -> Result<Self> {
        for part in ["wireguard", "hanare", "resolvconf", "log", "state"] {
            let path = directory.join(part);
            std::fs::create_dir_all(&path).map_err(Error::path(&path))?;
        }
        let resolver = directory.join("resolv.conf");
        std::fs::write(&resolver, "# no resolver\n").map_err(Error::path(&resolver))?;
        let mut command = Command::new("unshare");
        command.args(["-nmu", "--propagation", "slave", "sh", "-c", SET_UP, "sh", name]).arg(directory);
        let name_of_command = format!("a namespace for {name}");
        let mut holder = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Start { command: name_of_command.clone(), source })?;
        let mut ready = [0u8; 2];
        let answer = holder.stdout.take().map(|mut stdout| stdout.read_exact(&mut ready));
        if !matches!(answer, Some(Ok(()))) {
            let status = holder.wait().map(|status| status.to_string()).unwrap_or_default();
            return Err(Error::Failed { command: name_of_command, status, stderr: "see above".into() });
        }
        let pid = holder.id();
        let known = directory.join("pid");
        std::fs::write(&known, pid.to_string()).map_err(Error::path(&known))?;
        let inner =
            Inner { name: name.to_owned(), directory: directory.to_owned(), pid, holder: Mutex::new(holder) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// A process in its namespaces.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// Its directory, the same path inside and outside: `state`, `log`, and its own `/run/hanare` and `/run/wireguard`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// A command that will run on this machine.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.inner.pid.to_string(), "-n", "-m", "-u", "--"]).arg(program);
        // The mount namespace's own root: a path of the caller's may not exist there.
        command.current_dir("/").env("TMPDIR", "/run/lab/tmp").env("HOME", "/run/lab/tmp");
        command
    }

    /// Runs a line of words (no quoting) to its end and takes failure for an error.
    ///
    /// # Errors
    /// If it cannot be started, takes longer than 20 s, or fails.
    pub fn sh(&self, line: &str) -> Result<Output> {
        self.attempt(line)?.must()
    }

    /// Runs a line of words (no quoting) to its end, however it ends.
    ///
    /// # Errors
    /// If it cannot be started or takes longer than 20 s.
    pub fn attempt(&self, line: &str) -> Result<Output> {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().unwrap_or("true"));
        output::run(command.args(words), "", QUICK)
    }

    /// Runs `program` with `arguments` and `input` to its end, however it ends.
    ///
    /// # Errors
    /// If it cannot be started or takes longer than `limit`.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
        limit: Duration,
    ) -> Result<Output> {
        output::run(self.command(program).args(arguments), input, limit)
    }

    /// Starts `command` (made by [`Host::command`]) and lets it run; what it says goes to `log/LABEL.log`.
    ///
    /// # Errors
    /// If it cannot be started or the log cannot be written.
    pub fn spawn(&self, label: &str, command: &mut Command) -> Result<Daemon> {
        Daemon::start(command, &self.inner.directory.join("log").join(format!("{label}.log")))
    }

    /// Calls `work` on a thread whose sockets live on this machine.
    ///
    /// # Errors
    /// [`Error::System`] if the namespace cannot be entered or the thread dies.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let died = |_| Error::System {
            what: format!("the thread on {}", self.name()),
            source: std::io::ErrorKind::Other.into(),
        };
        self.thread(work)?.join().map_err(died)?
    }

    /// Starts `work` on a thread whose sockets live on this machine.
    ///
    /// # Errors
    /// [`Error::Path`] if the machine is gone.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<std::thread::JoinHandle<Result<T>>> {
        let path = format!("/proc/{}/ns/net", self.inner.pid);
        let namespace = std::fs::File::open(&path).map_err(Error::path(path))?;
        let name = self.name().to_owned();
        Ok(std::thread::spawn(move || {
            use std::os::fd::AsFd as _;
            rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|errno| Error::system(format!("entering {name}"))(errno.into()))?;
            Ok(work())
        }))
    }

    /// Whether `address` answers one of `count` echo requests from here.
    ///
    /// # Errors
    /// If `ping` cannot be started.
    pub fn pings(&self, address: std::net::IpAddr, count: u32) -> Result<bool> {
        // One a fifth of a second is what an ordinary user may ask for.
        self.attempt(&format!("ping -n -q -c {count} -i 0.2 -W 1 {address}")).map(|output| output.good())
    }

    /// How long until `address` answers an echo request from here: a first handshake that nobody heard, such as the one for a
    /// router solicitation that the kernel sent before the other side was there, is followed by the next only after
    /// `REKEY_TIMEOUT`, five seconds.
    ///
    /// # Errors
    /// [`crate::Error::Timeout`] after `limit`.
    pub fn until_it_pings(&self, address: std::net::IpAddr, limit: Duration) -> Result<Duration> {
        crate::until(&format!("an answer of {address} to {}", self.name()), limit, || {
            self.pings(address, 1).unwrap_or(false)
        })
    }

    /// Whether a TCP connection from here to `address` is accepted within two seconds.
    ///
    /// # Errors
    /// If the host is gone.
    pub fn connects(&self, address: std::net::SocketAddr) -> Result<bool> {
        let limit = Duration::from_secs(2);
        self.within(move || std::net::TcpStream::connect_timeout(&address, limit).is_ok())
    }

    pub(crate) fn bring_up(&self, interface: &str, addresses: &[&str]) -> Result<()> {
        for address in addresses {
            let family = if address.contains(':') { " nodad" } else { "" };
            self.sh(&format!("ip address add {address} dev {interface}{family}"))?;
        }
        self.sh(&format!("ip link set {interface} up")).map(drop)
    }
}
