//! The leak table: what leaves a machine by other ways than the tunnel, in every state of the kill switch.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hanare_e2e::{Deployment, Place, without_the_guard};
use hanare_lab::{Capture, Captured, Host, Kind, Lab, Ports, Result, inside};

const LIMIT: Duration = Duration::from_mins(6);
/// A host on the underlay that would love to hear something.
const STRANGER: [&str; 2] = ["192.0.2.200", "2001:db8::200"];

const PRINTER: &str = "version = 1

[[device]]
room = \"rooms\"
at = [\"192.0.2.210\", \"2001:db8::210\"]
protocol = \"tcp\"
ports = [8080]
reason = \"printer\"

[[device]]
room = \"rooms\"
at = [\"192.0.2.210\", \"2001:db8::210\"]
protocol = \"udp\"
ports = [53, 9999]
reason = \"its other ports\"
";

/// A way to make a packet leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Tcp,
    Udp,
    Icmp,
    Dns,
    RawFrame,
    Forwarded,
}

const WAYS: [Way; 6] = [Way::Tcp, Way::Udp, Way::Icmp, Way::Dns, Way::RawFrame, Way::Forwarded];

struct Scene<'a> {
    deployment: Deployment<'a>,
    pc: Place,
    /// A machine behind the node, which tries to get out through it.
    behind: Host,
    stranger: Host,
}

fn scene(lab: &Lab) -> Result<Scene<'_>> {
    let mut deployment = Deployment::open(lab)?;
    let pc = deployment.place("pc")?;
    let behind = lab.host("behind")?;
    lab.cable(
        (&pc.host, "eth1", &["192.168.7.1/24", "fd77::1/64"]),
        (&behind, "eth0", &["192.168.7.2/24", "fd77::2/64"]),
    )?;
    behind.sh("ip route add default via 192.168.7.1")?;
    behind.sh("ip -6 route add default via fd77::1")?;
    pc.host.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
    // The underlay's router is headquarters' host here: a default route that the tunnel has to take over.
    pc.host.sh("ip route add default via 192.0.2.1")?;
    pc.host.sh("ip -6 route add default via 2001:db8::1")?;
    let stranger = lab.host("stranger")?;
    lab.plug(&stranger, &deployment.segment, "eth0", &["192.0.2.200/24", "2001:db8::200/64"])?;
    // Resolved beforehand, so that a dropped neighbour solicitation does not hide a leak.
    for address in STRANGER {
        pc.host.pings(address.parse().unwrap(), 1)?;
    }
    Ok(Scene { deployment, pc, behind, stranger })
}

/// Tries one way with several packets; whether the sender noticed is of no interest.
fn attempt(scene: &Scene<'_>, way: Way, ipv6: bool, bound: bool) -> Result<()> {
    let target: IpAddr = STRANGER[usize::from(ipv6)].parse().unwrap();
    let device = bound.then_some("eth0");
    let host = if way == Way::Forwarded { &scene.behind } else { &scene.pc.host };
    match way {
        // Also by the ports that are open towards headquarters, or during an unlock, where somebody else listens on them.
        Way::Tcp => host
            .within(move || [8080, 51821, 80, 443].map(|port| tcp(SocketAddr::new(target, port), device)))
            .map(drop),
        Way::Udp | Way::Forwarded => host.within(move || {
            udp(SocketAddr::new(target, 9999), b"a secret", device);
            udp(SocketAddr::new(target, 51820), &initiation(), device);
        }),
        Way::Dns => host.within(move || {
            udp(SocketAddr::new(target, 53), b"a secret", device);
            tcp(SocketAddr::new(target, 53), device);
        }),
        Way::Icmp => {
            let bind = if bound { "-I eth0 " } else { "" };
            host.attempt(&format!("ping -n -q -c 2 -i 0.2 -W 1 {bind}{target}")).map(drop)
        }
        Way::RawFrame => raw_frame(scene, ipv6),
    }
}

fn tcp(target: SocketAddr, device: Option<&'static str>) {
    let domain = socket2::Domain::for_address(target);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes())).unwrap();
    }
    let _refused = socket.connect_timeout(&target.into(), Duration::from_millis(300));
    drop(TcpStream::from(socket));
}

/// What looks like `WireGuard`.
pub(crate) fn initiation() -> [u8; 148] {
    let mut message = [7; 148];
    message[..4].copy_from_slice(&[1, 0, 0, 0]);
    message
}

fn udp(target: SocketAddr, payload: &[u8], device: Option<&'static str>) {
    let domain = socket2::Domain::for_address(target);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None).unwrap();
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes())).unwrap();
    }
    let socket = UdpSocket::from(socket);
    for _ in 0..3 {
        let _refused = socket.send_to(payload, target);
    }
}

/// A whole Ethernet frame through an `AF_PACKET` socket, which no output chain sees.
fn raw_frame(scene: &Scene<'_>, ipv6: bool) -> Result<()> {
    let mac = |host: &Host| -> Result<Vec<u8>> {
        let text = host.sh("cat /sys/class/net/eth0/address")?.stdout;
        Ok(text.trim().split(':').map(|part| u8::from_str_radix(part, 16).unwrap()).collect())
    };
    let mut frame = mac(&scene.stranger)?;
    frame.extend(mac(&scene.pc.host)?);
    if ipv6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 17, 64]);
        frame.extend("2001:db8::10".parse::<std::net::Ipv6Addr>().unwrap().octets());
        frame.extend("2001:db8::200".parse::<std::net::Ipv6Addr>().unwrap().octets());
    } else {
        frame.extend([0x08, 0, 0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 10, 192, 0, 2, 200]);
    }
    frame.extend([0x9c, 0x40, 0x27, 0x0f, 0, 16, 0, 0]);
    frame.extend(b"a secret");
    let path = scene.pc.host.directory().join("frame");
    std::fs::write(&path, frame).unwrap();
    for _ in 0..3 {
        scene.pc.host.attempt(&format!("socat -u OPEN:{} INTERFACE:eth0", path.display()))?;
    }
    Ok(())
}

/// Tries every way and returns how many packets of other than the allowed kinds left the machine by each.
fn leaks(scene: &Scene<'_>, state: &str) -> Result<Vec<(String, usize)>> {
    let mut table = Vec::new();
    for way in WAYS {
        for ipv6 in [false, true] {
            for bound in [false, true] {
                // A raw frame is always bound; a forwarded packet goes where the routes say.
                if bound && matches!(way, Way::RawFrame | Way::Forwarded) {
                    continue;
                }
                let capture = Capture::leaving(&scene.pc.link)?;
                attempt(scene, way, ipv6, bound)?;
                let hq = ["192.0.2.1", "2001:db8::1"].map(|address| address.parse().unwrap());
                let tally = Captured::tally(&capture.stop()?, &Ports::of(&hq));
                let strangers = tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_)));
                let count = strangers.map(|(_, count)| count).sum();
                let family = if ipv6 { 6 } else { 4 };
                let how = if bound { "bound to the device" } else { "routed" };
                println!("measured: leaks | {state} | {way:?} | IPv{family} | {how} | {count}");
                table.push((format!("{way:?} IPv{family} {how}"), count));
            }
        }
    }
    Ok(table)
}

/// In the state that the machine is in nothing leaks, and everything does once the guard is taken away from that very state:
/// routes alone keep nothing in, as the stranger stands on the machine's own network, whose route comes before the tunnel's.
fn judge(scene: &Scene<'_>, state: &str) -> Result<()> {
    assert_none(state, &leaks(scene, state)?);
    let without = format!("{state}, without the guard");
    let (program, daemon) = (&scene.deployment.program, scene.pc.node.daemon.as_ref());
    let table = without_the_guard(program, &scene.pc.host, daemon, || leaks(scene, &without))?;
    assert_all(&without, &table);
    Ok(())
}

/// Whether something with our own address tries to leave by `device`, which is new.
fn leaves_by(host: &Host, device: &str) -> Result<bool> {
    let sent = format!("cat /sys/class/net/{device}/statistics/tx_packets");
    let before = host.sh(&sent)?.stdout;
    host.attempt(&format!("ping -n -q -c 2 -i 0.2 -W 1 -I {device} 198.51.100.9"))?;
    Ok(host.sh(&sent)?.stdout != before)
}

#[test]
fn it_is_closed_after_a_reboot_before_the_network_comes_up() {
    inside("kill_switch::it_is_closed_after_a_reboot_before_the_network_comes_up", LIMIT, |lab| {
        let mut scene = scene(lab)?;
        scene.pc.node.enrol(&scene.deployment.hq, "kofu/306", "endpoint")?;
        let host = scene.pc.host.clone();
        let program = scene.deployment.program.clone();
        program.run(&host, &["guard"])?;
        assert!(
            host.pings(STRANGER[0].parse().unwrap(), 1)?,
            "before the first `up` there is nothing to guard"
        );
        scene.pc.node.up(&[])?;

        // What a reboot leaves: the state directory.
        if let Some(daemon) = &mut scene.pc.node.daemon {
            daemon.kill()?;
        }
        host.sh("nft flush ruleset")?;
        assert_all("rebooted without the guard", &leaks(&scene, "rebooted without the guard")?);
        program.run(&host, &["guard"])?;
        assert_none("rebooted", &leaks(&scene, "rebooted")?);

        // A device that appears before anybody runs `up`, and udev's rule for it.
        host.sh("ip link add late0 type veth peer name late1")?;
        host.sh("ip link set late1 up")?;
        host.sh("ip address add 198.51.100.1/24 dev late0")?;
        host.sh("ip link set late0 up")?;
        program.run(&host, &["guard"])?;
        assert!(!leaves_by(&host, "late0")?, "a late device is guarded");
        program.run(&host, &["leave", "--yes"])?;
        program.run(&host, &["guard"])?;
        assert!(leaves_by(&host, "late0")?, "after `leave` there is nothing to guard");
        Ok(())
    });
}

/// Nothing left the machine in this state.
pub(crate) fn assert_none(state: &str, table: &[(String, usize)]) {
    let leaked: Vec<_> = table.iter().filter(|(_, count)| *count > 0).collect();
    assert!(!table.is_empty() && leaked.is_empty(), "{state}: {leaked:?}");
}

/// Every attempt left it, or it proves nothing that none does otherwise.
pub(crate) fn assert_all(state: &str, table: &[(String, usize)]) {
    let silent: Vec<_> = table.iter().filter(|(_, count)| *count == 0).collect();
    assert!(!table.is_empty() && silent.is_empty(), "{state}: otherwise it proves nothing: {silent:?}");
}

#[test]
fn nothing_leaks_in_any_state_and_everything_does_without_the_guard() {
    inside("kill_switch::nothing_leaks_in_any_state_and_everything_does_without_the_guard", LIMIT, |lab| {
        let mut scene = scene(lab)?;
        assert_all("never up", &leaks(&scene, "never up")?);

        scene.pc.node.enrol(&scene.deployment.hq, "kofu/306", "endpoint")?;
        scene.pc.node.up(&[])?;
        judge(&scene, "up")?;

        // A printer beside the stranger, by the very ports that are tried: nothing but the printer is reached by it.
        let policy = scene.deployment.hq.host.directory().join("policy.toml");
        std::fs::write(&policy, PRINTER).unwrap();
        scene.deployment.hq.admin(&["policy", "apply", &policy.to_string_lossy()])?;
        let followed = scene.pc.host.directory().join("state").join("kill_switch.json");
        hanare_lab::until("the printer in the kill switch", Duration::from_secs(5), || {
            std::fs::read_to_string(&followed).is_ok_and(|text| text.contains("192.0.2.210"))
        })?;
        assert_none("up, with a printer", &leaks(&scene, "up, with a printer")?);

        let host = scene.pc.host.clone();
        let program = scene.deployment.program.clone();
        for (how, state) in [("--all", "unlock of everything expired"), ("-v", "unlock expired")] {
            program.run(&host, &["unlock", "--reason", "test", "--for", "2s", how])?;
            std::thread::sleep(Duration::from_secs(3));
            judge(&scene, state)?;
        }

        scene.deployment.hq.host.sh("ip link set eth0 down")?;
        judge(&scene, "hq unreachable")?;

        if let Some(mut daemon) = scene.pc.node.daemon.take() {
            daemon.kill()?;
        }
        judge(&scene, "daemon killed")?;

        // Up again, headquarters included, or `down` has nothing to end.
        scene.deployment.hq.host.sh("ip link set eth0 up")?;
        scene.pc.node.up(&[])?;
        let down = program.run(&host, &["--json", "down"])?.json()?;
        assert_eq!(down["stopped"], true);
        if let Some(mut daemon) = scene.pc.node.daemon.take() {
            assert!(daemon.wait(Duration::from_secs(10))?.success());
        }
        assert!(!host.attempt("ip link show hn0")?.good());
        judge(&scene, "down")?;

        program.run(&host, &["leave", "--yes"])?;
        assert_all("leave opens the machine again", &leaks(&scene, "left")?);
        Ok(())
    });
}
