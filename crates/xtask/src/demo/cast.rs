//! The demo's stage and players: an internet, two offices, a mobile network, one headquarters, two companies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hanare_lab::{Host, Lab, Result, Segment};

/// Company A's room, and company B's.
pub(crate) const ROOMS: [&str; 2] = ["kofu/306", "gujo/101"];
/// The two companies.
pub(crate) const COMPANIES: [&str; 2] = ["aoba", "midori"];
/// A gateway's side towards its room.
pub(crate) const LAN: &str = "eth1";
/// Headquarters' `WireGuard` endpoints.
pub(crate) const ENDPOINTS: &str = "192.0.2.1:51820,[2001:db8:0:1::1]:51820";
/// The addresses of these.
pub(crate) const HEADQUARTERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1))];

/// Machines behind the gateways, in the companies' order, on which nothing of ours runs.
pub(crate) const GUESTS: [&str; 2] = ["aoba-guest", "midori-guest"];

/// Who stands where.
pub(crate) const PLAYERS: [Player; 5] = [
    Player { name: "aoba-gateway", kind: "gateway", company: 0 },
    Player { name: "aoba-pc1", kind: "endpoint", company: 0 },
    Player { name: "aoba-pc2", kind: "endpoint", company: 0 },
    Player { name: "midori-gateway", kind: "gateway", company: 1 },
    Player { name: "midori-pc1", kind: "endpoint", company: 1 },
];

/// A node of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Player {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// Index into [`COMPANIES`] and [`ROOMS`].
    pub(crate) company: usize,
}

/// The machines before anybody has done anything.
pub(crate) struct Stage {
    pub(crate) headquarters: Host,
    pub(crate) players: Vec<(Player, Host)>,
    pub(crate) phone: Host,
    /// Joined to their gateways by a cable of their own, which no capture hears.
    pub(crate) guests: Vec<Host>,
    /// Holds the networks together.
    _internet: Host,
}

/// One Ethernet behind the internet: its prefixes with the host part left out.
struct Net {
    segment: Segment,
    v4: &'static str,
    v6: &'static str,
}

/// Builds four networks around a router and puts everybody in their place. Addresses are those of RFC 5737 and RFC 3849.
pub(crate) fn set_up(lab: &Lab) -> Result<Stage> {
    let internet = lab.host("internet")?;
    internet.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
    // A router that sends redirects or errors of its own would be heard in the capture and prove nothing about hanare.
    internet.sh("sysctl -q -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0")?;
    let net = |name: &str, v4: &'static str, v6: &'static str| -> Result<Net> {
        let segment = lab.segment(name)?;
        let addresses = [format!("{v4}.254/24"), format!("{v6}::fe/64")];
        lab.plug(&internet, &segment, name, &addresses.each_ref().map(String::as_str))?;
        Ok(Net { segment, v4, v6 })
    };
    let server = net("server", "192.0.2", "2001:db8:0:1")?;
    let offices = [net("kofu", "198.51.100", "2001:db8:0:2")?, net("gujo", "203.0.113", "2001:db8:0:3")?];
    let mobile = net("mobile", "100.64.0", "2001:db8:0:4")?;
    let mut players = Vec::new();
    for (number, player) in (10..).zip(PLAYERS) {
        let office = if player.company == 0 { &offices[0] } else { &offices[1] };
        players.push((player, place(lab, player.name, office, number)?));
    }
    let mut guests = Vec::new();
    let gateways = players.iter().filter(|(player, _)| player.kind == "gateway");
    for ((_, gateway), name) in gateways.zip(GUESTS) {
        let guest = lab.host(name)?;
        lab.cable((gateway, LAN, &[]), (&guest, "eth0", &[]))?;
        guests.push(guest);
    }
    Ok(Stage {
        headquarters: place(lab, "headquarters", &server, 1)?,
        players,
        guests,
        phone: place(lab, "phone", &mobile, 20)?,
        _internet: internet,
    })
}

fn place(lab: &Lab, name: &str, net: &Net, number: u8) -> Result<Host> {
    let host = lab.host(name)?;
    let addresses = [format!("{}.{number}/24", net.v4), format!("{}::{number}/64", net.v6)];
    lab.plug(&host, &net.segment, "eth0", &addresses.each_ref().map(String::as_str))?;
    host.sh(&format!("ip route add default via {}.254", net.v4))?;
    host.sh(&format!("ip -6 route add default via {}::fe", net.v6))?;
    Ok(host)
}
