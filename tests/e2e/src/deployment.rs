//! A small deployment on one Ethernet: headquarters with two companies, rooms, and machines to put nodes on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hanare_lab::{Headquarters, Host, Lab, Link, Node, Ports, Program, Result, Segment};

/// Whether `cargo xtask test --long` asked for the long outages and many repetitions.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("HANARE_LONG").is_some()
}

/// Headquarters' addresses on the deployment's Ethernet.
const HQ: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// A machine on the deployment's Ethernet.
#[derive(Debug)]
pub struct Place {
    /// The machine.
    pub host: Host,
    /// Its connection.
    pub link: Link,
    /// Its node, enrolled or not.
    pub node: Node,
}

/// Headquarters at `192.0.2.1` and `2001:db8::1`, company aoba in kofu/306, company midori in gujo/101.
#[derive(Debug)]
pub struct Deployment<'a> {
    /// The laboratory it stands in.
    pub lab: &'a Lab,
    /// The Ethernet.
    pub segment: Segment,
    /// Headquarters.
    pub hq: Headquarters,
    /// Headquarters' connection.
    pub hq_link: Link,
    /// The binary under test.
    pub program: Program,
    next: u8,
}

impl<'a> Deployment<'a> {
    /// Opens headquarters and makes the rooms.
    ///
    /// # Errors
    /// If anything fails.
    pub fn open(lab: &'a Lab) -> Result<Self> {
        Self::open_with(lab, &[])
    }

    /// The same with more arguments for `hq init`.
    ///
    /// # Errors
    /// If anything fails.
    pub fn open_with(lab: &'a Lab, init: &[&str]) -> Result<Self> {
        Self::open_as(lab, &Program::built()?, init)
    }

    /// The same with headquarters' state on a disk of its own of this size, as `mount` takes it.
    ///
    /// # Errors
    /// If anything fails.
    pub fn open_on(lab: &'a Lab, size: &str) -> Result<Self> {
        let host = lab.host("hq")?;
        let state = host.directory().join("state");
        host.sh(&format!("mount -t tmpfs -o size={size} hanare {}", state.display()))?;
        Self::open_at(lab, &host, &Program::built()?, &[])
    }

    /// The same with a headquarters that runs another binary; the nodes run the shipped one.
    ///
    /// # Errors
    /// If anything fails.
    pub fn open_as(lab: &'a Lab, serve: &Program, init: &[&str]) -> Result<Self> {
        Self::open_at(lab, &lab.host("hq")?, serve, init)
    }

    fn open_at(lab: &'a Lab, host: &Host, serve: &Program, init: &[&str]) -> Result<Self> {
        let program = Program::built()?;
        let segment = lab.segment("net")?;
        let hq_link = lab.plug(host, &segment, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
        let usual = ["--company", "aoba", "--endpoint", "192.0.2.1:51820,[2001:db8::1]:51820"];
        let hq = Headquarters::open(host, serve, &[&usual, init].concat(), &[])?;
        hq.admin(&["company", "add", "midori"])?;
        hq.admin(&["room", "add", "kofu/306", "--company", "aoba"])?;
        hq.admin(&["room", "add", "gujo/101", "--company", "midori"])?;
        Ok(Self { lab, segment, hq, hq_link, program, next: 10 })
    }

    /// What belongs on the Ethernet: headquarters' ports at headquarters' addresses.
    #[must_use]
    pub fn ports() -> Ports {
        Ports::of(&HQ)
    }

    /// Puts a machine on the Ethernet.
    ///
    /// # Errors
    /// If its namespaces or addresses are refused.
    pub fn place(&mut self, name: &str) -> Result<Place> {
        let host = self.lab.host(name)?;
        let number = self.next;
        self.next += 1;
        let addresses = [format!("192.0.2.{number}/24"), format!("2001:db8::{number}/64")];
        let link = self.lab.plug(&host, &self.segment, "eth0", &addresses.each_ref().map(String::as_str))?;
        let node = Node::new(&host, &self.program);
        Ok(Place { host, link, node })
    }

    /// Puts a machine on the Ethernet, enrols it in `room` and brings it up.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn node(&mut self, name: &str, room: &str, kind: &str) -> Result<Place> {
        let mut place = self.place(name)?;
        place.node.enrol(&self.hq, room, kind)?;
        place.node.up(&[])?;
        Ok(place)
    }

    /// How long until `from` gets an answer from headquarters through the tunnel.
    ///
    /// # Errors
    /// [`hanare_lab::Error::Timeout`] after `limit`.
    pub fn until_it_pings(&self, from: &Host, limit: Duration) -> Result<Duration> {
        from.until_it_pings(self.hq.socket(false, 0)?.ip(), limit)
    }
}
