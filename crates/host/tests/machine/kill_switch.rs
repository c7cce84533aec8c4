//! Nothing leaves but the tunnel: each kind of traffic gets out without the kill switch, and not with it.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use hanare_host::control_group::ControlGroup;
use hanare_host::hands::KillSwitchState;
use hanare_host::kill_switch::{self, Checked, KillSwitch, Policy};
use hanare_host::{HostError, MARK};
use socket2::{Domain, Protocol, Socket, Type};

use crate::world::{Peer, eventually, holds, inside, run, send_frame, udp_frame, works};

pub(crate) const CANARY: &[u8] = b"a-canary-of-the-room";

pub(crate) fn policy() -> Policy {
    Policy {
        interface: "hn0".to_owned(),
        wireguard: ["192.0.2.2:51820".parse().unwrap(), "[2001:db8::2]:51820".parse().unwrap()].into(),
        api: ["192.0.2.2:51821".parse().unwrap()].into(),
        resolvers: ["192.0.2.2".parse().unwrap()].into(),
        lan: None,
        devices: BTreeSet::new(),
    }
}

/// Sends a canary over UDP; a mark, and a device to bind to, if given.
pub(crate) fn udp(to: &str, mark: Option<u32>, device: Option<&str>) -> std::io::Result<usize> {
    let to: SocketAddr = to.parse().unwrap();
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP)).unwrap();
    if let Some(mark) = mark {
        socket.set_mark(mark).unwrap();
    }
    socket.bind_device(device.map(str::as_bytes)).unwrap();
    socket.send_to(CANARY, &to.into())
}

fn tcp(to: &str, mark: Option<u32>) -> std::io::Result<()> {
    let to: SocketAddr = to.parse().unwrap();
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP)).unwrap();
    if let Some(mark) = mark {
        socket.set_mark(mark).unwrap();
    }
    socket.connect_timeout(&to.into(), Duration::from_secs(1))
}

/// Sends every kind of traffic that has no business on the underlay.
fn leak_attempts() {
    for to in ["192.0.2.2:9", "[2001:db8::2]:9", "192.0.2.2:53", "192.0.2.2:51820"] {
        let _ = udp(to, None, None);
        let _ = udp(to, None, Some("eth0"));
    }
    // Our mark alone opens nothing: address and port must be headquarters'.
    let _ = udp("192.0.2.2:9", Some(MARK), None);
    let _ = udp("192.0.2.3:51820", Some(MARK), None);
    works("ping -c1 -W1 -p 612d63616e617279 192.0.2.2");
    works("ping -6 -c1 -W1 -p 612d63616e617279 2001:db8::2");
    for bypass in [false, true] {
        send_frame("eth0", &udp_frame([192, 0, 2, 2], 9, CANARY), bypass);
    }
}

pub(crate) fn is_canary(frame: &[u8]) -> bool {
    holds(frame, b"a-canary")
}

#[test]
fn what_leaks_without_it_does_not_leak_with_it() {
    for user in [false, true] {
        inside("kill_switch::what_leaks_without_it_does_not_leak_with_it", user, || {
            let peer = Peer::new();
            peer.wire("eth0", "eth0");
            let capture = peer.capture("eth0");
            leak_attempts();
            let before = capture.count(is_canary);
            assert!(before >= 12, "without the guard it leaks: {before}");

            let state = tempfile::tempdir().unwrap();
            let _switch = KillSwitch::engage(state.path(), policy()).unwrap();
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
            capture.count(|_| true);
            leak_attempts();
            assert_eq!(capture.count(is_canary), 0, "with it nothing leaves");
            assert!(!send_frame("eth0", &udp_frame([192, 0, 2, 2], 9, CANARY), false));
            assert!(tcp("192.0.2.2:80", None).is_err());

            // What must pass.
            udp("192.0.2.2:51820", Some(MARK), None).unwrap();
            udp("[2001:db8::2]:51820", Some(MARK), None).unwrap();
            udp("192.0.2.2:53", Some(MARK), None).unwrap();
            assert_eq!(capture.count(is_canary), 3);

            kill_switch::remove(state.path()).unwrap();
            leak_attempts();
            assert!(capture.count(is_canary) >= 12, "after `leave` the machine is as before");
        });
    }
}

#[test]
fn headquarters_api_answers_and_nobody_else_comes_in() {
    inside("kill_switch::headquarters_api_answers_and_nobody_else_comes_in", false, || {
        let peer = Peer::new();
        peer.wire("eth0", "eth0");
        peer.run(|| {
            for port in [51821, 80, 443] {
                let listener = TcpListener::bind(("192.0.2.2", port)).unwrap();
                std::thread::spawn(move || listener.incoming().for_each(drop));
            }
        });
        let _own = TcpListener::bind("192.0.2.1:22").unwrap();
        let knock =
            || TcpStream::connect_timeout(&"192.0.2.1:22".parse().unwrap(), Duration::from_secs(1)).is_ok();
        assert!(peer.run(knock), "without it the room's LAN reaches us");
        let state = tempfile::tempdir().unwrap();
        let _switch = KillSwitch::engage(state.path(), policy()).unwrap();
        tcp("192.0.2.2:51821", Some(MARK)).unwrap();
        assert!(tcp("192.0.2.2:51821", None).is_err(), "only ours");
        assert!(!peer.run(knock));
        assert!(!peer.run(|| works("ping -c1 -W1 192.0.2.1")));
        assert!(tcp("192.0.2.2:80", None).is_err());

        // An unlock opens a portal's ports, and the kernel closes them: a flow under way ends with it.
        kill_switch::unlock(Duration::from_secs(3), false, None).unwrap();
        let flow =
            TcpStream::connect_timeout(&"192.0.2.2:80".parse().unwrap(), Duration::from_secs(1)).unwrap();
        assert!(matches!(kill_switch::state().unwrap(), KillSwitchState::Unlocked { all: false, .. }));
        assert!(udp("192.0.2.2:9", None, None).is_err());
        assert!(!peer.run(knock), "an unlock opens no way in");
        eventually("it closes", || kill_switch::state().unwrap() == KillSwitchState::Closed);
        std::thread::sleep(Duration::from_millis(1200));
        let capture = peer.capture("eth0");
        let _ = std::io::Write::write_all(&mut &flow, CANARY);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(capture.count(is_canary), 0, "a flow once let out does not outlive the unlock");

        kill_switch::unlock(Duration::from_secs(2), true, None).unwrap();
        udp("192.0.2.2:9", None, None).unwrap();
        assert!(matches!(
            kill_switch::unlock(Duration::from_secs(1801), true, None),
            Err(HostError::Refused { .. })
        ));
    });
}

/// A frame that looks like DHCP from this machine, and carries a canary.
fn dhcp(to: [u8; 4]) -> Vec<u8> {
    let mut frame = udp_frame(to, 67, CANARY);
    frame[34..36].copy_from_slice(&68u16.to_be_bytes());
    frame
}

/// A frame that looks like a neighbour advertisement, hop limit and all, and carries a canary.
fn advertisement(to: &str) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend(u16::try_from(24 + CANARY.len()).unwrap().to_be_bytes());
    frame.extend([58, 255]);
    for address in ["2001:db8::1", to] {
        frame.extend(address.parse::<std::net::Ipv6Addr>().unwrap().octets());
    }
    frame.extend([136, 0, 0, 0, 0x60, 0, 0, 0]);
    frame.extend([0; 16]);
    frame.extend(CANARY);
    frame
}

#[test]
fn dhcp_and_neighbour_discovery_carry_nothing_beyond_the_own_network() {
    inside("kill_switch::dhcp_and_neighbour_discovery_carry_nothing_beyond_the_own_network", false, || {
        let peer = Peer::new();
        peer.wire("eth0", "eth0");
        let capture = peer.capture("eth0");
        let state = tempfile::tempdir().unwrap();
        let mut switch = KillSwitch::engage(state.path(), policy()).unwrap();
        let far = || [dhcp([203, 0, 113, 7]), advertisement("2001:db8:99::7")];
        let near = [
            dhcp([255; 4]),
            dhcp([192, 0, 2, 2]),
            advertisement("2001:db8::2"),
            advertisement("fe80::2"),
            advertisement("ff02::1"),
        ];
        let sent = |frames: &[Vec<u8>]| {
            capture.count(|_| true);
            for frame in frames {
                send_frame("eth0", frame, false);
            }
            capture.count(is_canary)
        };
        assert_eq!(sent(&near), near.len(), "what a network needs");
        assert_eq!(sent(&far()), 0, "no router gets to see it");
        // Without the narrowing both get out: for whoever may open raw sockets, a way to anywhere.
        run("nft 'add rule netdev hanare outward udp sport 68 udp dport 67 accept'");
        run("nft 'add rule netdev hanare outward ip6 hoplimit 255 icmpv6 type nd-neighbor-advert accept'");
        assert_eq!(sent(&far()), 2, "the attack is real");
        assert!(matches!(switch.check().unwrap(), Checked::Restored(_)));
        assert_eq!(sent(&far()), 0);

        // The kernel's own: a neighbour that asks from its global address is answered.
        assert!(!peer.run(|| works("ping -6 -c1 -W1 -I 2001:db8::2 2001:db8::1")));
        let known = || run("ip -6 neigh show 2001:db8::1 dev eth0");
        assert!(peer.run(known).contains("lladdr"), "{}", peer.run(known));
        // Another network, and the rules follow.
        run("ip address add 203.0.113.1/24 dev eth0; ip -6 address add 2001:db8:99::1/64 dev eth0 nodad");
        assert_eq!(switch.check().unwrap(), Checked::DevicesChanged);
        assert_eq!(sent(&far()), 2);
        assert_eq!(switch.check().unwrap(), Checked::Intact);
    });
}

/// Expressions that make the kernel track connections.
fn tracking() -> usize {
    run("nft -j list ruleset").matches("\"ct\"").count()
}

#[test]
fn a_new_device_is_guarded_and_a_flushed_ruleset_restored() {
    inside("kill_switch::a_new_device_is_guarded_and_a_flushed_ruleset_restored", false, || {
        let peer = Peer::new();
        let state = tempfile::tempdir().unwrap();
        let mut switch = KillSwitch::engage(state.path(), policy()).unwrap();
        assert_eq!(switch.check().unwrap(), Checked::Intact);
        peer.wire("eth0", "eth0");
        assert_eq!(switch.check().unwrap(), Checked::DevicesChanged);
        let capture = peer.capture("eth0");
        leak_attempts();
        assert_eq!(capture.count(is_canary), 0);

        kill_switch::unlock(Duration::from_mins(1), false, None).unwrap();
        assert_eq!(switch.check().unwrap(), Checked::Intact, "an unlock is no tampering");
        assert_eq!(tracking(), 3, "answers are known by their direction");
        let mut other = policy();
        other.api.insert("192.0.2.9:51821".parse().unwrap());
        switch.set_policy(other).unwrap();
        assert!(
            matches!(
                kill_switch::state().unwrap(),
                KillSwitchState::Unlocked { seconds: 50..=60, all: false }
            ),
            "an unlock goes on over a change"
        );
        kill_switch::relock().unwrap();
        assert_eq!(tracking(), 0, "connections are tracked during an unlock only");
        kill_switch::unlock(Duration::from_secs(1), false, None).unwrap();
        eventually("it closes", || kill_switch::state().unwrap() == KillSwitchState::Closed);
        assert_eq!(switch.check().unwrap(), Checked::Intact);
        assert_eq!(tracking(), 0, "also when the kernel ended it");

        run("nft add rule inet hanare answers accept");
        assert!(matches!(switch.check().unwrap(), Checked::Restored(_)), "that rule is not an unlock's");
        run("nft insert rule inet hanare output accept");
        assert!(matches!(switch.check().unwrap(), Checked::Restored(_)));
        for element in [
            "inet hanare portal_tcp { 22 }",
            "inet hanare portal_tcp { 22 timeout 1m }",
            "netdev hanare portal_udp { 53 timeout 1d }",
            "inet hanare everything { ipv4 }",
            "inet hanare wireguard4 { 203.0.113.1 . 443 }",
        ] {
            run(&format!("nft 'add element {element}'"));
            assert!(matches!(switch.check().unwrap(), Checked::Restored(_)), "no unlock of ours: {element}");
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed, "{element}");
            assert_eq!(switch.check().unwrap(), Checked::Intact);
        }
        run("nft flush ruleset");
        leak_attempts();
        assert!(capture.count(is_canary) > 0, "somebody else's flush opens everything");
        assert!(matches!(switch.check().unwrap(), Checked::Restored(_)));
        leak_attempts();
        assert_eq!(capture.count(is_canary), 0);

        run("nft flush ruleset");
        assert!(kill_switch::restore(state.path()).unwrap(), "a reboot");
        leak_attempts();
        assert_eq!(capture.count(is_canary), 0);
        assert_eq!(tracking(), 0);
        assert!(!run("nft list ruleset").contains("ct state"));
    });
}

/// A person's program that waits for a line, then tries to reach a portal: its process, and how it ended.
fn person(group: impl FnOnce(i32)) -> bool {
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "1000", "--clear-groups", "bash", "-c"]);
    command.arg("read go; echo x > /dev/udp/192.0.2.2/53 && exec 3<> /dev/tcp/192.0.2.2/80");
    let mut child =
        command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    group(child.id().cast_signed());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n").unwrap();
    child.wait().unwrap().success()
}

#[test]
fn what_is_open_for_a_portal_is_open_for_one_program_of_a_person() {
    inside("kill_switch::what_is_open_for_a_portal_is_open_for_one_program_of_a_person", false, || {
        // The hierarchy as systemd mounts it, whatever this machine has.
        run("mount -t cgroup2 none /sys/fs/cgroup");
        let peer = Peer::new();
        peer.wire("eth0", "eth0");
        peer.run(|| {
            let listener = TcpListener::bind(("192.0.2.2", 80)).unwrap();
            std::thread::spawn(move || listener.incoming().for_each(drop));
        });
        let alone = || person(|_| {});
        assert!(alone(), "without the guard everybody gets there");
        let state = tempfile::tempdir().unwrap();
        let mut switch = KillSwitch::engage(state.path(), policy()).unwrap();
        assert!(!alone());

        let minute = Duration::from_mins(1);
        kill_switch::unlock(minute, false, None).unwrap();
        tcp("192.0.2.2:80", None).unwrap();
        udp("192.0.2.2:53", None, None).unwrap();
        assert!(!alone(), "the system's services, not people's programs");

        let mut made = None;
        let chosen = |made: &mut Option<ControlGroup>| {
            person(|pid| {
                let group = ControlGroup::plan(pid).unwrap();
                group.make(pid).unwrap();
                kill_switch::unlock(minute, false, Some(&group)).unwrap();
                *made = Some(group);
            })
        };
        assert!(chosen(&mut made), "the one program");
        assert!(!alone(), "and no other");
        assert_eq!(switch.check().unwrap(), Checked::Intact, "an unlock is no tampering");

        // A change of the policy in the middle makes the tables anew.
        let carried = person(|pid| {
            let group = ControlGroup::plan(pid).unwrap();
            group.make(pid).unwrap();
            kill_switch::unlock(minute, false, Some(&group)).unwrap();
            let mut other = policy();
            other.api.insert("192.0.2.9:51821".parse().unwrap());
            switch.set_policy(other).unwrap();
            assert_eq!(switch.check().unwrap(), Checked::Intact);
        });
        assert!(carried, "the unlock goes on over a change");
        assert!(!alone());

        // The next unlock is not the last one's program's.
        kill_switch::unlock(minute, false, None).unwrap();
        let group = made.unwrap();
        assert!(!person(|pid| group.make(pid).unwrap()));
        group.remove().unwrap();

        run("nft insert rule inet hanare portal meta mark set 0x6870 accept");
        assert!(alone(), "it is this chain that keeps the others in");
        assert!(matches!(switch.check().unwrap(), Checked::Restored(_)), "and it is watched");
        assert!(!alone());
    });
}

#[test]
fn a_broken_file_closes_everything_at_boot() {
    inside("kill_switch::a_broken_file_closes_everything_at_boot", false, || {
        let outside = Peer::new();
        outside.wire("eth0", "eth0");
        let state = tempfile::tempdir().unwrap();
        drop(KillSwitch::engage(state.path(), policy()).unwrap());
        for broken in ["", "{\"interface\":", "\0\0\0"] {
            run("nft flush ruleset");
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Open, "a reboot");
            std::fs::write(kill_switch::policy::path(state.path()), broken).unwrap();
            assert!(kill_switch::restore(state.path()).is_err(), "somebody must hear of it");
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed, "{broken:?}");
            assert!(udp("192.0.2.2:51820", Some(MARK), None).is_err());
        }
        drop(KillSwitch::engage(state.path(), policy()).unwrap());
        assert!(udp("192.0.2.2:51820", Some(MARK), None).is_ok(), "`up` writes it anew");
    });
}
