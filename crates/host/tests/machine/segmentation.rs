//! Headquarters' firewall on real packets: two rooms behind one tunnel interface, a network behind headquarters.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use hanare_host::segmentation::{Surroundings, apply, remove, untracked};
use hanare_model::{Flow, PortRange, Segmentation, Service};

use crate::world::{Peer, inside, run, works};

/// Rooms .1 and .2, headquarters .0.1; room 1 reaches web servers of the network behind, and pings headquarters.
pub(crate) fn two_rooms() -> Segmentation {
    let net = |text: &str| text.parse().unwrap();
    let room = vec![net("10.88.1.0/24"), net("fd00:88:0:1::/64")];
    Segmentation {
        interface: "hn0".to_owned(),
        overlay: vec![net("10.88.0.0/16"), net("fd00:88::/48")],
        own: vec!["10.88.0.1".parse().unwrap(), "fd00:88::1".parse().unwrap()],
        input: vec![Flow { from: room.clone(), to: room_of_headquarters(), service: Service::Ping }],
        forward: vec![
            Flow {
                from: room.clone(),
                to: vec![net("172.20.0.0/16")],
                service: Service::Tcp {
                    ports: vec![PortRange { first: 80, last: 80 }, PortRange { first: 8000, last: 8010 }],
                },
            },
            Flow { from: room, to: vec![net("0.0.0.0/0")], service: Service::Any },
        ],
        masquerade: true,
    }
}

fn room_of_headquarters() -> Vec<ipnet::IpNet> {
    vec!["10.88.0.0/24".parse().unwrap(), "fd00:88::/64".parse().unwrap()]
}

/// The tunnel interface is a wire to a router that both rooms stand behind, so that one namespace speaks for both. Unlike
/// a tunnel, a wire needs neighbour discovery for IPv6: fixed entries stand in for it.
fn overlay() -> (Peer, Peer) {
    let rooms = Peer::new();
    run(&format!("ip link add hn0 type veth peer name eth0 netns {}", rooms.tid));
    run(
        "ip address add 10.88.0.1/24 dev hn0; ip -6 address add fd00:88::1/64 dev hn0 nodad; ip link set hn0 address 02:00:00:00:00:01 up; \
         for room in 1 2; do ip -6 neigh add fd00:88:0:$room::2 lladdr 02:00:00:00:00:02 dev hn0; done; \
         ip route add 10.88.0.0/16 dev hn0; ip -6 route add fd00:88::/48 dev hn0; \
         sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; \
         echo 1 > /proc/sys/net/ipv4/conf/hn0/proxy_arp",
    );
    rooms.run(|| {
        run("ip address add 10.88.1.2/32 dev eth0; ip address add 10.88.2.2/32 dev eth0; \
             ip -6 address add fd00:88:0:1::2/64 dev eth0 nodad; ip -6 address add fd00:88:0:2::2/64 dev eth0 nodad; \
             ip link set eth0 address 02:00:00:00:00:02 up; ip -6 neigh add fd00:88::1 lladdr 02:00:00:00:00:01 dev eth0; ip route add default dev eth0 src 10.88.1.2; \
             ip -6 route add fd00:88::/64 dev eth0; ip -6 route add default via fd00:88::1 dev eth0 src fd00:88:0:1::2; \
             sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0")
    });
    let behind = Peer::new();
    run(&format!("ip link add eth1 type veth peer name eth0 netns {}", behind.tid));
    run(
        "ip address add 172.20.0.1/16 dev eth1; ip address add 198.51.100.1/24 dev eth1; ip link set eth1 up",
    );
    behind.run(|| {
        run("ip address add 172.20.0.2/16 dev eth0; ip address add 198.51.100.2/24 dev eth0; ip link set eth0 up; \
             ip route add 10.88.0.0/16 via 172.20.0.1");
        for port in [80, 22, 8005] {
            let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
            std::thread::spawn(move || listener.incoming().for_each(drop));
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    (rooms, behind)
}

/// What the guards must hold in.
fn with_and_without_tracking() -> [Surroundings; 2] {
    [Surroundings::default(), Surroundings { router_by_us: false, untracked: Some(51820) }]
}

fn reach(rooms: &Peer, from: &'static str, to: &'static str) -> bool {
    rooms.run(move || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&format!("{from}:0").parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        socket
            .connect_timeout(&to.parse::<std::net::SocketAddr>().unwrap().into(), Duration::from_millis(1500))
            .is_ok()
    })
}

#[test]
fn rooms_reach_what_policy_names_and_nothing_else() {
    inside("segmentation::rooms_reach_what_policy_names_and_nothing_else", false, || {
        let (rooms, behind) = overlay();
        assert!(reach(&rooms, "10.88.2.2", "172.20.0.2:22"), "without the table everything is open");
        apply(&two_rooms(), Surroundings::default()).unwrap();
        assert!(reach(&rooms, "10.88.1.2", "172.20.0.2:80"));
        assert!(reach(&rooms, "10.88.1.2", "172.20.0.2:8005"));
        assert!(
            !reach(&rooms, "10.88.1.2", "172.20.0.2:22"),
            "the way to the internet does not open HQ's networks"
        );
        assert!(!reach(&rooms, "10.88.2.2", "172.20.0.2:80"), "another company");
        assert!(rooms.run(|| works("ping -c1 -W1 -I 10.88.1.2 10.88.0.1")));
        assert!(rooms.run(|| works("ping -6 -c1 -W1 -I fd00:88:0:1::2 fd00:88::1")));
        assert!(!rooms.run(|| works("ping -c1 -W1 -I 10.88.2.2 10.88.0.1")));
        assert!(!rooms.run(|| works("ping -6 -c1 -W1 -I fd00:88:0:2::2 fd00:88::1")));
        assert!(works("ping -c1 -W1 10.88.2.2"), "headquarters starts conversations");
        // The internet, under headquarters' own address.
        let seen = behind.run(|| TcpListener::bind("198.51.100.2:9000").unwrap());
        let seen = std::thread::spawn(move || seen.accept().unwrap().1.ip().to_string());
        assert!(reach(&rooms, "10.88.1.2", "198.51.100.2:9000"));
        assert_eq!(seen.join().unwrap(), "198.51.100.1");
        assert!(!reach(&rooms, "10.88.2.2", "198.51.100.2:80"));
        // What has no way is told so.
        let refused = rooms.run(|| {
            let socket = UdpSocket::bind("10.88.1.2:0").unwrap();
            socket.connect("172.20.0.2:9").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.send(b"x").unwrap();
            let error = socket.recv(&mut [0]).unwrap_err();
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        });
        assert!(refused);
        // Other tables are none of our business.
        run("nft add table inet other");
        apply(&two_rooms(), Surroundings { router_by_us: true, untracked: None }).unwrap();
        run("nft list table inet other");
        remove().unwrap();
        assert!(reach(&rooms, "10.88.2.2", "172.20.0.2:22"));
    });
}

#[test]
fn closing_a_flow_closes_what_is_under_way_and_a_spoofed_source_is_dropped() {
    inside(
        "segmentation::closing_a_flow_closes_what_is_under_way_and_a_spoofed_source_is_dropped",
        false,
        || {
            let (rooms, behind) = overlay();
            apply(&two_rooms(), Surroundings::default()).unwrap();
            let echo = behind.run(|| TcpListener::bind("172.20.0.2:8001").unwrap());
            std::thread::spawn(move || {
                let (mut stream, _) = echo.accept().unwrap();
                let mut clone = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut stream, &mut clone);
            });
            let round = |stream: &mut TcpStream| {
                use std::io::{Read as _, Write as _};
                stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).is_ok()
            };
            let mut stream = rooms.run(|| TcpStream::connect("172.20.0.2:8001").unwrap());
            assert!(round(&mut stream));
            let mut closed = two_rooms();
            closed.forward.clear();
            apply(&closed, Surroundings::default()).unwrap();
            assert!(!round(&mut stream));

            // Somebody on headquarters' network claims to be room 1.
            behind.run(|| drop(run("ip address add 10.88.1.9/32 dev eth0")));
            run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");
            let capture = rooms.capture("eth0");
            let claim = || {
                let _ = works(
                    "ping -c1 -W1 -I 10.88.1.9 -p 73706f6f66 172.20.0.1; ping -c1 -W1 -I 10.88.1.9 -p 73706f6f66 10.88.1.2",
                );
            };
            let spoofed = |frame: &[u8]| crate::world::holds(frame, b"spoofspoof");
            for surroundings in with_and_without_tracking() {
                apply(&two_rooms(), surroundings).unwrap();
                behind.run(claim);
                assert_eq!(capture.count(spoofed), 0);
            }
            remove().unwrap();
            behind.run(claim);
            assert!(capture.count(spoofed) > 0, "without the table it arrives");
        },
    );
}

#[test]
fn the_tunnels_datagrams_are_tracked_only_where_another_table_needs_it() {
    inside(
        "segmentation::the_tunnels_datagrams_are_tracked_only_where_another_table_needs_it",
        false,
        || {
            let peer = Peer::new();
            run(&format!("ip link add eth0 type veth peer name eth0 netns {}", peer.tid));
            run("ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up");
            peer.run(|| drop(run("ip address add 192.0.2.2/24 dev eth0; ip link set eth0 up")));
            let ours = UdpSocket::bind("192.0.2.1:51820").unwrap();
            mark_as_ours(&ours);
            ours.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let exchange = move |peer: &Peer| {
                peer.run(|| {
                    let theirs = UdpSocket::bind("192.0.2.2:0").unwrap();
                    theirs.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                    theirs.send_to(b"x", "192.0.2.1:51820").unwrap();
                    theirs
                })
            };
            let round = |peer: &Peer| {
                let theirs = exchange(peer);
                let (_, from) = ours.recv_from(&mut [0]).unwrap();
                ours.send_to(b"y", from).unwrap();
                assert_eq!(theirs.recv(&mut [0]).unwrap(), 1);
            };
            let seen = |state: &str| {
                let rules = run("nft list table inet probe");
                let line = rules.lines().find(|line| line.contains(state)).unwrap().to_owned();
                !line.contains("packets 0 ")
            };
            let own = untracked(Some(51820));
            assert_eq!(own, Some(51820), "nobody else looks at connections");
            apply(&two_rooms(), Surroundings { router_by_us: false, untracked: own }).unwrap();
            run("nft -f - <<'END'
table inet probe {
  chain come { type filter hook input priority 10; udp dport 51820 ct state untracked counter; udp dport 51820 ct state new counter; }
  chain go { type filter hook output priority 10; udp sport 51820 ct state untracked counter comment \"gone\"; }
}
END");
            round(&peer);
            assert!(seen("untracked") && seen("gone") && !seen("new"), "both ways");
            assert_eq!(untracked(Some(51820)), None, "the probe looks at connections");
            apply(&two_rooms(), Surroundings::default()).unwrap();
            round(&peer);
            assert!(seen("new"));
        },
    );
}

/// The mark that our sockets carry.
fn mark_as_ours(socket: &UdpSocket) {
    socket2::SockRef::from(socket).set_mark(hanare_host::MARK).unwrap();
}

#[test]
fn headquarters_own_addresses_are_reached_through_the_tunnel_only() {
    inside("segmentation::headquarters_own_addresses_are_reached_through_the_tunnel_only", false, || {
        let (rooms, behind) = overlay();
        run("ip -6 address add 2001:db8::1/64 dev eth1 nodad");
        behind.run(|| {
            drop(run(
                "ip -6 address add 2001:db8::2/64 dev eth0 nodad; ip route add 10.88.0.1 via 172.20.0.1; \
                 ip -6 route add fd00:88::1 via 2001:db8::1",
            ));
        });
        let outsider = |ping: &'static str| behind.run(move || works(ping));
        for ping in ["ping -c1 -W1 10.88.0.1", "ping -6 -c1 -W1 fd00:88::1"] {
            assert!(outsider(ping), "the kernel answers on any interface: {ping}");
            for surroundings in with_and_without_tracking() {
                apply(&two_rooms(), surroundings).unwrap();
                assert!(!outsider(ping), "{ping}");
            }
            remove().unwrap();
        }
        apply(&two_rooms(), Surroundings::default()).unwrap();
        assert!(rooms.run(|| works("ping -c1 -W1 -I 10.88.1.2 10.88.0.1")));
        assert!(works("ping -c1 -W1 10.88.0.1 && ping -6 -c1 -W1 fd00:88::1"), "headquarters itself");
        assert!(outsider("ping -c1 -W1 172.20.0.1"), "its other addresses are not the firewall's business");
    });
}

/// Says `x` from one address to another and tells whether it arrives.
fn arrives(from: &UdpSocket, at: &UdpSocket) -> bool {
    at.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    from.send_to(b"x", at.local_addr().unwrap()).unwrap();
    at.recv(&mut [0]).is_ok()
}

#[test]
fn what_rooms_ask_of_headquarters_is_untracked_and_every_guard_holds() {
    inside("segmentation::what_rooms_ask_of_headquarters_is_untracked_and_every_guard_holds", false, || {
        let (rooms, _behind) = overlay();
        let mut asked = two_rooms();
        let names = PortRange { first: 53, last: 53 };
        asked.input.push(Flow {
            service: Service::Udp { ports: vec![names] },
            ..asked.input.first().unwrap().clone()
        });
        let alone = Surroundings { router_by_us: false, untracked: untracked(Some(51820)) };
        assert!(alone.untracked.is_some(), "nobody else looks at connections");
        apply(&asked, alone).unwrap();
        run("nft -f - <<'END'
table inet probe {
  chain come { type filter hook input priority 10; iifname hn0 ct state untracked counter comment \"come-untracked\"; iifname hn0 ct state new counter comment \"come-new\"; iifname hn0 ct direction reply counter comment \"come-reply\"; }
  chain go { type filter hook output priority 10; oifname hn0 ct state untracked counter comment \"go-untracked\"; oifname hn0 ct state new counter comment \"go-new\"; }
}
END");
        let seen = |comment: &str| {
            let rules = run("nft list table inet probe");
            let line = rules.lines().find(|line| line.contains(comment)).unwrap().to_owned();
            !line.contains("packets 0 ")
        };
        let bind = |address: &str| UdpSocket::bind(address).unwrap();
        let (first, second) = rooms
            .run(|| (UdpSocket::bind("10.88.1.2:4000").unwrap(), UdpSocket::bind("10.88.2.2:4000").unwrap()));
        let (first6, second6) = rooms.run(|| {
            let first = UdpSocket::bind("[fd00:88:0:1::2]:4000").unwrap();
            (first, UdpSocket::bind("[fd00:88:0:2::2]:4000").unwrap())
        });
        let (names, names6) = (bind("10.88.0.1:53"), bind("[fd00:88::1]:53"));
        let (other, other6) = (bind("10.88.0.1:5353"), bind("[fd00:88::1]:5353"));

        // What the first room may ask, and the answer.
        assert!(rooms.run(|| works("ping -c1 -W1 -I 10.88.1.2 10.88.0.1")));
        assert!(rooms.run(|| works("ping -6 -c1 -W1 -I fd00:88:0:1::2 fd00:88::1")));
        assert!(arrives(&first, &names) && arrives(&names, &first));
        assert!(arrives(&first6, &names6) && arrives(&names6, &first6));
        assert!(seen("come-untracked") && seen("go-untracked"), "both ways");
        assert!(!seen("come-new") && !seen("go-new") && !seen("come-reply"), "nothing else was said yet");

        // The second room may not, and neither room may what is not named or answer what was not asked.
        assert!(!rooms.run(|| works("ping -c1 -W1 -I 10.88.2.2 10.88.0.1")));
        assert!(!rooms.run(|| works("ping -6 -c1 -W1 -I fd00:88:0:2::2 fd00:88::1")));
        let closed =
            [(&second, &names), (&first, &other), (&second, &other), (&second6, &names6), (&first6, &other6)];
        for (from, at) in closed {
            assert!(!arrives(from, at), "{from:?} {at:?}");
        }
        assert!(!reach(&rooms, "10.88.2.2", "172.20.0.2:80"), "another company");
        assert!(!reach(&rooms, "10.88.1.2", "172.20.0.2:22"));
        assert!(reach(&rooms, "10.88.1.2", "172.20.0.2:80"));

        // What headquarters asks is answered, also from a port that it serves another room on.
        assert!(works("ping -c1 -W1 10.88.2.2 && ping -6 -c1 -W1 fd00:88:0:2::2"));
        assert!(arrives(&names, &second) && arrives(&second, &names));
        assert!(arrives(&names6, &second6) && arrives(&second6, &names6));
        assert!(arrives(&other, &first) && arrives(&first, &other));
        assert!(seen("go-new") && seen("come-reply"));

        // Another table looks at connections now: all of it is tracked.
        let accompanied = Surroundings { router_by_us: false, untracked: untracked(Some(51820)) };
        assert_eq!(accompanied.untracked, None);
        apply(&asked, accompanied).unwrap();
        assert!(rooms.run(|| works("ping -c1 -W1 -I 10.88.1.2 10.88.0.1")));
        assert!(seen("come-new"));

        remove().unwrap();
        for (from, at) in closed {
            assert!(arrives(from, at), "without the table it is open: {from:?} {at:?}");
        }
    });
}
