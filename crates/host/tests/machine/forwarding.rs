//! What a machine forwards for others while its kill switch is closed, and what a gateway believes of its room.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hanare_host::MARK;
use hanare_host::kill_switch::{self, KillSwitch, Policy};
use socket2::{Domain, Protocol, Socket, Type};

use crate::kill_switch::{CANARY, is_canary, policy, udp};
use crate::world::{Peer, eventually, inside, run, works};

#[test]
fn a_containers_traffic_is_not_forwarded() {
    inside("forwarding::a_containers_traffic_is_not_forwarded", false, || {
        let outside = Peer::new();
        outside.wire("eth0", "eth0");
        let container = Peer::new();
        run(&format!("ip link add docker0 type veth peer name eth0 netns {}", container.tid));
        run("ip address add 172.17.0.1/24 dev docker0; ip -6 address add fd17::1/64 dev docker0 nodad; \
             ip link set docker0 up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        container.run(|| {
            run("ip address add 172.17.0.2/24 dev eth0; ip -6 address add fd17::2/64 dev eth0 nodad; \
                 ip link set eth0 up; ip route add default via 172.17.0.1; ip -6 route add default via fd17::1")
        });
        std::thread::sleep(Duration::from_millis(200));
        let send = || {
            let _ = udp("192.0.2.2:51820", None, None);
            let _ = udp("[2001:db8::2]:9", None, None);
            // A container's own root can mark its packets; marks do not cross namespaces.
            let _ = udp("192.0.2.2:51820", Some(MARK), None);
        };
        let capture = outside.capture("eth0");
        container.run(send);
        assert_eq!(capture.count(is_canary), 3, "without it they are forwarded");
        let state = tempfile::tempdir().unwrap();
        let _switch = KillSwitch::engage(state.path(), policy()).unwrap();
        capture.count(|_| true);
        container.run(send);
        assert_eq!(capture.count(is_canary), 0);
        // The egress chains hold even if somebody opens the forward chain.
        run("nft delete table inet hanare");
        container.run(send);
        assert_eq!(capture.count(is_canary), 0);
    });
}

#[test]
fn nobody_in_the_room_shows_its_gateway_another_way() {
    inside("forwarding::nobody_in_the_room_shows_its_gateway_another_way", false, || {
        let room = Peer::new();
        run(&format!("ip link add lan0 type veth peer name eth0 netns {}", room.tid));
        run("echo 2 > /proc/sys/net/ipv6/conf/lan0/accept_ra; ip link set lan0 up");
        room.run(|| run("ip link set eth0 up"));
        let advertise = || {
            let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
            socket.bind_device(Some(b"eth0")).unwrap();
            socket.set_multicast_hops_v6(255).unwrap();
            // RFC 4861, 4.2: a router for half an hour. The kernel adds the checksum.
            let router = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
            socket.send_to(&router, &"[ff02::1]:0".parse::<SocketAddr>().unwrap().into()).is_ok()
        };
        let default = || run("ip -6 route show default").contains("lan0");
        eventually("without the guard the room is believed", || room.run(advertise) && default());
        run("ip -6 route flush default");
        let lan = kill_switch::Lan { interface: "lan0".to_owned(), prefixes: Vec::new() };
        let state = tempfile::tempdir().unwrap();
        let _switch = KillSwitch::engage(state.path(), Policy { lan: Some(lan), ..policy() }).unwrap();
        for _ in 0..5 {
            assert!(room.run(advertise));
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!default());
    });
}

#[test]
fn a_gateway_forwards_the_rooms_own_wireguard_and_nothing_else() {
    inside("forwarding::a_gateway_forwards_the_rooms_own_wireguard_and_nothing_else", false, || {
        let outside = Peer::new();
        outside.wire("eth0", "eth0");
        let room = Peer::new();
        run(&format!("ip link add lan0 type veth peer name eth0 netns {}", room.tid));
        run(
            "ip address add 10.88.1.129/25 dev lan0; ip link set lan0 up; echo 1 > /proc/sys/net/ipv4/ip_forward",
        );
        room.run(|| {
            run("ip address add 10.88.1.130/25 dev eth0; ip link set eth0 up; ip route add default via 10.88.1.129")
        });
        let send = || {
            for port in [9, 51820, 53] {
                let _ = udp(&format!("192.0.2.2:{port}"), None, None);
            }
        };
        let capture = outside.capture("eth0");
        room.run(send);
        assert_eq!(capture.count(is_canary), 3, "an open gateway forwards all");
        let mut with_lan = policy();
        with_lan.lan = Some(kill_switch::Lan {
            interface: "lan0".to_owned(),
            prefixes: vec!["10.88.1.128/25".parse().unwrap()],
        });
        let state = tempfile::tempdir().unwrap();
        let _switch = KillSwitch::engage(state.path(), with_lan).unwrap();
        capture.count(|_| true);
        room.run(send);
        assert_eq!(capture.count(is_canary), 1, "only WireGuard to headquarters");
        room.run(|| drop(udp("192.0.2.3:51820", None, None)));
        assert_eq!(capture.count(is_canary), 0);

        // Headquarters' answer finds its way back into the room.
        let echo = outside.run(|| UdpSocket::bind("192.0.2.2:51820").unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 100];
            let (length, from) = echo.recv_from(&mut buffer).unwrap();
            echo.send_to(&buffer[..length], from).unwrap();
        });
        let answered = room.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.send_to(CANARY, "192.0.2.2:51820").unwrap();
            socket.recv(&mut [0; 100]).is_ok()
        });
        assert!(answered);
        assert!(room.run(|| works("ping -c1 -W1 10.88.1.129")), "the room sees its gateway");
        assert!(!room.run(|| works("ping -c1 -W1 192.0.2.2")));
    });
}
