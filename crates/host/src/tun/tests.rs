//! Joining and cutting against each other: what comes out of a super-packet is what went into it.

#![expect(clippy::cast_possible_truncation, reason = "counters and payloads of a few packets")]

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use proptest::prelude::*;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::checksum::Sum;
use super::coalesce::Batch;
use super::device::Offload;
use super::header::{Header, Kind, LENGTH};
use super::packet::{TCP, UDP, pseudo, put, put_ip_length};
use super::split::Segments;

#[derive(Debug, Clone, Copy)]
struct Flow {
    is_v6: bool,
    protocol: u8,
    port: u16,
}

fn packet(flow: Flow, number: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = if flow.is_v6 {
        let mut header = vec![0x60, 0, 0, 0, 0, 0, flow.protocol, 64];
        header.extend([0xfd; 16]);
        header.extend([0xfc; 16]);
        header
    } else {
        let [a, b] = number.to_be_bytes();
        vec![0x45, 0, 0, 0, a, b, 0x40, 0, 64, flow.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
    };
    let transport = packet.len();
    packet.extend(flow.port.to_be_bytes());
    packet.extend(443u16.to_be_bytes());
    if flow.protocol == TCP {
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 7, 0x80, flags, 1, 0, 0, 0, 0, 0]);
        packet.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    } else {
        packet.extend(u16::try_from(payload.len() + 8).unwrap().to_be_bytes());
        packet.extend([0, 0]);
    }
    packet.extend(payload);
    seal(&mut packet, flow, transport);
    packet
}

/// Lengths and checksums.
fn seal(packet: &mut [u8], flow: Flow, transport: usize) {
    put_ip_length(packet, flow.is_v6, transport, packet.len()).unwrap();
    let at = transport + if flow.protocol == TCP { 16 } else { 6 };
    put(packet, at, [0, 0]).unwrap();
    let length = u16::try_from(packet.len() - transport).unwrap();
    let sum =
        pseudo(packet, flow.is_v6, flow.protocol, length).unwrap().bytes(&packet[transport..]).complement();
    put(packet, at, sum).unwrap();
}

/// A device that keeps message boundaries, and its other end.
fn device() -> (File, File) {
    let (a, b): (OwnedFd, OwnedFd) =
        socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::NONBLOCK, None).unwrap();
    (a.into(), b.into())
}

/// Writes a batch and cuts what arrives: the packets, and the number of writes.
fn through(packets: &[Vec<u8>], mut offload: Offload) -> (Vec<Vec<u8>>, usize) {
    let mut batch = Batch::new(1 << 20);
    for packet in packets {
        assert!(batch.has_room(packet.len()));
        batch.space()[..packet.len()].copy_from_slice(packet);
        batch.push(packet.len());
    }
    let (near, mut far) = device();
    let (mut out, mut writes) = (Vec::new(), 0);
    // A socket holds less than a device: written group by group would be the same.
    let dropped = batch.write(&near, true, &mut offload).unwrap();
    assert_eq!(dropped, 0);
    assert!(batch.is_empty());
    let mut buffer = vec![0; LENGTH + 65_535];
    while let Ok(length) = far.read(&mut buffer) {
        writes += 1;
        let (header, packet) = buffer[..length].split_first_chunk_mut::<LENGTH>().unwrap();
        let header = Header::decode(header).unwrap();
        let mut segments = Segments::new(header, packet);
        while let Some(segment) = segments.next_packet() {
            out.push(segment.to_vec());
        }
    }
    (out, writes)
}

const TCP4: Flow = Flow { is_v6: false, protocol: TCP, port: 1 };
const TCP6: Flow = Flow { is_v6: true, protocol: TCP, port: 2 };
const UDP4: Flow = Flow { is_v6: false, protocol: UDP, port: 3 };
const UDP6: Flow = Flow { is_v6: true, protocol: UDP, port: 4 };

/// `count` packets of `size` bytes and a shorter one.
fn stream(flow: Flow, count: u16, size: usize, last: usize) -> Vec<Vec<u8>> {
    let mut sequence = u32::MAX - 100;
    (0..=count)
        .map(|number| {
            let is_last = number == count;
            let payload = vec![number as u8 ^ 0x5a; if is_last { last } else { size }];
            let packet = packet(flow, number, sequence, if is_last { 0x18 } else { 0x10 }, &payload);
            sequence = sequence.wrapping_add(payload.len() as u32);
            packet
        })
        .collect()
}

#[test]
fn a_stream_is_one_write_and_comes_out_as_it_went_in() {
    for flow in [TCP4, TCP6, UDP4, UDP6] {
        let packets = stream(flow, 30, 1300, 77);
        let (out, writes) = through(&packets, Offload::TcpUdp);
        assert_eq!(out, packets, "{flow:?}");
        assert_eq!(writes, 1, "{flow:?}");
    }
}

#[test]
fn interleaved_streams_are_one_write_each() {
    let streams = [TCP4, UDP4, TCP6, UDP6].map(|flow| stream(flow, 9, 1200, 1200));
    let mixed: Vec<_> = (0..10).flat_map(|i| streams.iter().map(move |stream| stream[i].clone())).collect();
    let (out, writes) = through(&mixed, Offload::TcpUdp);
    assert_eq!(writes, 4);
    assert_eq!(out, streams.concat());
}

#[test]
fn without_offload_each_packet_is_written_as_it_is() {
    let packets = stream(TCP4, 5, 1000, 10);
    let (out, writes) = through(&packets, Offload::None);
    assert_eq!((out, writes), (packets, 6));
    let packets = stream(UDP4, 5, 1000, 10);
    assert_eq!(through(&packets, Offload::Tcp), (packets, 6));
}

#[test]
fn a_packet_with_a_wrong_checksum_is_passed_on_wrong() {
    let mut packets = stream(TCP4, 4, 1000, 1000);
    packets[2][100] ^= 1;
    let (out, writes) = through(&packets, Offload::TcpUdp);
    assert_eq!(out, packets);
    assert_eq!(writes, 3);
}

#[test]
fn a_gap_a_flag_or_another_option_begins_anew() {
    let base = stream(TCP4, 4, 1000, 1000);
    let gap = [base[0].clone(), base[2].clone()];
    let mut fin = [base[0].clone(), base[1].clone()];
    fin[1][33] |= 1;
    let mut option = [base[0].clone(), base[1].clone()];
    option[1][47] ^= 1;
    let mut hops = [base[0].clone(), base[1].clone()];
    hops[1][8] = 3;
    for mut packets in [gap, fin, option, hops] {
        seal(&mut packets[1], TCP4, 20);
        let (out, writes) = through(&packets, Offload::TcpUdp);
        assert_eq!((out, writes), (packets.to_vec(), 2));
    }
}

#[test]
fn what_contradicts_its_header_yields_nothing() {
    let good = stream(TCP4, 1, 100, 100).remove(0);
    let header = Header {
        needs_checksum: true,
        kind: Kind::Tcp4,
        transport_end: 52,
        segment: 50,
        checksum_start: 20,
        checksum_offset: 16,
    };
    for bad in [
        Header { segment: 0, ..header },
        Header { checksum_start: 4, ..header },
        Header { checksum_start: 200, ..header },
        Header { kind: Kind::Single, checksum_start: 300, ..header },
    ] {
        assert!(Segments::new(bad, &mut good.clone()).next_packet().is_none(), "{bad:?}");
    }
    assert!(Segments::new(header, &mut []).next_packet().is_none());
    assert!(Segments::new(header, &mut good.clone()).next_packet().is_some());
}

#[test]
fn the_checksum_that_the_kernel_left_open_is_finished() {
    let whole = stream(UDP6, 1, 301, 10).remove(0);
    let mut open = whole.clone();
    let sum = pseudo(&open, true, UDP, u16::try_from(open.len() - 40).unwrap()).unwrap().fold();
    put(&mut open, 46, sum).unwrap();
    let header = Header { needs_checksum: true, checksum_start: 40, checksum_offset: 6, ..Header::SINGLE };
    assert_eq!(Segments::new(header, &mut open).next_packet().unwrap(), whole);
}

proptest! {
    #[test]
    fn whatever_is_joined_comes_apart_again(
        choices in proptest::collection::vec((0usize..4, 1usize..1400, any::<bool>()), 1..60)
    ) {
        let flows = [TCP4, TCP6, UDP4, UDP6];
        let mut state = [(0u16, 5u32); 4];
        let mut packets = Vec::new();
        for (which, size, full) in choices {
            let (number, sequence) = state[which];
            let payload = vec![number as u8; if full { 1200 } else { size }];
            packets.push((which, packet(flows[which], number, sequence, 0x10, &payload)));
            state[which] = (number + 1, sequence + payload.len() as u32);
        }
        let plain: Vec<_> = packets.iter().map(|(_, packet)| packet.clone()).collect();
        let (out, _) = through(&plain, Offload::TcpUdp);
        // Flows may overtake each other, packets of one flow may not.
        for (which, flow) in flows.iter().enumerate() {
            let sent: Vec<_> = packets.iter().filter(|(w, _)| *w == which).map(|(_, p)| p.clone()).collect();
            let at = if flow.is_v6 { 40 } else { 20 };
            let came: Vec<_> =
                out.iter().filter(|p| p.get(at..at + 2) == Some(&flow.port.to_be_bytes()[..])).cloned().collect();
            prop_assert_eq!(came, sent);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in any::<[u8; LENGTH]>()) {
        let mut batch = Batch::new(1024);
        batch.space()[..bytes.len()].copy_from_slice(&bytes);
        batch.push(bytes.len());
        let (near, _far) = device();
        let _ = batch.write(&near, true, &mut Offload::TcpUdp.clone());
        if let Some(header) = Header::decode(&header) {
            let mut bytes = bytes;
            let mut segments = Segments::new(header, &mut bytes);
            while segments.next_packet().is_some() {}
        }
    }
}

#[test]
fn the_sum_of_parts_is_the_sum_of_the_whole() {
    let bytes: Vec<u8> = (0..=255).collect();
    let parts = Sum::default().bytes(&bytes[..40]).bytes(&bytes[40..]);
    assert_eq!(parts.fold(), Sum::default().bytes(&bytes).fold());
}
