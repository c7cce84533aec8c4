//! The sockets against themselves over loopback.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Family, ReceiveBuffer, Train, Udp, UdpError};

fn receive(udp: &Udp, family: Family, wanted: usize) -> Vec<Vec<u8>> {
    let mut buffer = ReceiveBuffer::default();
    let mut all = Vec::new();
    let start = Instant::now();
    while all.len() < wanted && start.elapsed() < Duration::from_secs(5) {
        if let Ok(mut datagrams) = udp.receive(family, &mut buffer, 8) {
            while let Some(datagram) = datagrams.next_datagram() {
                all.push(datagram.bytes.to_vec());
            }
        }
    }
    all
}

#[test]
fn both_families_have_one_port_and_a_second_pair_cannot_have_it() {
    let udp = Udp::bind(0, None).unwrap();
    assert_ne!(udp.port(), 0);
    assert!(matches!(Udp::bind(udp.port(), None), Err(UdpError::PortInUse(port)) if port == udp.port()));
}

#[test]
fn one_address_is_bound_and_no_other() {
    for (own, other) in [(Ipv4Addr::LOCALHOST.into(), Family::V6), (Ipv6Addr::LOCALHOST.into(), Family::V4)] {
        let address = SocketAddr::new(own, 0);
        let udp = Udp::bind_to(address, None).unwrap();
        assert!(udp.fd(Family::of(address)).is_some() && udp.fd(other).is_none());
        // The port is free everywhere else.
        let elsewhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), udp.port());
        Udp::bind_to(elsewhere, None).unwrap();
        let udp = Udp::from_fds(udp.into_fds().collect::<Vec<_>>()).unwrap();
        assert!(udp.fd(Family::of(address)).is_some() && udp.fd(other).is_none());
        udp.send(&Train { to: (own, udp.port()).into(), from: None, bytes: b"x", stride: 1 }).unwrap();
        assert_eq!(receive(&udp, Family::of(address), 1), [b"x".to_vec()]);
    }
    let everywhere = Udp::bind_to((Ipv6Addr::UNSPECIFIED, 0).into(), None).unwrap();
    assert!(everywhere.fd(Family::V4).is_some() && everywhere.fd(Family::V6).is_some());
    assert!(Udp::bind_to((Ipv4Addr::new(192, 0, 2, 77), 0).into(), None).is_err());
}

#[test]
fn a_train_arrives_datagram_by_datagram() {
    let (a, b) = (Udp::bind(0, None).unwrap(), Udp::bind(0, None).unwrap());
    let bytes: Vec<u8> = (0..10_100u32).map(|i| (i % 251) as u8).collect();
    let places: [SocketAddr; 2] =
        [(Ipv4Addr::LOCALHOST, b.port()).into(), (Ipv6Addr::LOCALHOST, b.port()).into()];
    for to in places {
        if a.fd(Family::of(to)).is_none() {
            continue;
        }
        a.send(&Train { to, from: None, bytes: &bytes, stride: 1000 }).unwrap();
        let came = receive(&b, Family::of(to), 11);
        assert_eq!(came.len(), 11);
        assert_eq!(came.concat(), bytes);
    }
}

#[test]
fn a_source_address_that_is_gone_costs_neither_the_datagram_nor_the_offload() {
    let (a, b) = (Udp::bind(0, None).unwrap(), Udp::bind(0, None).unwrap());
    let before = a.max_train(Family::V4);
    let to = (Ipv4Addr::LOCALHOST, b.port()).into();
    let from = Some(Ipv4Addr::new(192, 0, 2, 77).into());
    a.send(&Train { to, from, bytes: &[7; 300], stride: 100 }).unwrap();
    assert_eq!(receive(&b, Family::V4, 3).len(), 3);
    assert_eq!(a.max_train(Family::V4), before);
}

#[test]
fn sockets_survive_being_handed_over() {
    let a = Udp::bind(0, None).unwrap();
    let port = a.port();
    let fds: Vec<_> = a.into_fds().collect();
    let a = Udp::from_fds(fds).unwrap();
    assert_eq!(a.port(), port);
    a.send(&Train { to: (Ipv4Addr::LOCALHOST, port).into(), from: None, bytes: b"x", stride: 1 }).unwrap();
    assert_eq!(receive(&a, Family::V4, 1), [b"x".to_vec()]);
}

#[test]
fn a_receive_buffer_grows_and_never_shrinks() {
    let udp = Udp::bind(0, None).unwrap();
    let size = || socket2::SockRef::from(&udp.fd(Family::V4).unwrap()).recv_buffer_size().unwrap();
    let before = size();
    udp.set_receive_buffer(before / 4).unwrap();
    assert_eq!(size(), before);
    udp.set_receive_buffer(before / 2 + 1024).unwrap();
    assert!(size() >= before);
}
