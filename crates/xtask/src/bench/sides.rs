//! Starting an implementation on both hosts, as its users would.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hanare_lab::{Daemon, Error, Headquarters, Host, Node, Program, Result, run, until};

use super::field::BELOW;
use super::release;

/// Addresses inside a tunnel that has no address plan.
const INSIDE: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 198, 0, 1), Ipv4Addr::new(10, 198, 0, 2)];
const INTERFACE: &str = "bench0";
/// What headquarters gives its rooms, and here everybody.
const MTU: u16 = 1360;
const ROOM: &str = "bench/1";
/// Without a policy headquarters answers its rooms' pings and TCP only.
const POLICY: &str =
    "version = 1\n[[allow]]\nfrom = \"rooms\"\nto = \"hq\"\nprotocol = \"any\"\nreason = \"the bench\"\n";

/// What runs on the two hosts.
pub(super) enum Sides {
    Devices(Vec<Daemon>),
    Deployment(Box<(Headquarters, Node)>),
}

impl Sides {
    /// The server's address inside.
    pub(super) fn target(&self) -> Result<IpAddr> {
        match self {
            Self::Devices(_) => Ok(INSIDE[0].into()),
            Self::Deployment(sides) => Ok(sides.0.socket(false, 0)?.ip()),
        }
    }

    /// One process each; those that it started count with it.
    pub(super) fn daemons(&self) -> Vec<&Daemon> {
        match self {
            Self::Devices(pair) => pair.iter().collect(),
            Self::Deployment(sides) => {
                [Some(&sides.0.daemon), sides.1.daemon.as_ref()].into_iter().flatten().collect()
            }
        }
    }
}

/// Starts `command` on both hosts; `by_wg` if it wants to be configured by wg(8).
pub(super) fn devices(
    server: &Host,
    client: &Host,
    name: &str,
    command: &[String],
    by_wg: bool,
) -> Result<Sides> {
    let hosts = [server, client];
    let mut pair = Vec::new();
    for (host, peer) in hosts.iter().zip(BELOW.iter().rev()) {
        pair.push(start(host, name, command, by_wg, &format!("{peer}:51820"))?);
    }
    if by_wg {
        configure(server, client)?;
    }
    for (host, address) in hosts.iter().zip(INSIDE) {
        host.sh(&format!("ip address add {address}/24 dev {INTERFACE}"))?;
        host.sh(&format!("ip link set {INTERFACE} mtu {MTU} up"))?;
    }
    Ok(Sides::Devices(pair))
}

/// Headquarters on `server`; `client` is invited, joins and goes up.
pub(super) fn deployment(server: &Host, client: &Host) -> Result<Sides> {
    let program = Program::at(release("hanare"))?;
    let endpoint = format!("{}:51820", BELOW[0]);
    let headquarters =
        Headquarters::open(server, &program, &["--company", "bench", "--endpoint", &endpoint], &[])?;
    headquarters.admin(&["room", "add", ROOM, "--company", "bench"])?;
    let policy = server.directory().join("policy.toml");
    std::fs::write(&policy, POLICY).map_err(|source| Error::Path { path: policy.clone(), source })?;
    headquarters.admin(&["policy", "apply", &policy.to_string_lossy()])?;
    let mut node = Node::new(client, &program);
    node.enrol(&headquarters, ROOM, "endpoint")?;
    node.up(&[])?;
    Ok(Sides::Deployment(Box::new((headquarters, node))))
}

fn start(host: &Host, name: &str, command: &[String], by_wg: bool, peer: &str) -> Result<Daemon> {
    let mut words = command.iter().map(|word| word.replace("{if}", INTERFACE).replace("{peer}", peer));
    let mut command = host.command(words.next().unwrap_or_default());
    command.args(words).env("LOG_LEVEL", "error").env("WG_LOG_LEVEL", "error");
    let mut daemon = host.spawn(name, &mut command)?;
    let answers = |line: String| host.attempt(&line).is_ok_and(|output| output.good());
    let outcome = until("the interface", Duration::from_secs(10), || {
        answers(format!("ip link show {INTERFACE}")) && (!by_wg || answers(format!("wg show {INTERFACE}")))
    });
    if let (Err(_), Ok(Some(status))) = (&outcome, daemon.ended()) {
        let (command, status) = (name.to_owned(), status.to_string());
        return Err(Error::Failed { command, status, stderr: daemon.said() });
    }
    outcome.map(|_| daemon)
}

/// Keys by `wg`, as an admin would.
fn configure(server: &Host, client: &Host) -> Result<()> {
    let wg = |host: &Host, argument: &str, input: &str| -> Result<String> {
        let mut command = host.command("wg");
        Ok(run(command.arg(argument), input, Duration::from_secs(5))?.must()?.stdout.trim().to_owned())
    };
    let hosts = [server, client];
    let mut keys = Vec::new();
    for host in hosts {
        let private = wg(host, "genkey", "")?;
        let public = wg(host, "pubkey", &private)?;
        keys.push((private, public));
    }
    let others = keys.iter().rev().zip(INSIDE.iter().rev().zip(BELOW.iter().rev()));
    for ((host, (private, _)), ((_, public), (allowed, endpoint))) in hosts.iter().zip(&keys).zip(others) {
        let configuration = format!(
            "[Interface]\nPrivateKey = {private}\nListenPort = 51820\n[Peer]\nPublicKey = {public}\n\
             AllowedIPs = {allowed}/32\nEndpoint = {endpoint}:51820\n"
        );
        host.run("wg", ["setconf", INTERFACE, "/dev/stdin"], &configuration, Duration::from_secs(5))?
            .must()?;
    }
    Ok(())
}
