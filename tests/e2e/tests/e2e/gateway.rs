//! A room's gateway: machines without hanare on its LAN reach headquarters through it, and nobody else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hanare_e2e::behind::{self, NETWORKS, SERVER};
use hanare_e2e::{Deployment, Room, carry};
use hanare_lab::{Capture, Captured, Guest, Host, Kind, Result, inside};

const LIMIT: Duration = Duration::from_mins(4);
/// Bytes of each transfer.
const LOAD: u64 = 5_000_000;
fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), port)
}

/// Whether `from` reaches `to` by ping and by TCP, over one family.
fn reaches(from: &Host, to: &Host, address: SocketAddr) -> Result<(bool, bool)> {
    let listener = to.within(move || std::net::TcpListener::bind(address))?.unwrap();
    let reached = (from.pings(address.ip(), 2)?, from.connects(address)?);
    drop(listener);
    Ok(reached)
}

fn source(packet: &Captured) -> Option<IpAddr> {
    Some(match packet.bytes.first()? >> 4 {
        4 => Ipv4Addr::from(*packet.bytes.get(12..)?.first_chunk::<4>()?).into(),
        _ => Ipv6Addr::from(*packet.bytes.get(8..)?.first_chunk::<16>()?).into(),
    })
}

/// The MSS options of the SYNs that the PC sent, or that others sent to it.
fn segment_sizes(packets: &[Captured], pc: &Guest, from_it: bool) -> Vec<u16> {
    let of = |packet: &Captured| {
        let from = source(packet)?;
        if pc.addresses.contains(&from) != from_it {
            return None;
        }
        let bytes = &packet.bytes;
        let (header, protocol) = match bytes.first()? >> 4 {
            4 => (usize::from(bytes.first()? & 15) * 4, *bytes.get(9)?),
            _ => (40, *bytes.get(6)?),
        };
        let segment = bytes.get(header..)?;
        let syn = protocol == 6 && segment.get(13)? & 2 != 0;
        // Linux writes the MSS first.
        let option = segment.get(20..24).filter(|_| syn)?;
        (option[..2] == [2, 4]).then(|| u16::from_be_bytes([option[2], option[3]]))
    };
    packets.iter().filter_map(of).collect()
}

#[test]
fn a_pc_without_hanare_reaches_headquarters_and_its_networks_both_ways() {
    let name = "gateway::a_pc_without_hanare_reaches_headquarters_and_its_networks_both_ways";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open_with(lab, &NETWORKS)?;
        let server = behind::server(&deployment)?;
        let room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let pc = room.machine(&deployment, "pc", 5)?;
        let uplink = Capture::leaving(&room.gateway.link)?;
        let (at_hq, at_pc) = (Capture::on(&deployment.hq.host, "hnhq0")?, Capture::on(&pc.host, "eth0")?);
        for ipv6 in [false, true] {
            let family = usize::from(ipv6);
            let here = SocketAddr::new(pc.address(ipv6)?, 9000);
            let hq = deployment.hq.socket(ipv6, 9000)?;
            assert!(pc.host.pings(hq.ip(), 2)? && deployment.hq.host.pings(here.ip(), 2)?);
            carry(&pc.host, &deployment.hq.host, hq, LOAD)?;
            carry(&deployment.hq.host, &pc.host, here, LOAD)?;
            let there = at(SERVER[family], 9000);
            assert!(pc.host.pings(there.ip(), 2)?);
            carry(&pc.host, &server, there, LOAD)?;
        }
        // Headquarters' networks do not start anything towards a room unless policy says so.
        for ipv6 in [false, true] {
            let here = SocketAddr::new(pc.address(ipv6)?, 9000);
            assert_eq!(reaches(&server, &pc.host, here)?, (false, false), "the server starts nothing");
        }
        let out = segment_sizes(&at_hq.stop()?, &pc, true);
        let back = segment_sizes(&at_pc.stop()?, &pc, false);
        println!("measured: MSS from the PC, behind the tunnel: {out:?}; to the PC: {back:?}");
        for sizes in [out, back] {
            assert!(sizes.len() >= 6, "{sizes:?}");
            assert!(sizes.iter().all(|size| *size <= 1320), "1,360 less 40: {sizes:?}");
        }
        let tally = Captured::tally(&uplink.stop()?, &Deployment::ports());
        let strangers: Vec<_> = tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_))).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        Ok(())
    });
}

#[test]
fn the_lan_belongs_to_its_room_and_to_no_other() {
    inside("gateway::the_lan_belongs_to_its_room_and_to_no_other", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        deployment.hq.admin(&["room", "add", "kofu/307", "--company", "aoba"])?;
        let room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let pc = room.machine(&deployment, "pc", 5)?;
        let theirs = Room::open(&mut deployment, "gujo/101", "gw2")?;
        let other_pc = theirs.machine(&deployment, "pc2", 5)?;
        let mate = deployment.node("mate", "kofu/306", "endpoint")?;
        let neighbour = deployment.node("neighbour", "kofu/307", "endpoint")?;
        let stranger = deployment.node("stranger", "gujo/101", "endpoint")?;
        for ipv6 in [false, true] {
            let here = SocketAddr::new(pc.address(ipv6)?, 9001);
            assert_eq!(reaches(&mate.host, &pc.host, here)?, (true, true), "its own room");
            let place = mate.node.socket(ipv6, 9001)?;
            assert_eq!(reaches(&pc.host, &mate.host, place)?, (true, true), "its own room");
            for node in [&neighbour, &stranger] {
                let place = node.node.socket(ipv6, 9001)?;
                assert_eq!(reaches(&node.host, &pc.host, here)?, (false, false), "{}", node.host.name());
                assert_eq!(reaches(&pc.host, &node.host, place)?, (false, false), "{}", node.host.name());
            }
            let there = SocketAddr::new(other_pc.address(ipv6)?, 9001);
            assert_eq!(reaches(&pc.host, &other_pc.host, there)?, (false, false), "another company's LAN");
            assert_eq!(reaches(&other_pc.host, &pc.host, here)?, (false, false), "another company's LAN");
            forged_sources_stay_in_the_room(&deployment, &room, &pc, ipv6)?;
        }
        Ok(())
    });
}

/// A PC that takes a stranger's address is not carried: neither an address outside the room, nor another node's inside it.
fn forged_sources_stay_in_the_room(
    deployment: &Deployment<'_>,
    room: &Room,
    pc: &Guest,
    ipv6: bool,
) -> Result<()> {
    let capture = Capture::on(&room.gateway.host, "hn0")?;
    let hq = deployment.hq.socket(ipv6, 0)?.ip();
    let (forged, length) = if ipv6 { ("fd77::2", 128) } else { ("10.88.99.9", 32) };
    pc.host.sh(&format!("ip address add {forged}/{length} dev eth0"))?;
    pc.host.attempt(&format!("ping -n -q -c 3 -i 0.2 -W 1 -I {forged} {hq}"))?;
    pc.host.sh(&format!("ip address del {forged}/{length} dev eth0"))?;
    let from = Some(forged.parse().unwrap());
    assert_eq!(capture.stop()?.iter().filter(|packet| source(packet) == from).count(), 0, "carried {forged}");
    Ok(())
}

#[test]
fn an_endpoints_own_tunnel_goes_through_its_gateway() {
    inside("gateway::an_endpoints_own_tunnel_goes_through_its_gateway", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let pc = room.machine(&deployment, "pc", 5)?;
        let uplink = Capture::leaving(&room.gateway.link)?;
        let mut node = hanare_lab::Node::new(&pc.host, &deployment.program);
        node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        node.up(&[])?;
        for ipv6 in [false, true] {
            let (hq, own) = (deployment.hq.socket(ipv6, 9000)?, node.socket(ipv6, 9000)?);
            carry(&pc.host, &deployment.hq.host, hq, LOAD)?;
            carry(&deployment.hq.host, &pc.host, own, LOAD)?;
            // The endpoint's own kill switch closes the LAN: what is for the PC comes through the PC's tunnel or not at all.
            let on_lan = SocketAddr::new(pc.address(ipv6)?, 9002);
            assert_eq!(reaches(&deployment.hq.host, &pc.host, on_lan)?, (false, false));
        }
        let shown = deployment.hq.ask(&["node", "show", "pc"])?;
        assert!(shown["endpoint"].as_str().is_some_and(|at| at.starts_with("192.0.2.10:")), "{shown}");
        let tally = Captured::tally(&uplink.stop()?, &Deployment::ports());
        let strangers: Vec<_> = tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_))).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        assert!(tally.contains_key(&Kind::ApiTls), "the endpoint joined through the gateway: {tally:?}");
        Ok(())
    });
}
