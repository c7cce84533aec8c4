//! The bench's ceiling: this house's input and output with the AEAD alone.
//!
//! Packets are sealed under one fixed key that everybody can read below: this measures what a data plane on the same input
//! and output could reach at most, and protects nothing.

use std::io;
use std::net::SocketAddr;

use hanare_host::tun::{self, Batch, Offload, ReadBuffer, Tun};
use hanare_host::udp::{Family, MAX_TRAIN, ReceiveBuffer, Train, Udp};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustix::event::{PollFd, PollFlags, poll};

/// Counter in front, tag behind: as long as WireGuard's.
const HEADER: usize = 16;
const TAG: usize = 16;
/// The ceiling is about throughput: a deep queue.
const RECEIVE_BUFFER: usize = 2 << 20;
const READS: usize = 64;

/// Carries packets between a new interface and one peer, for ever.
///
/// # Errors
/// As the kernel says.
pub fn run(interface: &str, port: u16, peer: SocketAddr) -> io::Result<()> {
    let mut tun = Tun::create(interface, 1420, Offload::TcpUdp).map_err(io::Error::other)?;
    let udp = Udp::bind(port, None).map_err(io::Error::other)?;
    udp.set_receive_buffer(RECEIVE_BUFFER)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map_err(|_| io::ErrorKind::InvalidInput)?;
    let key = LessSafeKey::new(key);
    let family = Family::of(peer);
    let mut outbound = Outbound {
        buffer: ReadBuffer::default(),
        memory: vec![0; 192 * 1024].into(),
        filled: 0,
        stride: 0,
        counter: 0,
    };
    let (mut receive, mut batch) = (ReceiveBuffer::default(), Batch::new(160 * 1024));
    loop {
        let mut fds = [
            PollFd::new(&tun, PollFlags::IN),
            PollFd::from_borrowed_fd(udp.fd(family).ok_or(io::ErrorKind::Unsupported)?, PollFlags::IN),
        ];
        poll(&mut fds, None)?;
        let [has_packets, has_datagrams] = fds.map(|fd| !fd.revents().is_empty());
        if has_datagrams {
            inbound(&key, &udp, family, &mut receive, &mut batch, &mut tun)?;
        }
        if has_packets {
            outbound.turn(&key, &udp, peer, &tun)?;
        }
    }
}

fn inbound(
    key: &LessSafeKey,
    udp: &Udp,
    family: Family,
    receive: &mut ReceiveBuffer,
    batch: &mut Batch,
    tun: &mut Tun,
) -> io::Result<()> {
    for _ in 0..4 {
        let Ok(mut datagrams) = udp.receive(family, receive, 32) else { return Ok(()) };
        while let Some(datagram) = datagrams.next_datagram() {
            let Some((header, sealed)) = datagram.bytes.split_at_mut_checked(HEADER) else { continue };
            let Some(counter) = header.first_chunk::<8>() else { continue };
            let Ok(packet) = key.open_in_place(nonce(u64::from_le_bytes(*counter)), Aad::empty(), sealed)
            else {
                continue;
            };
            if !batch.has_room(packet.len()) {
                tun.write(batch)?;
            }
            let length = packet.len();
            if let Some(space) = batch.space().get_mut(..length) {
                space.copy_from_slice(packet);
                batch.push(length);
            }
        }
        tun.write(batch)?;
    }
    Ok(())
}

struct Outbound {
    buffer: ReadBuffer,
    memory: Box<[u8]>,
    filled: usize,
    /// Length of each datagram in `memory` but the last.
    stride: usize,
    counter: u64,
}

impl Outbound {
    fn turn(&mut self, key: &LessSafeKey, udp: &Udp, peer: SocketAddr, tun: &Tun) -> io::Result<()> {
        for _ in 0..READS {
            let mut segments = match tun.read(&mut self.buffer) {
                Ok(segments) => segments,
                Err(error) if tun::is_gone(&error) => return Err(error),
                Err(_) => break,
            };
            while let Some(packet) = segments.next_packet() {
                let length = HEADER + packet.len() + TAG;
                let is_even = self.stride > 0 && self.filled.is_multiple_of(self.stride);
                let fits = is_even && length <= self.stride && self.filled + length <= MAX_TRAIN;
                if self.filled > 0 && !(fits && self.filled / self.stride < udp.max_train(Family::of(peer))) {
                    flush(udp, peer, &self.memory, &mut self.filled, self.stride);
                }
                if self.filled == 0 {
                    self.stride = length;
                }
                self.counter += 1;
                let end = self.filled + length;
                let Some(slot) = self.memory.get_mut(self.filled..end) else { continue };
                if seal(key, self.counter, packet, slot).is_some() {
                    self.filled = end;
                }
            }
        }
        flush(udp, peer, &self.memory, &mut self.filled, self.stride);
        Ok(())
    }
}

fn seal(key: &LessSafeKey, counter: u64, packet: &[u8], slot: &mut [u8]) -> Option<()> {
    let (header, body) = slot.split_first_chunk_mut::<HEADER>()?;
    let (text, tag) = body.split_at_mut_checked(packet.len())?;
    header.get_mut(..8)?.copy_from_slice(&counter.to_le_bytes());
    text.copy_from_slice(packet);
    let sealed = key.seal_in_place_separate_tag(nonce(counter), Aad::empty(), text).ok()?;
    tag.copy_from_slice(sealed.as_ref());
    Some(())
}

fn flush(udp: &Udp, to: SocketAddr, memory: &[u8], filled: &mut usize, stride: usize) {
    let bytes = memory.get(..*filled).unwrap_or_default();
    if !bytes.is_empty() {
        // What does not go is lost, as datagrams may be.
        let _ = udp.send(&Train { to, from: None, bytes, stride });
    }
    *filled = 0;
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes.split_at_mut(4).1.copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
