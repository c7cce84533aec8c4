//! What lies behind headquarters: its own networks as policy says, the internet through it or not at all.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hanare_e2e::behind::{self, NETWORKS, SERVER, WEB};
use hanare_e2e::{Deployment, Room, carry};
use hanare_lab::{Capture, Captured, Host, Result, inside};

const LIMIT: Duration = Duration::from_mins(3);
const LOAD: u64 = 5_000_000;
/// A program that is told no need not wait; one whose packets vanish waits for minutes. On its own machine it hears at once;
/// from another one, without any cable between, the word comes while its socket is still busy, and again a second later.
const AT_ONCE: Duration = Duration::from_millis(900);
const SOON: Duration = Duration::from_millis(2500);

fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), port)
}

/// Asserts that a connection is refused, and how soon.
#[track_caller]
fn assert_refused(from: &Host, to: SocketAddr, limit: Duration) {
    let (refused, took) = from
        .within(move || {
            let start = Instant::now();
            (TcpStream::connect_timeout(&to, Duration::from_secs(5)).is_err(), start.elapsed())
        })
        .unwrap();
    assert!(refused, "{} reaches {to}", from.name());
    assert!(took < limit, "{} is kept waiting for {to}: {took:?}", from.name());
}

fn sources(packets: &[Captured]) -> Vec<IpAddr> {
    let ipv4 = packets.iter().filter(|packet| packet.ethertype == 0x0800);
    let source = |packet: &Captured| Some(IpAddr::from(*packet.bytes.get(12..)?.first_chunk::<4>()?));
    let mut found: Vec<IpAddr> = ipv4.filter_map(source).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a datagram from that port of `from` is answered by `server`.
fn echoed(from: &Host, server: &Host, port: u16) -> Result<bool> {
    let (to, patience) = (at(WEB[0], 9001), Duration::from_secs(3));
    let answering = server.within(move || {
        let socket = UdpSocket::bind(to).unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        std::thread::spawn(move || {
            let mut byte = [0];
            if let Ok((_, asker)) = socket.recv_from(&mut byte) {
                socket.send_to(&byte, asker).unwrap();
            }
        })
    })?;
    let answered = from.within(move || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        socket.set_read_timeout(Some(patience)).unwrap();
        socket.send_to(b"?", to).unwrap();
        socket.recv(&mut [0]).is_ok()
    })?;
    answering.join().unwrap();
    Ok(answered)
}

fn apply(deployment: &Deployment<'_>, policy: &str) -> Result<()> {
    let file = deployment.hq.host.directory().join("policy.toml");
    std::fs::write(&file, policy).unwrap();
    deployment.hq.admin(&["policy", "apply", &file.to_string_lossy()])?;
    // The command returns when the policy is safe on disk; the firewall follows within moments.
    std::thread::sleep(Duration::from_millis(500));
    Ok(())
}

const CLOSED: &str = "version = 1\n[defaults]\nnetworks = \"closed\"\n";
const HELP_DESK: &str = "version = 1\n[defaults]\nnetworks = \"closed\"\n[[allow]]\nfrom = \"network:192.168.10.5\"\n\
                         to = \"rooms\"\nprotocol = \"tcp\"\nports = [22]\nreason = \"test\"\n";

#[test]
fn headquarters_networks_are_reached_as_policy_says() {
    inside("networks::headquarters_networks_are_reached_as_policy_says", LIMIT, |lab| {
        let mut deployment = Deployment::open_with(lab, &NETWORKS)?;
        let server = behind::server(&deployment)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let seen = Capture::on(&server, "eth0")?;
        for text in SERVER {
            assert!(pc.host.pings(text.parse().unwrap(), 2)?, "{text}");
            carry(&pc.host, &server, at(text, 9000), LOAD)?;
        }
        let from = sources(&seen.stop()?);
        let own = pc.node.socket(false, 0)?.ip();
        assert!(from.contains(&own), "a room is known by its own address, not by headquarters': {from:?}");

        // An open connection ends with the policy that allowed it.
        let there = at(SERVER[0], 9001);
        let listener = server.within(move || std::net::TcpListener::bind(there))?.unwrap();
        let open = pc.host.within(move || TcpStream::connect_timeout(&there, AT_ONCE))?.unwrap();
        let accepted = listener.accept().unwrap().0;
        apply(&deployment, CLOSED)?;
        for text in SERVER {
            assert!(!pc.host.pings(text.parse().unwrap(), 1)?, "{text}");
            assert_refused(&pc.host, at(text, 9001), SOON);
        }
        (&open).write_all(b"after the end").unwrap();
        accepted.set_read_timeout(Some(AT_ONCE)).unwrap();
        assert!((&accepted).read(&mut [0; 16]).is_err(), "nothing of it arrives any more");

        // The other direction is open where a rule says so, for what it says.
        let room = pc.node.socket(false, 22)?;
        let listener = pc.host.within(move || std::net::TcpListener::bind(room))?.unwrap();
        assert_refused(&server, room, SOON);
        apply(&deployment, HELP_DESK)?;
        assert!(server.connects(room)?, "the help desk's way into the room");
        drop(listener);
        assert_refused(&pc.host, there, SOON);
        apply(&deployment, "version = 1\n")?;
        carry(&pc.host, &server, at(SERVER[1], 9000), LOAD)
    });
}

#[test]
fn the_internet_is_reached_through_headquarters() {
    inside("networks::the_internet_is_reached_through_headquarters", LIMIT, |lab| {
        let arguments = [&NETWORKS[..], &["--internet", "via-hq"]].concat();
        let mut deployment = Deployment::open_with(lab, &arguments)?;
        let (server, web) = (behind::server(&deployment)?, behind::web(&deployment)?);
        let room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let guest = room.machine(&deployment, "guest", 5)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let seen = Capture::on(&web, "eth0")?;
        for host in [&pc.host, &guest.host] {
            assert!(host.pings(WEB[0].parse().unwrap(), 2)?, "{}", host.name());
            carry(host, &web, at(WEB[0], 9000), LOAD)?;
            // No NAT66: IPv6 has no way, and says so.
            assert_refused(host, at(WEB[1], 9000), SOON);
            for text in SERVER {
                carry(host, &server, at(text, 9000), 100_000)?;
            }
        }
        let from = sources(&seen.stop()?);
        let expected: [IpAddr; 2] = ["203.0.113.1".parse().unwrap(), WEB[0].parse().unwrap()];
        assert_eq!(from, expected, "the internet sees headquarters' own address alone");
        // A machine's own WireGuard has the port that headquarters' tunnel has, too.
        for port in [51_820, 51_821] {
            assert!(echoed(&guest.host, &web, port)?, "from port {port}");
        }
        // What is not the internet stays closed: the building's own network, beside the tunnel.
        apply(&deployment, "version = 1\n[defaults]\ninternet = \"closed\"\n")?;
        for host in [&pc.host, &guest.host] {
            assert_refused(host, at(WEB[0], 9000), SOON);
            carry(host, &server, at(SERVER[0], 9000), 100_000)?;
        }
        Ok(())
    });
}

#[test]
fn without_the_internet_a_program_is_told_so_at_once() {
    inside("networks::without_the_internet_a_program_is_told_so_at_once", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let guest = room.machine(&deployment, "guest", 5)?;
        let pc = deployment.place("pc")?;
        pc.host.sh("ip route add default via 192.0.2.1")?;
        pc.host.sh("ip -6 route add default via 2001:db8::1")?;
        let mut pc = pc;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        pc.node.up(&[])?;
        for text in WEB {
            assert_refused(&pc.host, at(text, 80), AT_ONCE);
            assert_refused(&guest.host, at(text, 80), SOON);
            assert_refused(&room.gateway.host, at(text, 80), AT_ONCE);
        }
        // Nor where nobody is: headquarters says so, to its own programs and to a room's.
        for ipv6 in [false, true] {
            let mut nobody = pc.node.socket(ipv6, 80)?;
            nobody.set_ip(match nobody.ip() {
                IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) + 70).into(),
                IpAddr::V6(ip) => std::net::Ipv6Addr::from(u128::from(ip) + 70).into(),
            });
            assert_refused(&deployment.hq.host, nobody, SOON);
            assert_refused(&pc.host, nobody, SOON);
        }
        Ok(())
    });
}
