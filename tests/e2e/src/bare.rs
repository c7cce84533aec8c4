//! Bare userspace `WireGuard` devices, ours and others', configured with wg(8).

use std::path::PathBuf;
use std::time::Duration;

use hanare_lab::{Daemon, Error, Host, Program, Result, run, until};

/// Longest time for a device to appear.
const START: Duration = Duration::from_secs(30);

/// Who implements the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    /// `hanare device`.
    Hanare,
    /// Debian's wireguard-go.
    WireGuardGo,
    /// boringtun-cli from the registry.
    BoringTun,
}

impl Implementation {
    /// Starts a device named `interface` on `host` and waits until wg(8) can see it.
    ///
    /// # Errors
    /// If it does not appear.
    pub fn start(self, host: &Host, interface: &str) -> Result<Daemon> {
        let mut command = match self {
            Self::Hanare => {
                let mut command = host.command(Program::built()?.path());
                command.args(["device", "--foreground", interface]);
                command
            }
            Self::WireGuardGo => {
                let mut command = host.command("wireguard-go");
                command.args(["-f", interface]);
                command
            }
            Self::BoringTun => {
                let mut command = host.command(boringtun_cli()?);
                // Without a login name it refuses to drop what it has; connected sockets do not follow a roaming peer.
                command.args(["-f", "--disable-drop-privileges", "--disable-connected-udp", interface]);
                command
            }
        };
        // One that was killed left its socket. wg(8), asked below, removes such a socket when it meets it, and wireguard-go ends
        // if that happens between its own look and its own removal.
        host.sh(&format!("rm -f /run/wireguard/{interface}.sock"))?;
        let daemon = host.spawn(interface, &mut command)?;
        let wg =
            || host.attempt(&format!("wg show {interface} listen-port")).is_ok_and(|output| output.good());
        match until(&format!("{self:?}'s device"), START, wg) {
            Ok(_) => Ok(daemon),
            Err(error) => Err(Error::Content { what: error.to_string(), why: daemon.said() }),
        }
    }
}

/// `cargo xtask test` puts it below `target/tools`, which lies above every test binary.
fn boringtun_cli() -> Result<PathBuf> {
    let current = std::env::current_exe().unwrap_or_default();
    let beside = current.ancestors().map(|directory| directory.join("tools/bin/boringtun-cli"));
    beside.into_iter().find(|path| path.is_file()).ok_or_else(|| Error::Missing {
        programs: "boringtun-cli".to_owned(),
        line: "cargo install --locked boringtun-cli --root target/tools".to_owned(),
    })
}

/// A key pair made by wg(8).
#[derive(Debug, Clone)]
pub struct Keys {
    /// Base64.
    pub private: String,
    /// Base64.
    pub public: String,
}

/// Makes a key pair with wg(8).
///
/// # Errors
/// If wg(8) fails.
pub fn keys(host: &Host) -> Result<Keys> {
    let private = host.sh("wg genkey")?.stdout.trim().to_owned();
    let public = run(host.command("wg").arg("pubkey"), &private, START)?.must()?.stdout.trim().to_owned();
    Ok(Keys { private, public })
}

/// One side of a bare tunnel with one peer.
#[derive(Debug)]
pub struct Bare<'a> {
    /// The interface's name.
    pub interface: &'a str,
    /// Its own private key.
    pub private: &'a str,
    /// The UDP port it listens on.
    pub port: u16,
    /// The peer's public key.
    pub peer: &'a str,
    /// A preshared key.
    pub preshared: Option<&'a str>,
    /// Where the peer listens, on the side that speaks first.
    pub endpoint: Option<&'a str>,
    /// Inner addresses in CIDR notation.
    pub addresses: &'a [&'a str],
    /// What belongs to the peer, comma separated.
    pub allowed: &'a str,
}

/// Configures a device with wg(8) and ip(8).
///
/// # Errors
/// If one of them fails.
pub fn configure(host: &Host, side: &Bare<'_>) -> Result<()> {
    let Bare { interface, port, peer, allowed, .. } = side;
    let mut text = format!(
        "[Interface]\nPrivateKey = {}\nListenPort = {port}\n[Peer]\nPublicKey = {peer}\nAllowedIPs = {allowed}\n",
        side.private
    );
    for (name, value) in [("PresharedKey", side.preshared), ("Endpoint", side.endpoint)] {
        if let Some(value) = value {
            text.extend([name, " = ", value, "\n"]);
        }
    }
    host.run("wg", ["setconf", interface, "/dev/stdin"], &text, START)?.must()?;
    for address in side.addresses {
        host.sh(&format!("ip address add {address} dev {interface}"))?;
    }
    host.sh(&format!("ip link set {interface} mtu 1420 up")).map(drop)
}
