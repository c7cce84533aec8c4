//! The laboratory itself: its directory, its bridges, its hosts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Error, Host, Output, Result, output};

/// Longest time for a command that only configures something.
pub(crate) const QUICK: Duration = Duration::from_secs(20);

/// A laboratory, seen from inside.
#[derive(Debug)]
pub struct Lab {
    directory: PathBuf,
    next_port: AtomicU32,
    hosts: Mutex<Vec<Host>>,
}

/// An Ethernet: a bridge outside all hosts, to which they attach.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The bridge's name in the laboratory's own network namespace.
    pub bridge: String,
}

impl Lab {
    /// Takes possession of the namespaces that [`crate::enter`] made: a tmpfs on `/run` holds everything from now on.
    ///
    /// # Errors
    /// [`Error::Failed`] if this process is not in a laboratory or may not mount.
    pub fn open() -> Result<Self> {
        if !crate::is_inside() {
            return Err(Error::Content {
                what: "the laboratory".into(),
                why: "this process is not inside one".into(),
            });
        }
        let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        configure(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "hanare-lab", "/run"]))?;
        let directory = PathBuf::from("/run/lab");
        // wg and wg-quick look in /var/run, which is a link to /run on Debian.
        for path in [
            "/run/lab",
            "/run/lab/tmp",
            "/run/netns",
            "/run/wireguard",
            "/run/hanare",
            "/run/resolvconf",
            "/run/lock",
        ] {
            std::fs::create_dir_all(path).map_err(Error::path(path))?;
        }
        // Where resolv.conf is a link into /run, the tmpfs has hidden its target.
        if std::fs::metadata("/etc/resolv.conf").is_err()
            && let Ok(target) = std::fs::read_link("/etc/resolv.conf")
        {
            let target = Path::new("/etc").join(target);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(Error::path(parent))?;
            }
            std::fs::write(&target, resolver).map_err(Error::path(target))?;
        }
        // The laboratory's own side of the cables must stay silent, or it would be heard in captures.
        configure(Command::new("sysctl").args(["-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"]))?;
        configure(Command::new("ip").args(["link", "set", "lo", "up"]))?;
        Ok(Self { directory, next_port: AtomicU32::new(0), hosts: Mutex::new(Vec::new()) })
    }

    /// Where everything that this laboratory writes belongs; a tmpfs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a new host: a network, mount and UTS namespace with an empty `/run/hanare` and `/run/wireguard` of its own.
    ///
    /// # Errors
    /// If a namespace or mount is refused.
    pub fn host(&self, name: &str) -> Result<Host> {
        let host = Host::start(name, &self.directory.join("hosts").join(name))?;
        if let Ok(mut hosts) = self.hosts.lock() {
            hosts.push(host.clone());
        }
        Ok(host)
    }

    /// Makes a new Ethernet; `name` has at most 15 bytes.
    ///
    /// # Errors
    /// If the bridge is refused.
    pub fn segment(&self, name: &str) -> Result<Segment> {
        ip(&[
            "link",
            "add",
            name,
            "type",
            "bridge",
            "stp_state",
            "0",
            "mcast_snooping",
            "0",
            "forward_delay",
            "0",
        ])?;
        ip(&["link", "set", name, "up"])?;
        Ok(Segment { bridge: name.to_owned() })
    }

    /// Plugs `host` into `segment` as `interface`, with `addresses` in CIDR notation. Duplicate address detection is off, so
    /// that addresses are there at once.
    ///
    /// # Errors
    /// If an interface or address is refused.
    pub fn plug(
        &self,
        host: &Host,
        segment: &Segment,
        interface: &str,
        addresses: &[&str],
    ) -> Result<crate::Link> {
        let port = format!("port{}", self.next_port.fetch_add(1, Ordering::Relaxed));
        let pid = host.pid().to_string();
        ip(&["link", "add", &port, "type", "veth", "peer", "name", interface, "netns", &pid])?;
        ip(&["link", "set", &port, "master", &segment.bridge, "up"])?;
        host.bring_up(interface, addresses)?;
        Ok(crate::Link { port, host: host.clone(), interface: interface.to_owned() })
    }

    /// Joins two hosts by one cable, without a bridge.
    ///
    /// # Errors
    /// If an interface or address is refused.
    pub fn cable(&self, a: (&Host, &str, &[&str]), b: (&Host, &str, &[&str])) -> Result<()> {
        let port = format!("port{}", self.next_port.fetch_add(1, Ordering::Relaxed));
        let (a_pid, b_pid) = (a.0.pid().to_string(), b.0.pid().to_string());
        ip(&["link", "add", &port, "type", "veth", "peer", "name", b.1, "netns", &b_pid])?;
        ip(&["link", "set", &port, "netns", &a_pid, "name", a.1])?;
        a.0.bring_up(a.1, a.2)?;
        b.0.bring_up(b.1, b.2)
    }

    /// Prints the end of every daemon's log on stderr, for the reader of a failed test.
    #[expect(clippy::print_stderr, reason = "the reader of a failed test wants to see it")]
    pub fn tell_logs(&self) {
        let hosts = self.hosts.lock().map(|hosts| hosts.clone()).unwrap_or_default();
        for host in hosts {
            let Ok(entries) = std::fs::read_dir(host.directory().join("log")) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                eprintln!("--- {} ---", path.display());
                for line in lines.get(lines.len().saturating_sub(40)..).unwrap_or_default() {
                    eprintln!("{line}");
                }
            }
        }
    }
}

/// Runs `ip` in the laboratory's own network namespace.
///
/// # Errors
/// If it fails.
pub(crate) fn ip(arguments: &[&str]) -> Result<Output> {
    configure(Command::new("ip").args(arguments))
}

fn configure(command: &mut Command) -> Result<Output> {
    output::run(command, "", QUICK)?.must()
}
