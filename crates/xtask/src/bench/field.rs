//! Two hosts with a cable, and one implementation running on both.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::Duration;

use hanare_lab::{Daemon, Host, Lab, Output, Result, run, until};

use super::contender::Contender;
use super::measure::{self, Figure, Test};

/// Inside the tunnel.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 198, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 198, 0, 2);
const BELOW: [&str; 2] = ["10.199.0.1", "10.199.0.2"];
const INTERFACE: &str = "bench0";
const CABLE: &str = "cable0";
/// The same for everybody.
const MTU: &str = "1420";
/// Implementations that look at the MTU now and then have seen it by now.
const SETTLE: Duration = Duration::from_secs(2);

/// A running pair.
pub(super) struct Field {
    pub(super) server: Host,
    pub(super) client: Host,
    pair: Vec<Daemon>,
    /// Kept alive; its end ends the server.
    _iperf: Daemon,
}

impl Field {
    /// Starts `contender` on two fresh hosts, waits until they reach each other.
    pub(super) fn prepare(lab: &Lab, place: &str, contender: &Contender) -> Result<Self> {
        let (server, client) = (lab.host(&format!("s-{place}"))?, lab.host(&format!("c-{place}"))?);
        let [a, b] = BELOW.map(|address| format!("{address}/24"));
        lab.cable((&server, CABLE, &[&a]), (&client, CABLE, &[&b]))?;
        let hosts = [&server, &client];
        let mut pair = Vec::new();
        for (host, peer) in hosts.iter().zip(BELOW.iter().rev()) {
            pair.push(start(host, contender, &format!("{peer}:51820"))?);
        }
        if contender.has_uapi {
            configure(&server, &client)?;
        }
        for (host, address) in hosts.iter().zip([SERVER, CLIENT]) {
            host.sh(&format!("ip address add {address}/24 dev {INTERFACE}"))?;
            host.sh(&format!("ip link set {INTERFACE} mtu {MTU} up"))?;
        }
        sleep(SETTLE);
        until("the first ping", Duration::from_secs(20), || {
            client.pings(IpAddr::V4(SERVER), 1).unwrap_or(false)
        })?;
        let mut command = server.command("iperf3");
        let iperf = server.spawn("iperf3", command.args(["-s", "-B", &SERVER.to_string()]))?;
        sleep(Duration::from_millis(500));
        Ok(Self { server, client, pair, _iperf: iperf })
    }

    /// Runs the tests, those without offloads below last.
    pub(super) fn tests(&mut self, tests: &[&Test], seconds: u32) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for with_offload in [true, false] {
            let due: Vec<_> = tests.iter().filter(|test| test.with_offload == with_offload).collect();
            if due.is_empty() {
                continue;
            }
            self.offload(with_offload)?;
            for test in due {
                figures.extend(measure::run(self, test, seconds)?);
                sleep(Duration::from_millis(300));
            }
        }
        let peak = self.pair.iter().map(Daemon::peak_memory).max().unwrap_or(0);
        figures.push(Figure { test: "rss".into(), unit: "MiB", value: mebibytes(peak) });
        Ok(figures)
    }

    fn offload(&self, on: bool) -> Result<()> {
        let word = if on { "on" } else { "off" };
        for host in [&self.server, &self.client] {
            host.sh(&format!(
                "ethtool -K {CABLE} tso {word} gso {word} gro {word} tx-udp-segmentation {word}"
            ))?;
        }
        Ok(())
    }

    /// Processor seconds that both sides have used.
    pub(super) fn processor_seconds(&self) -> f64 {
        self.pair
            .iter()
            .flat_map(|daemon| daemon.children().into_iter().chain([daemon.pid()]))
            .map(processor_seconds)
            .sum()
    }
}

fn start(host: &Host, contender: &Contender, peer: &str) -> Result<Daemon> {
    let mut words =
        contender.command.iter().map(|word| word.replace("{if}", INTERFACE).replace("{peer}", peer));
    let mut command = host.command(words.next().unwrap_or_default());
    command.args(words).env("LOG_LEVEL", "error").env("WG_LOG_LEVEL", "error");
    let mut daemon = host.spawn(&contender.name, &mut command)?;
    let stands = || {
        let link = host.attempt(&format!("ip link show {INTERFACE}")).is_ok_and(|output| output.good());
        link && (!contender.has_uapi
            || host.attempt(&format!("wg show {INTERFACE}")).is_ok_and(|output| output.good()))
    };
    let outcome = until("the interface", Duration::from_secs(10), stands);
    if let (Err(_), Ok(Some(status))) = (&outcome, daemon.ended()) {
        return Err(hanare_lab::Error::Failed {
            command: contender.name.clone(),
            status: status.to_string(),
            stderr: daemon.said(),
        });
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
    let inside = [SERVER, CLIENT];
    let sides =
        hosts.iter().zip(&keys).zip(keys.iter().rev()).zip(inside.iter().rev().zip(BELOW.iter().rev()));
    for (((host, (private, _)), (_, public)), (allowed, endpoint)) in sides {
        let configuration = format!(
            "[Interface]\nPrivateKey = {private}\nListenPort = 51820\n[Peer]\nPublicKey = {public}\n\
             AllowedIPs = {allowed}/32\nEndpoint = {endpoint}:51820\n"
        );
        let mut command = host.command("wg");
        let output: Output =
            run(command.args(["setconf", INTERFACE, "/dev/stdin"]), &configuration, Duration::from_secs(5))?;
        output.must()?;
    }
    Ok(())
}

/// User and system time of one process.
fn processor_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let ticks: u32 = [11, 12].iter().filter_map(|place| fields.get(*place)?.parse::<u32>().ok()).sum();
    // Linux shows USER_HZ, which is 100 everywhere.
    f64::from(ticks) / 100.0
}

fn mebibytes(bytes: u64) -> f64 {
    // Kibibytes fit 32 bits for any process that this bench is about.
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}
