//! `hanare device` as a machine treats it: under wg-quick, under load while things change below it, and managed by headquarters.

use std::time::Duration;

use hanare_e2e::{Bare, Deployment, Implementation, Refusal, configure, keys};
use hanare_lab::{Daemon, Host, Lab, Program, Result, inside, receive_once, send, until};

const LIMIT: Duration = Duration::from_mins(3);
const SOON: Duration = Duration::from_secs(10);
/// Inner addresses.
const INSIDE: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

/// Two hosts with a cable and a device each that reach each other.
struct Pair {
    hosts: [Host; 2],
    devices: [Daemon; 2],
}

fn pair(lab: &Lab) -> Result<Pair> {
    let hosts = [lab.host("a")?, lab.host("b")?];
    lab.cable((&hosts[0], "eth0", &["192.0.2.1/24"]), (&hosts[1], "eth0", &["192.0.2.2/24"]))?;
    let start = |host| Implementation::Hanare.start(host, "wg0");
    let devices = [start(&hosts[0])?, start(&hosts[1])?];
    let keys = [keys(&hosts[0])?, keys(&hosts[1])?];
    for side in [0, 1] {
        let other = 1 - side;
        let bare = Bare {
            interface: "wg0",
            private: &keys[side].private,
            port: 5000,
            peer: &keys[other].public,
            preshared: None,
            endpoint: Some(&format!("192.0.2.{}:5000", other + 1)),
            addresses: &[&format!("{}/24", INSIDE[side])],
            allowed: &format!("{}/32", INSIDE[other]),
        };
        configure(&hosts[side], &bare)?;
    }
    hosts[0].until_it_pings(INSIDE[1].parse().unwrap(), LIMIT)?;
    Ok(Pair { hosts, devices })
}

/// Small and large packets without end, from the first host to the second.
fn load(pair: &Pair) -> Result<Daemon> {
    let [from, _] = &pair.hosts;
    from.spawn("load", from.command("ping").args(["-f", "-q", "-s", "1300", INSIDE[1]]))
}

/// That a TCP stream of 2 MB arrives whole.
fn carries(pair: &Pair) -> Result<()> {
    let address = format!("{}:9000", INSIDE[1]).parse().unwrap();
    let incoming = receive_once(&pair.hosts[1], address)?;
    let sent = send(&pair.hosts[0], address, 2_000_000, 7)?;
    assert!(sent.same_as(&incoming.join().unwrap()??), "the stream arrives whole");
    Ok(())
}

#[test]
fn an_interface_deleted_under_load_ends_the_device_and_leaves_nothing() {
    inside("device::an_interface_deleted_under_load_ends_the_device_and_leaves_nothing", LIMIT, |lab| {
        for side in [0, 1] {
            let mut pair = pair(lab)?;
            let _load = load(&pair)?;
            std::thread::sleep(Duration::from_millis(500));
            pair.hosts[side].sh("ip link delete wg0")?;
            let status = pair.devices[side].wait(SOON)?;
            assert!(status.success(), "{status}: {}", pair.devices[side].said());
            assert!(
                !pair.hosts[side].attempt("test -e /run/wireguard/wg0.sock")?.good(),
                "the socket is gone"
            );
            assert!(pair.devices[1 - side].ended()?.is_none(), "the other side lives");
        }
        Ok(())
    });
}

#[test]
fn an_mtu_changed_under_load_is_followed() {
    inside("device::an_mtu_changed_under_load_is_followed", LIMIT, |lab| {
        let pair = pair(lab)?;
        let load = load(&pair)?;
        for mtu in ["1280", "1420", "576", "1400"] {
            for host in &pair.hosts {
                host.sh(&format!("ip link set wg0 mtu {mtu}"))?;
            }
            carries(&pair)?;
        }
        drop(load);
        assert!(pair.hosts[0].pings(INSIDE[1].parse().unwrap(), 5)?);
        Ok(())
    });
}

#[test]
fn a_filter_that_refuses_its_datagrams_does_not_end_a_device() {
    inside("device::a_filter_that_refuses_its_datagrams_does_not_end_a_device", LIMIT, |lab| {
        let mut pair = pair(lab)?;
        let load = load(&pair)?;
        // A send that an output rule drops comes back as EPERM, as under the kill switch.
        let filter =
            "table inet refuse { chain out { type filter hook output priority 0; udp dport 5000 drop; }; }";
        pair.hosts[0].run("nft", ["-f", "-"], filter, SOON)?.must()?;
        std::thread::sleep(Duration::from_secs(2));
        assert!(!pair.hosts[0].pings(INSIDE[1].parse().unwrap(), 1)?, "the filter holds");
        assert!(pair.devices[0].ended()?.is_none(), "{}", pair.devices[0].said());
        pair.hosts[0].sh("nft delete table inet refuse")?;
        let took = until("traffic after the filter", SOON, || {
            pair.hosts[0].pings(INSIDE[1].parse().unwrap(), 1).unwrap_or(false)
        })?;
        println!("measured: device, {} ms until traffic after EPERM for 2 s", took.as_millis());
        drop(load);
        carries(&pair)
    });
}

#[test]
fn a_device_cannot_have_the_name_of_all_interfaces() {
    inside("device::a_device_cannot_have_the_name_of_all_interfaces", LIMIT, |lab| {
        let (host, program) = (lab.host("a")?, Program::built()?);
        for name in ["all", "default"] {
            Refusal(3, "interface-name").of(&program, &host, &["device", "--foreground", name], "")?;
            // In the background it is the same word for word, and not a word within a word.
            Refusal(3, "interface-name").of(&program, &host, &["device", name], "")?;
        }
        Ok(())
    });
}

#[test]
fn a_device_listens_on_a_port_that_only_root_may_bind() {
    inside("device::a_device_listens_on_a_port_that_only_root_may_bind", LIMIT, |lab| {
        let pair = pair(lab)?;
        pair.hosts[1].sh("wg set wg0 listen-port 443")?;
        assert_eq!(pair.hosts[1].sh("wg show wg0 listen-port")?.stdout.trim(), "443");
        let key = keys_of(&pair.hosts[1])?;
        pair.hosts[0].sh(&format!("wg set wg0 peer {key} endpoint 192.0.2.2:443"))?;
        carries(&pair)
    });
}

#[test]
fn what_wg_takes_away_is_gone_and_what_it_cannot_have_changes_nothing() {
    inside("device::what_wg_takes_away_is_gone_and_what_it_cannot_have_changes_nothing", LIMIT, |lab| {
        let pair = pair(lab)?;
        let [one, two] = &pair.hosts;
        let shown = |what: &str| Ok::<_, hanare_lab::Error>(two.sh(&format!("wg show wg0 {what}"))?.stdout);
        // A mark and a port that another program has: neither.
        let taken = two.within(|| std::net::UdpSocket::bind("[::]:5001"))?.unwrap();
        assert!(!two.attempt("wg set wg0 fwmark 7 listen-port 5001")?.good());
        assert_eq!((shown("fwmark")?.trim(), shown("listen-port")?.trim()), ("off", "5000"));
        drop(taken);
        two.sh("wg set wg0 fwmark 7 listen-port 5001")?;
        assert_eq!((shown("fwmark")?.trim(), shown("listen-port")?.trim()), ("0x7", "5001"));
        two.sh("wg set wg0 fwmark 0 listen-port 5000")?;
        // A neighbour by its link-local address, as wg writes it.
        let key = keys_of(two)?;
        let link = two.sh("ip -br -6 address show dev eth0 scope link")?.stdout;
        let address = link.split_whitespace().nth(2).unwrap().split('/').next().unwrap().to_owned();
        one.sh(&format!("wg set wg0 peer {key} endpoint [{address}%eth0]:5000"))?;
        carries(&pair)?;
        // Without a key there is no session, not even the one that was.
        two.sh("wg set wg0 private-key /dev/null")?;
        assert_eq!(shown("private-key")?.trim(), "(none)");
        assert!(!one.pings(INSIDE[1].parse().unwrap(), 2)?);
        Ok(())
    });
}

/// The public key of the device on this machine.
fn keys_of(host: &Host) -> Result<String> {
    Ok(host.sh("wg show wg0 public-key")?.stdout.trim().to_owned())
}

#[test]
fn wg_quick_brings_a_device_up_and_down() {
    inside("device::wg_quick_brings_a_device_up_and_down", LIMIT, |lab| {
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        lab.cable((&a, "eth0", &["192.0.2.1/24"]), (&b, "eth0", &["192.0.2.2/24"]))?;
        // wg-quick passes the interface's name and nothing else.
        let link = lab.directory().join("hanare-device");
        std::os::unix::fs::symlink(Program::built()?.path(), &link).unwrap();
        let pairs = [keys(&a)?, keys(&b)?];
        let quick = |host: &Host, verb: &str| {
            let file = host.directory().join("wg0.conf");
            let mut command = host.command("wg-quick");
            command.arg(verb).arg(file).env("WG_QUICK_USERSPACE_IMPLEMENTATION", &link);
            hanare_lab::run(&mut command, "", Duration::from_secs(30))?.must()
        };
        for (side, host) in [&a, &b].into_iter().enumerate() {
            let other = 1 - side;
            let text = format!(
                "[Interface]\nPrivateKey = {}\nListenPort = 5000\nAddress = {}/24\nMTU = 1380\n[Peer]\nPublicKey = {}\n\
                 AllowedIPs = {}/32\nEndpoint = 192.0.2.{}:5000\n",
                pairs[side].private,
                INSIDE[side],
                pairs[other].public,
                INSIDE[other],
                other + 1
            );
            let path = host.directory().join("wg0.conf");
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            quick(host, "up")?;
        }
        a.until_it_pings(INSIDE[1].parse().unwrap(), LIMIT)?;
        assert!(a.sh("ip link show wg0")?.stdout.contains("mtu 1380"));
        for host in [&a, &b] {
            quick(host, "down")?;
            until("interface and socket to be gone", SOON, || {
                ["ip link show wg0", "test -e /run/wireguard/wg0.sock"]
                    .iter()
                    .all(|line| !host.attempt(line).is_ok_and(|output| output.good()))
            })?;
        }
        Ok(())
    });
}

#[test]
fn nobody_sets_an_interface_that_headquarters_manages() {
    inside("device::nobody_sets_an_interface_that_headquarters_manages", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        for (host, interface) in [(&deployment.hq.host, "hnhq0"), (&pc.host, "hn0")] {
            let before = host.sh(&format!("wg show {interface} peers"))?.stdout;
            let socket = format!("UNIX-CONNECT:/run/wireguard/{interface}.sock");
            let answer =
                host.run("socat", ["-t", "5", "-", &socket], "set=1\nreplace_peers=true\n\n", SOON)?;
            assert_eq!(answer.stdout.trim(), "errno=-1", "{interface}: EPERM");
            let refused = host.attempt(&format!("wg set {interface} listen-port 4000"))?;
            assert!(!refused.good(), "wg(8) is refused");
            assert!(
                refused.stderr.contains("Operation not permitted"),
                "and can say why: {}",
                refused.stderr
            );
            assert_eq!(host.sh(&format!("wg show {interface} peers"))?.stdout, before);
        }
        assert!(pc.host.pings(deployment.hq.socket(false, 0)?.ip(), 2)?);
        Ok(())
    });
}
