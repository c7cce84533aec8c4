//! The room's printer: what policy names is reached past the tunnel, by who stands beside it, and nothing else is.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Capture, Captured, Host, Kind, Ports, Result, inside};

const LIMIT: Duration = Duration::from_mins(3);
/// How long a node that listens may take to follow.
const FOLLOWS: Duration = Duration::from_secs(5);
const PRINTER: [&str; 2] = ["192.0.2.77", "2001:db8::77"];
/// A neighbour of the printer, which nobody named.
const NEIGHBOUR: [&str; 2] = ["192.0.2.78", "2001:db8::78"];

const POLICY: &str = "version = 1

[[device]]
room = \"room:kofu/306\"
at = [\"192.0.2.77\", \"2001:db8::77\"]
protocol = \"tcp\"
ports = [9100, 9101]
reason = \"printer\"

[[device]]
room = \"room:kofu/306\"
at = [\"192.0.2.77\", \"2001:db8::77\"]
protocol = \"udp\"
ports = [161]
reason = \"its toner\"
";

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// A socket on an address that others may have too.
fn shared(address: SocketAddr, kind: socket2::Type) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

/// A machine that listens on the printer's ports and on others, and answers questions.
fn printer(deployment: &Deployment<'_>, name: &str, addresses: [&'static str; 2]) -> Result<Host> {
    let host = deployment.lab.host(name)?;
    let (v4, v6) = (format!("{}/24", addresses[0]), format!("{}/64", addresses[1]));
    deployment.lab.plug(&host, &deployment.segment, "eth0", &[&v4, &v6])?;
    host.within(move || {
        for address in addresses {
            for port in [9100, 80] {
                let listener = TcpListener::bind(at(address, port)).unwrap();
                std::thread::spawn(move || listener.incoming().for_each(drop));
            }
            let socket = shared(at(address, 161), socket2::Type::DGRAM);
            let socket = UdpSocket::from(socket);
            std::thread::spawn(move || {
                let mut question = [0; 64];
                while let Ok((length, from)) = socket.recv_from(&mut question) {
                    let _gone = socket.send_to(&question[..length], from);
                }
            });
        }
    })?;
    Ok(host)
}

/// Whether a question by UDP is answered.
fn asks(host: &Host, to: SocketAddr) -> Result<bool> {
    host.within(move || {
        let anywhere: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let socket = UdpSocket::bind((anywhere, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
        socket.send_to(b"toner?", to).is_ok() && socket.recv(&mut [0; 64]).is_ok()
    })
}

/// What `from` reaches of a machine: its printer's port, its questions, another port, ping.
fn reaches(from: &Host, addresses: [&str; 2]) -> Result<Vec<[bool; 4]>> {
    let mut all = Vec::new();
    for address in addresses {
        all.push([
            from.connects(at(address, 9100))?,
            asks(from, at(address, 161))?,
            from.connects(at(address, 80))?,
            from.pings(address.parse().unwrap(), 1)?,
        ]);
    }
    Ok(all)
}

fn apply(deployment: &Deployment<'_>, policy: &str) -> Result<()> {
    let file = deployment.hq.host.directory().join("policy.toml");
    std::fs::write(&file, policy).unwrap();
    deployment.hq.admin(&["policy", "apply", &file.to_string_lossy()]).map(drop)
}

fn until_printing(place: &Place, prints: bool) -> Result<()> {
    hanare_lab::until("the node's kill switch", FOLLOWS, || {
        place.host.connects(at(PRINTER[0], 9100)).is_ok_and(|reached| reached == prints)
    })
    .map(drop)
}

#[test]
fn a_machine_whose_own_firewall_knows_connections_keeps_its_tunnel_when_a_printer_is_named() {
    inside(
        "devices::a_machine_whose_own_firewall_knows_connections_keeps_its_tunnel_when_a_printer_is_named",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let mut pc = deployment.place("pc")?;
            let _printer = printer(&deployment, "printer", PRINTER)?;
            let rules = "table inet own { chain input { type filter hook input priority 10; policy drop; \
                         ct state established,related accept; \
                         icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n}\n}\n";
            pc.host.run("nft", ["-f", "-"], rules, Duration::from_secs(5))?.must()?;
            pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
            pc.node.up(&[])?;
            let hq = deployment.hq.socket(false, 0)?.ip();
            assert!(pc.host.pings(hq, 2)?, "before");
            apply(&deployment, POLICY)?;
            until_printing(&pc, true)?;
            assert!(pc.host.pings(hq, 3)?, "the tunnel's datagrams are established ones");
            Ok(())
        },
    );
}

#[test]
fn a_named_printer_is_reached_and_nothing_beside_it() {
    inside("devices::a_named_printer_is_reached_and_nothing_beside_it", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let other = deployment.node("other", "gujo/101", "endpoint")?;
        let printer = printer(&deployment, "printer", PRINTER)?;
        let _neighbour = self::printer(&deployment, "neighbour", NEIGHBOUR)?;
        assert_eq!(reaches(&pc.host, PRINTER)?, [[false; 4]; 2], "closed unless a policy says otherwise");

        apply(&deployment, POLICY)?;
        until_printing(&pc, true)?;
        assert_eq!(
            reaches(&pc.host, PRINTER)?,
            [[true, true, false, false]; 2],
            "what is named, in both families"
        );
        assert_eq!(reaches(&pc.host, NEIGHBOUR)?, [[false; 4]; 2], "not its neighbour");
        assert_eq!(reaches(&other.host, PRINTER)?, [[false; 4]; 2], "not from another room");
        assert!(pc.host.pings(deployment.hq.socket(false, 0)?.ip(), 2)?, "the tunnel goes on");
        let ledger = deployment.hq.admin(&["ledger", "list"])?.stdout;
        assert!(ledger.contains("policy.applied"), "{ledger}");

        // The printer starts nothing: neither by its own port nor otherwise.
        for (ipv6, mine) in [(false, "192.0.2.10"), (true, "2001:db8::10")] {
            let (tcp, udp) = (at(mine, 7001), at(mine, 7002));
            let listener = pc.host.within(move || TcpListener::bind(tcp).unwrap())?;
            let socket = pc.host.within(move || UdpSocket::bind(udp).unwrap())?;
            socket.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
            assert!(!printer.connects(tcp)?, "IPv6 {ipv6}");
            // By ports that are named for its answers.
            let (tcp_port, udp_port) =
                (at(PRINTER[usize::from(ipv6)], 9101), at(PRINTER[usize::from(ipv6)], 161));
            let connected = printer.within(move || {
                let asked = UdpSocket::from(shared(udp_port, socket2::Type::DGRAM)).send_to(b"unasked", udp);
                let socket = shared(tcp_port, socket2::Type::STREAM);
                asked.is_ok() && socket.connect_timeout(&tcp.into(), Duration::from_millis(700)).is_ok()
            })?;
            assert!(!connected, "from a named port, IPv6 {ipv6}");
            assert!(socket.recv(&mut [0; 64]).is_err(), "unasked, IPv6 {ipv6}");
            drop(listener);
        }

        // Only what was named leaves, and it leaves by its name.
        let capture = Capture::leaving(&pc.link)?;
        reaches(&pc.host, PRINTER)?;
        reaches(&pc.host, NEIGHBOUR)?;
        let tally = Captured::tally(&capture.stop()?, &Ports::default());
        let strangers: Vec<_> = tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_))).collect();
        println!("measured: devices | {strangers:?}");
        assert!(
            strangers.iter().all(|(kind, _)| {
                let kind = kind.to_string();
                kind.contains("77 port") && (kind.ends_with("-> 9100") || kind.ends_with("-> 161"))
            }),
            "{strangers:?}"
        );

        // It outlives `down` as the rest of the kill switch does, and ends with the policy.
        deployment.program.attempt(&pc.host, &["down"], "")?;
        assert_eq!(reaches(&pc.host, NEIGHBOUR)?, [[false; 4]; 2]);
        assert_eq!(reaches(&pc.host, PRINTER)?, [[true, true, false, false]; 2]);
        pc.node.up(&[])?;
        apply(&deployment, "version = 1\n")?;
        until_printing(&pc, false)?;
        assert_eq!(reaches(&pc.host, PRINTER)?, [[false; 4]; 2]);
        Ok(())
    });
}

#[test]
fn a_printer_is_not_asked_through_somebody_elses_router() {
    inside("devices::a_printer_is_not_asked_through_somebody_elses_router", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let _printer = printer(&deployment, "printer", PRINTER)?;
        apply(&deployment, POLICY)?;
        until_printing(&pc, true)?;
        // Another DHCP server's word: the printer's address is behind a router of its own. The router is the printer itself here,
        // so that the packets would arrive.
        let next = printer_by_another_name(&deployment)?;
        for (device, via, mask) in [(PRINTER[0], next[0], 32), (PRINTER[1], next[1], 128)] {
            pc.host.sh(&format!("ip route add {device}/{mask} via {via} dev eth0"))?;
            assert!(pc.host.sh(&format!("ip route get {device}"))?.stdout.contains("via"));
        }
        assert_eq!(reaches(&pc.host, PRINTER)?, [[false; 4]; 2], "not by way of a router");
        for device in PRINTER {
            pc.host.sh(&format!("ip route del {device}"))?;
        }
        until_printing(&pc, true)?;

        // Another network altogether, with the daemon killed: the tables that stay let nothing out to that address.
        let mut pc = pc;
        if let Some(daemon) = &mut pc.node.daemon {
            daemon.kill()?;
        }
        pc.host.sh("ip address flush dev eth0 scope global")?;
        pc.host.sh("ip address add 198.51.100.5/24 dev eth0")?;
        pc.host.sh("ip route add default via 198.51.100.1 dev eth0 onlink")?;
        pc.host.sh("ip neigh add 198.51.100.1 lladdr 02:00:00:00:00:99 dev eth0")?;
        let capture = Capture::leaving(&pc.link)?;
        assert!(!pc.host.connects(at(PRINTER[0], 9100))?);
        let tally = Captured::tally(&capture.stop()?, &Ports::default());
        assert!(!tally.keys().any(|kind| matches!(kind, Kind::Other(_))), "{tally:?}");
        Ok(())
    });
}

/// A second pair of addresses on the printer's machine, to route by.
fn printer_by_another_name(deployment: &Deployment<'_>) -> Result<[&'static str; 2]> {
    let router = deployment.lab.host("router")?;
    deployment.lab.plug(&router, &deployment.segment, "eth0", &["192.0.2.99/24", "2001:db8::99/64"])?;
    router.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0")?;
    Ok(["192.0.2.99", "2001:db8::99"])
}
