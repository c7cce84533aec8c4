//! Two hosts with a cable, and one implementation running on both.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use hanare_lab::{Daemon, Host, Lab, Result, until};

use super::contender::{Contender, Start};
use super::measure::{self, Figure, Test};
use super::sides::{self, Sides};

/// The cable's ends.
pub(super) const BELOW: [&str; 2] = ["10.199.0.1", "10.199.0.2"];
const CABLE: &str = "cable0";
/// Implementations that look at the MTU now and then have seen it by now.
const SETTLE: Duration = Duration::from_secs(2);

/// A running pair.
pub(super) struct Field {
    pub(super) client: Host,
    /// The server's address inside the tunnel.
    pub(super) target: IpAddr,
    server: Host,
    sides: Sides,
    /// Kept alive; its end ends the server.
    _iperf: Daemon,
}

impl Field {
    /// Starts `contender` on two fresh hosts, waits until they reach each other.
    pub(super) fn prepare(lab: &Lab, place: &str, contender: &Contender) -> Result<Self> {
        let (server, client) = (lab.host(&format!("s-{place}"))?, lab.host(&format!("c-{place}"))?);
        let [a, b] = BELOW.map(|address| format!("{address}/24"));
        lab.cable((&server, CABLE, &[&a]), (&client, CABLE, &[&b]))?;
        let sides = match &contender.start {
            Start::Device(command) => sides::devices(&server, &client, &contender.name, command, true)?,
            Start::Bare(command) => sides::devices(&server, &client, &contender.name, command, false)?,
            Start::Deployment => sides::deployment(&server, &client)?,
        };
        let target = sides.target()?;
        sleep(SETTLE);
        until("the first ping", Duration::from_secs(20), || client.pings(target, 1).unwrap_or(false))?;
        let mut command = server.command("iperf3");
        let iperf = server.spawn("iperf3", command.args(["-s", "-B", &target.to_string()]))?;
        sleep(Duration::from_millis(500));
        Ok(Self { client, target, server, sides, _iperf: iperf })
    }

    /// Runs the tests, those without offloads below last, and hands over each figure as it comes.
    pub(super) fn tests(&self, tests: &[&Test], seconds: u32, mut take: impl FnMut(Figure)) -> Result<()> {
        for with_offload in [true, false] {
            let due: Vec<_> = tests.iter().filter(|test| test.with_offload == with_offload).collect();
            if due.is_empty() {
                continue;
            }
            self.offload(with_offload)?;
            for test in due {
                measure::run(self, test, seconds)?.into_iter().for_each(&mut take);
                sleep(Duration::from_millis(300));
            }
        }
        let peaks: Vec<Vec<u64>> = self.sides.daemons().into_iter().map(Daemon::peaks_of_memory).collect();
        let largest = peaks.iter().flatten().copied().max().unwrap_or(0);
        let sum = peaks.iter().map(|side| side.iter().sum()).max().unwrap_or(0);
        // The largest process, and the side whose processes add up to most; what they share counts in each.
        take(Figure { test: "rss".into(), unit: "MiB", value: mebibytes(largest) });
        take(Figure { test: "rss-sum".into(), unit: "MiB", value: mebibytes(sum) });
        Ok(())
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
        self.sides.daemons().into_iter().map(Daemon::processor).sum()
    }
}

fn mebibytes(bytes: u64) -> f64 {
    // Kibibytes fit 32 bits for any process that this bench is about.
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}
