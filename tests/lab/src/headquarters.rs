//! Headquarters on a host of the laboratory, driven by the same commands that an IT admin types.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use crate::{Daemon, Error, Host, Output, Program, Result, until};

/// Longest time until `serve` forwards.
const START: Duration = Duration::from_secs(15);

/// A running headquarters.
#[derive(Debug)]
pub struct Headquarters {
    /// Where it runs.
    pub host: Host,
    /// What it runs.
    pub program: Program,
    /// Its `hanare hq serve`.
    pub daemon: Daemon,
    /// Its addresses inside the tunnel, IPv4 first.
    pub addresses: Vec<IpAddr>,
    starts: u32,
    serve: Vec<String>,
}

impl Headquarters {
    /// Runs `hq init` with `init` and then `hq serve` with `serve` on `host`, and waits until it forwards.
    ///
    /// # Errors
    /// If either fails or it does not forward in time.
    pub fn open(host: &Host, program: &Program, init: &[&str], serve: &[&str]) -> Result<Self> {
        program.run(host, &[&["hq", "init"], init].concat())?;
        Self::serve(host, program, serve)
    }

    /// Runs `hq serve` on a state that is there already, and waits until it forwards.
    ///
    /// # Errors
    /// If it does not forward in time.
    pub fn open_again(host: &Host, program: &Program) -> Result<Self> {
        Self::serve(host, program, &[])
    }

    fn serve(host: &Host, program: &Program, serve: &[&str]) -> Result<Self> {
        let serve: Vec<String> = serve.iter().map(|word| (*word).to_owned()).collect();
        let daemon = start(host, program, &serve, 0)?;
        let mut headquarters = Self {
            host: host.clone(),
            program: program.clone(),
            daemon,
            addresses: Vec::new(),
            starts: 0,
            serve,
        };
        headquarters.wait_until_it_forwards()?;
        Ok(headquarters)
    }

    /// Starts `hq serve` again, after the earlier one ended.
    ///
    /// # Errors
    /// If it does not forward in time.
    pub fn start_again(&mut self) -> Result<()> {
        self.starts += 1;
        self.daemon = start(&self.host, &self.program, &self.serve, self.starts)?;
        self.wait_until_it_forwards()
    }

    /// The same with other arguments from now on.
    ///
    /// # Errors
    /// If it does not forward in time.
    pub fn start_again_with(&mut self, serve: &[&str]) -> Result<()> {
        self.serve = serve.iter().map(|word| (*word).to_owned()).collect();
        self.start_again()
    }

    fn wait_until_it_forwards(&mut self) -> Result<()> {
        let mut last = String::new();
        let waited = until("headquarters that forwards", START, || {
            let Ok(output) = self.program.attempt(&self.host, &["--json", "hq", "status"], "") else {
                return false;
            };
            last = format!("{} {}", output.stdout, output.stderr);
            // Not the exit status: it tells of wipes as well.
            output.json().is_ok_and(|status| {
                self.addresses = addresses(&status);
                let forwards = status.get("forwarding").is_some_and(|forwards| forwards == true);
                let in_force = status.get("firewall").is_some_and(|firewall| firewall == "in-force");
                forwards && in_force && !self.addresses.is_empty()
            })
        });
        waited.map(drop).map_err(|error| Error::Content {
            what: error.to_string(),
            why: format!("{last}\n{}", self.daemon.said()),
        })
    }

    /// Runs an admin's command and takes failure for an error.
    ///
    /// # Errors
    /// If it fails.
    pub fn admin(&self, arguments: &[&str]) -> Result<Output> {
        self.program.run(&self.host, arguments)
    }

    /// Runs an admin's command with `--json` and reads its answer.
    ///
    /// # Errors
    /// If it fails or does not answer with one document.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        self.admin(&[&["--json"], arguments].concat())?.json()
    }

    /// An invite as it is printed: one line.
    ///
    /// # Errors
    /// If it is refused.
    pub fn invite(&self, room: &str, kind: &str, name: &str) -> Result<String> {
        self.admin(&["invite", room, "--kind", kind, "--name", name]).map(|output| output.stdout)
    }

    /// The prefixes of the LAN behind a room's gateway, IPv4 first.
    ///
    /// # Errors
    /// If there is no such room.
    pub fn lan(&self, room: &str) -> Result<Vec<IpNet>> {
        let shown = self.ask(&["room", "show", room])?;
        let prefixes = shown.get("lan_prefixes").and_then(Value::as_array).into_iter().flatten();
        Ok(prefixes.filter_map(|text| text.as_str()?.parse().ok()).collect())
    }

    /// Its address inside the tunnel, with `port`.
    ///
    /// # Errors
    /// [`Error::Content`] if it has none.
    pub fn socket(&self, ipv6: bool, port: u16) -> Result<SocketAddr> {
        pick(&self.addresses, ipv6, "headquarters").map(|ip| SocketAddr::new(ip, port))
    }
}

fn start(host: &Host, program: &Program, serve: &[String], number: u32) -> Result<Daemon> {
    let mut arguments = vec!["-v", "hq", "serve"];
    arguments.extend(serve.iter().map(String::as_str));
    host.spawn(&format!("serve-{number}"), &mut program.command(host, &arguments))
}

/// The `addresses` member of a status document, without prefix lengths.
pub(crate) fn addresses(status: &Value) -> Vec<IpAddr> {
    let texts = status.get("addresses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let bare = |text: &Value| text.as_str()?.split('/').next()?.parse().ok();
    let mut found: Vec<IpAddr> = texts.iter().filter_map(bare).collect();
    found.sort();
    found
}

pub(crate) fn pick(addresses: &[IpAddr], ipv6: bool, whose: &str) -> Result<IpAddr> {
    addresses.iter().copied().find(|ip| ip.is_ipv6() == ipv6).ok_or_else(|| Error::Content {
        what: format!("the addresses of {whose}"),
        why: format!("none of IPv{}: {addresses:?}", if ipv6 { 6 } else { 4 }),
    })
}
