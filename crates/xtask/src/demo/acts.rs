//! The demo's story, act by act, with the commands that an IT admin and employees would type.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hanare_lab::{
    Capture, Guest, Headquarters, Host, Lab, Node, Ports, Program, Result, receive_once, send, until,
};

use super::audit;
use super::cast::{self, COMPANIES, ENDPOINTS, HEADQUARTERS, LAN, Player, ROOMS, Stage};
use super::desk::Desk;
use super::narrator::Narrator;
use super::report::{Report, Underlay};

/// Bytes of one transfer; eight of them go each way.
const LOAD: u64 = 4_000_000;

/// Who is on stage when the story is over.
pub(crate) struct Troupe {
    headquarters: Headquarters,
    nodes: Vec<(Player, Node)>,
    /// The phone and the guests, kept alive.
    _others: Vec<Guest>,
}

/// Plays everything and fills in the report.
pub(crate) fn play(lab: &Lab, narrator: &Narrator, report: &mut Report) -> Result<Troupe> {
    let program = Program::built()?;
    narrator.tell("demo-stage", &[]);
    let stage = cast::set_up(lab)?;
    let capture = Capture::everywhere(lab)?;

    narrator.tell("demo-headquarters", &[]);
    let headquarters = open_headquarters(&stage, &program)?;

    narrator.tell("demo-join", &[]);
    let mut nodes = Vec::new();
    for (player, host) in &stage.players {
        let mut node = Node::new(host, &program);
        let room = ROOMS.get(player.company).copied().unwrap_or_default();
        node.enrol(&headquarters, room, player.kind)?;
        report.enrolled += 1;
        narrator.tell("demo-joined", &[("node", &player.name), ("room", &room)]);
        nodes.push((*player, node));
    }

    narrator.tell("demo-up", &[]);
    for (player, node) in &mut nodes {
        let lan: &[&str] = if player.kind == "gateway" { &["--lan", LAN] } else { &[] };
        node.start(lan)?;
    }
    for (_, node) in &mut nodes {
        node.wait_for("up", Duration::from_secs(20))?;
        report.tunnels_up += 1;
    }

    narrator.tell("demo-external", &[]);
    let phone = bring_up_the_phone(&headquarters, &stage.phone)?;
    report.externals += 1;
    report.tunnels_up += 1;

    narrator.tell("demo-guests", &[]);
    let mut guests = Vec::new();
    for (host, room) in stage.guests.iter().zip(ROOMS) {
        guests.push(Guest::settle(host, "eth0", &headquarters.lan(room)?, 5)?);
    }

    narrator.tell("demo-ping", &[]);
    let mut others = guests.clone();
    others.push(Guest { host: stage.phone.clone(), addresses: phone });
    report.ping_ok = everybody_pings(&headquarters, &nodes, &others, false)?;
    report.ping6_ok = everybody_pings(&headquarters, &nodes, &others, true)?;

    narrator.tell("demo-transfer", &[]);
    carry(&headquarters, &nodes, &guests, report)?;

    narrator.tell("demo-isolation", &[]);
    report.isolation_ok = isolated(&nodes, &guests)?;

    if let Some((_, pc)) = nodes.iter().find(|(player, _)| player.kind == "endpoint") {
        let desk = Desk::open(&program, &pc.host)?;
        narrator.tell("demo-handover", &[]);
        report.handover = desk.work(&headquarters)?;
        narrator.tell("demo-wipe", &[]);
        report.wipe = desk.end_the_day()?;
        narrator.tell("demo-audit", &[]);
        report.audit = audit::audit(&program, &pc.host, narrator)?;
    }

    let packets = capture.stop()?;
    // Headquarters' ports at any other address are anything else.
    report.underlay = Underlay::judge(&packets, &Ports::of(&HEADQUARTERS));
    narrator.tell("demo-underlay", &[("count", &packets.len()), ("other", &report.underlay.other.len())]);
    Ok(Troupe { headquarters, nodes, _others: others })
}

fn open_headquarters(stage: &Stage, program: &Program) -> Result<Headquarters> {
    let init = ["--company", COMPANIES[0], "--endpoint", ENDPOINTS];
    let headquarters = Headquarters::open(&stage.headquarters, program, &init, &[])?;
    headquarters.admin(&["company", "add", COMPANIES[1]])?;
    for (room, company) in ROOMS.iter().zip(COMPANIES) {
        headquarters.admin(&["room", "add", room, "--company", company])?;
    }
    Ok(headquarters)
}

/// Headquarters makes the phone's configuration; wireguard-go, which is not ours, runs it. Its tunnel addresses.
fn bring_up_the_phone(headquarters: &Headquarters, phone: &Host) -> Result<Vec<IpAddr>> {
    let path = phone.directory().join("phone.conf");
    let path = path.to_string_lossy();
    headquarters.admin(&[
        "node",
        "add",
        ROOMS[0],
        "--kind",
        "external",
        "--name",
        "phone",
        "--wg-quick",
        &path,
    ])?;
    let mut wg_quick = phone.command("wg-quick");
    wg_quick.args(["up", &path]).env("WG_QUICK_USERSPACE_IMPLEMENTATION", "wireguard-go");
    hanare_lab::run(&mut wg_quick, "", Duration::from_secs(20))?.must()?;
    let text = std::fs::read_to_string(&*path).unwrap_or_default();
    let addresses = text.lines().filter_map(|line| line.strip_prefix("Address")).flat_map(|line| {
        line.trim_start_matches([' ', '='])
            .split(',')
            .filter_map(|part| part.trim().split('/').next()?.parse().ok())
    });
    let addresses: Vec<IpAddr> = addresses.collect();
    // The first ping makes the first handshake.
    until("the phone's first handshake", Duration::from_secs(10), || {
        headquarters.addresses.first().is_some_and(|ip| phone.pings(*ip, 1).unwrap_or(false))
    })?;
    Ok(addresses)
}

/// Everybody pings headquarters, and headquarters everybody.
fn everybody_pings(
    headquarters: &Headquarters,
    nodes: &[(Player, Node)],
    others: &[Guest],
    ipv6: bool,
) -> Result<bool> {
    let hq = headquarters.socket(ipv6, 0)?.ip();
    let mut all = true;
    for (_, node) in nodes {
        all &= node.host.pings(hq, 2)?;
        all &= headquarters.host.pings(node.socket(ipv6, 0)?.ip(), 2)?;
    }
    for other in others {
        all &= other.host.pings(hq, 2)?;
        all &= headquarters.host.pings(other.address(ipv6)?, 2)?;
    }
    Ok(all)
}

/// One PC of each company, and the machine behind each gateway, sends to headquarters and is sent to, over both families;
/// the receiver's digest is compared.
fn carry(
    headquarters: &Headquarters,
    nodes: &[(Player, Node)],
    guests: &[Guest],
    report: &mut Report,
) -> Result<()> {
    report.digest_ok = true;
    let pcs = [nodes.get(1), nodes.get(4)].into_iter().flatten();
    let pcs = pcs.map(|(_, node)| Guest { host: node.host.clone(), addresses: node.addresses.clone() });
    for (number, machine) in (1u64..).zip(pcs.chain(guests.iter().cloned())) {
        for ipv6 in [false, true] {
            let seed = number * 2 + u64::from(ipv6);
            let (to_hq, same) =
                one_way(&machine.host, &headquarters.host, headquarters.socket(ipv6, 9000)?, seed)?;
            report.bytes_to_hq += to_hq;
            report.digest_ok &= same;
            let there = SocketAddr::new(machine.address(ipv6)?, 9000);
            let (to_room, same) = one_way(&headquarters.host, &machine.host, there, !seed)?;
            report.bytes_to_room += to_room;
            report.digest_ok &= same;
        }
    }
    Ok(())
}

fn one_way(from: &Host, to: &Host, address: SocketAddr, seed: u64) -> Result<(u64, bool)> {
    let incoming = receive_once(to, address)?;
    let sent = send(from, address, LOAD, seed)?;
    let died = |_| hanare_lab::Error::System {
        what: "the receiving thread".into(),
        source: std::io::ErrorKind::Other.into(),
    };
    let arrived = incoming.join().map_err(died)???;
    Ok((arrived.bytes, sent.same_as(&arrived)))
}

/// Nobody of company A reaches company B's PC, which answers its own room all the while.
fn isolated(nodes: &[(Player, Node)], guests: &[Guest]) -> Result<bool> {
    let Some((_, target)) = nodes.last() else { return Ok(false) };
    let mut isolated = true;
    for ipv6 in [false, true] {
        let address = target.socket(ipv6, 9001)?;
        let listener = target.host.within(move || std::net::TcpListener::bind(address))?;
        let listening = listener.is_ok();
        let others = nodes.iter().filter(|(_, node)| node.host.name() != target.host.name());
        let others = others.map(|(player, node)| (player.company, &node.host));
        for (company, host) in others.chain((0..).zip(guests.iter().map(|guest| &guest.host))) {
            let pinged = host.pings(address.ip(), 1)?;
            let connected = host.connects(address)?;
            let own_room = company == 1;
            isolated &= listening && pinged == own_room && connected == own_room;
        }
    }
    Ok(isolated)
}

impl Troupe {
    /// The names of those whose `hanare` can be asked.
    pub(crate) fn names(&self) -> Vec<String> {
        let nodes = self.nodes.iter().map(|(player, _)| player.name.to_owned());
        std::iter::once(self.headquarters.host.name().to_owned()).chain(nodes).collect()
    }
}
