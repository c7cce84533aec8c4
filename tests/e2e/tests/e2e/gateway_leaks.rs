//! The leak table of a gateway: what of the room's traffic leaves by its uplink, in every state of the kill switch.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hanare_e2e::{Deployment, Room, without_the_guard};
use hanare_lab::{Capture, Captured, Guest, Host, Kind, Ports, Result, inside};

use crate::kill_switch::{assert_all, assert_none, initiation};

const LIMIT: Duration = Duration::from_mins(8);
/// Who would love to hear something: a host on the underlay, and headquarters' own addresses, which are for the tunnel.
const STRANGER: [&str; 2] = ["192.0.2.200", "2001:db8::200"];
/// Where headquarters is reached from outside: towards nobody else are its ports anything but a leak.
const UNDERLAY: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
/// Addresses of the PC that are not of the room's LAN.
const STRAY: [&str; 2] = ["192.168.7.2", "fd77::2"];
const WAYS: [&str; 5] = ["TCP", "UDP", "ICMP", "DNS", "AF_PACKET"];

struct Scene<'a> {
    deployment: Deployment<'a>,
    room: Room,
    pc: Guest,
    stranger: Host,
}

impl Scene<'_> {
    /// One way with several packets, from the PC.
    fn attempt(&self, way: &str, source: IpAddr, target: IpAddr) -> Result<()> {
        match way {
            // Each also by the port that is open towards headquarters, where somebody else listens on it.
            "TCP" => self
                .pc
                .host
                .within(move || [8080, 51821].map(|port| tcp(source, SocketAddr::new(target, port))))
                .map(drop),
            "UDP" => self.pc.host.within(move || {
                udp(source, SocketAddr::new(target, 9999), b"a secret");
                udp(source, SocketAddr::new(target, 51820), &initiation());
            }),
            "DNS" => self.pc.host.within(move || udp(source, SocketAddr::new(target, 53), b"a secret")),
            "AF_PACKET" => self.raw_frame(source, target),
            _ => {
                let line = format!("ping -n -q -c 2 -i 0.2 -W 1 -I {source} {target}");
                self.pc.host.attempt(&line).map(drop)
            }
        }
    }

    /// A whole Ethernet frame of the room's out of the gateway's uplink, past every chain but the devices' own.
    fn raw_frame(&self, source: IpAddr, target: IpAddr) -> Result<()> {
        let gateway = &self.room.gateway.host;
        let mac = |host: &Host| -> Result<Vec<u8>> {
            let text = host.sh("cat /sys/class/net/eth0/address")?.stdout;
            Ok(text.trim().split(':').map(|part| u8::from_str_radix(part, 16).unwrap()).collect())
        };
        let mut frame = [mac(&self.stranger)?, mac(gateway)?].concat();
        match (source, target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                frame.extend([0x08, 0, 0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0]);
                frame.extend([source.octets(), target.octets()].concat());
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 17, 64]);
                frame.extend([source.octets(), target.octets()].concat());
            }
            (source, target) => panic!("{source} to {target}"),
        }
        frame.extend([0x9c, 0x40, 0x27, 0x0f, 0, 16, 0, 0]);
        frame.extend(b"a secret");
        let path = gateway.directory().join("frame");
        std::fs::write(&path, frame).unwrap();
        for _ in 0..3 {
            gateway.attempt(&format!("socat -u OPEN:{} INTERFACE:eth0", path.display()))?;
        }
        Ok(())
    }

    /// Tries everything; how many packets of other than the allowed kinds left by the uplink, each way.
    fn leaks(&self, state: &str) -> Result<Vec<(String, usize)>> {
        self.leaks_to(state, &["a stranger", "headquarters"])
    }

    fn leaks_to(&self, state: &str, targets: &[&str]) -> Result<Vec<(String, usize)>> {
        let mut table = Vec::new();
        for way in WAYS {
            for ipv6 in [false, true] {
                let family = usize::from(ipv6);
                let hq = self.deployment.hq.socket(ipv6, 0)?.ip();
                for (source, from) in
                    [(self.pc.address(ipv6)?, "the LAN"), (STRAY[family].parse().unwrap(), "another net")]
                {
                    for (target, to) in
                        [(STRANGER[family].parse().unwrap(), "a stranger"), (hq, "headquarters")]
                    {
                        if !targets.contains(&to) {
                            continue;
                        }
                        let capture = Capture::leaving(&self.room.gateway.link)?;
                        self.attempt(way, source, target)?;
                        let tally = Captured::tally(
                            &capture.stop()?,
                            &Ports::of(&UNDERLAY.map(|hq| hq.parse().unwrap())),
                        );
                        let others = tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_)));
                        let count: usize = others.map(|(_, count)| count).sum();
                        let row = format!("{way} | IPv{} | {from} to {to}", if ipv6 { 6 } else { 4 });
                        println!("measured: gateway leaks | {state} | {row} | {count}");
                        table.push((row, count));
                    }
                }
            }
        }
        Ok(table)
    }
}

fn tcp(source: IpAddr, target: SocketAddr) {
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(target), socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    let _refused = socket.connect_timeout(&target.into(), Duration::from_millis(200));
}

fn udp(source: IpAddr, target: SocketAddr, payload: &[u8]) {
    let socket = UdpSocket::bind(SocketAddr::new(source, 0)).unwrap();
    for _ in 0..3 {
        let _refused = socket.send_to(payload, target);
    }
}

/// In the state that the gateway is in nothing leaks, and once the guard is taken away from that very state everything does. What is
/// for headquarters' own addresses goes into the tunnel while there is one, by the routes, and can be no leak then.
fn judge(scene: &Scene<'_>, state: &str) -> Result<()> {
    assert_none(state, &scene.leaks(state)?);
    let without = format!("{state}, without the guard");
    let (program, node) = (&scene.deployment.program, &scene.room.gateway.node);
    let daemon = node.daemon.as_ref();
    let targets: &[&str] = if daemon.is_some() { &["a stranger"] } else { &["a stranger", "headquarters"] };
    let look = || scene.leaks_to(&without, targets);
    assert_all(&without, &without_the_guard(program, &node.host, daemon, look)?);
    Ok(())
}

/// A gateway that forwards by itself, with addresses of its own on the LAN: what `down` takes back is not what protects it.
fn scene(lab: &hanare_lab::Lab) -> Result<Scene<'_>> {
    let mut deployment = Deployment::open(lab)?;
    let room = Room::build(&mut deployment, "kofu/306", "gw")?;
    let gateway: &Host = &room.gateway.host;
    gateway.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
    for prefix in &room.prefixes {
        let first = prefix.hosts().find(|host| *host != prefix.network()).unwrap();
        let quick = if first.is_ipv6() { " nodad" } else { "" };
        gateway.sh(&format!("ip address add {first}/{} dev eth1{quick}", prefix.prefix_len()))?;
    }
    gateway.sh("ip address add 192.168.7.1/24 dev eth1")?;
    gateway.sh("ip address add fd77::1/64 dev eth1 nodad")?;
    let pc = room.machine(&deployment, "pc", 5)?;
    pc.host.sh("ip address add 192.168.7.2/24 dev eth0")?;
    pc.host.sh("ip address add fd77::2/64 dev eth0 nodad")?;
    let stranger = lab.host("stranger")?;
    lab.plug(&stranger, &deployment.segment, "eth0", &["192.0.2.200/24", "2001:db8::200/64"])?;
    // Resolved beforehand, so that a dropped neighbour solicitation does not hide a leak.
    for address in STRANGER {
        gateway.pings(address.parse().unwrap(), 1)?;
    }
    Ok(Scene { deployment, room, pc, stranger })
}

#[test]
fn nothing_of_the_room_leaves_by_the_uplink_in_any_state_and_everything_does_without_the_guard() {
    let name = "gateway_leaks::nothing_of_the_room_leaves_by_the_uplink_in_any_state_and_everything_does_without_the_guard";
    inside(name, LIMIT, |lab| {
        let mut scene = scene(lab)?;
        assert_all("never up", &scene.leaks("never up")?);

        scene.room.gateway.node.enrol(&scene.deployment.hq, "kofu/306", "gateway")?;
        scene.room.gateway.node.up(&["--lan", "eth1"])?;
        assert!(scene.pc.host.pings(scene.deployment.hq.socket(false, 0)?.ip(), 2)?);
        judge(&scene, "up")?;

        let host = scene.room.gateway.host.clone();
        let program = scene.deployment.program.clone();
        program.run(&host, &["unlock", "--reason", "test", "--for", "2s", "--all"])?;
        std::thread::sleep(Duration::from_secs(3));
        judge(&scene, "unlock expired")?;

        scene.deployment.hq_link.set_connected(false)?;
        judge(&scene, "hq unreachable")?;

        if let Some(mut daemon) = scene.room.gateway.node.daemon.take() {
            daemon.kill()?;
        }
        // Back again, or what is for headquarters' addresses finds no router to be sent to.
        scene.deployment.hq_link.set_connected(true)?;
        judge(&scene, "daemon killed")?;

        host.sh("nft flush ruleset")?;
        program.run(&host, &["guard"])?;
        assert_none("rebooted", &scene.leaks("rebooted")?);

        scene.room.gateway.node.up(&["--lan", "eth1"])?;
        program.run(&host, &["down"])?;
        if let Some(mut daemon) = scene.room.gateway.node.daemon.take() {
            assert!(daemon.ended()?.is_some(), "`down` has waited for it");
        }
        judge(&scene, "down")?;
        Ok(())
    });
}
