//! From the TUN device to the sockets: packets become datagrams, datagrams of one size to one peer become a train.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use hanare_host::tun::{ReadBuffer, Segments};
use hanare_host::udp::{Family, MAX_TRAIN, Train, Udp};
use hanare_wire::{Core, MIN_OUT, OVERHEAD, PeerIndex, Sent};

use super::mss;
use super::unreachable::Unreachable;

/// Room for the datagrams of one super-packet and of one that is being formed.
const QUEUE: usize = 192 * 1024;
/// Bytes after which trains are sent although more packets wait: one train's worth, so that the other side can begin.
const SEND_AT: usize = MAX_TRAIN - 1500;
/// Room for what one read may bring: a super-packet whose segments each grow by the protocol's overhead.
const READ: usize = 128 * 1024;
/// Trains in one queue; small packets to many peers make one each.
const TRAINS: usize = 256;

/// Datagrams on their way out, in order.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) buffer: ReadBuffer,
    /// What is said to whoever sends where nobody is.
    pub(super) unreachable: Unreachable,
    queue: Queue,
    /// Packets since [`Outbound::take_count`].
    count: usize,
}

#[derive(Debug)]
struct Queue {
    memory: Box<[u8]>,
    filled: usize,
    trains: Vec<Planned>,
    /// Trains that are sent already.
    sent: usize,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    start: usize,
    end: usize,
    stride: usize,
    count: usize,
    to: SocketAddr,
    peer: Option<PeerIndex>,
}

/// Which of our addresses each peer knows, by its place.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Option<IpAddr>>);

impl Sources {
    pub(super) fn of(&self, peer: Option<PeerIndex>) -> Option<IpAddr> {
        self.0.get(peer?.as_usize()).copied().flatten()
    }

    pub(super) fn learn(&mut self, peer: PeerIndex, address: Option<IpAddr>) {
        let place = peer.as_usize();
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        if let Some(source) = self.0.get_mut(place) {
            *source = address;
        }
    }

    pub(super) fn forget(&mut self, peer: Option<PeerIndex>) {
        if let Some(source) = peer.and_then(|peer| self.0.get_mut(peer.as_usize())) {
            *source = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Outbound {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            buffer: ReadBuffer::default(),
            unreachable: Unreachable::new(now),
            queue: Queue {
                memory: vec![0; QUEUE].into_boxed_slice(),
                filled: 0,
                trains: Vec::with_capacity(TRAINS),
                sent: 0,
            },
            count: 0,
        }
    }

    /// How many packets were read since this was asked last.
    pub(super) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    /// Encrypts what one read brought. `packets` is behind a closure because it borrows [`Outbound::buffer`].
    pub(super) fn read(
        &mut self,
        read: impl FnOnce(&mut ReadBuffer) -> io::Result<Segments<'_>>,
        core: &mut Core,
        udp: &Udp,
        mtu: u16,
        now: Instant,
    ) -> io::Result<()> {
        let mut segments = read(&mut self.buffer)?;
        let mut peer = None;
        while let Some(packet) = segments.next_packet() {
            // All segments of a super-packet go the same way, and a SYN is never cut.
            let Some(index) = peer.or_else(|| {
                mss::clamp(packet, mtu);
                destination(packet).and_then(|address| core.route(address))
            }) else {
                self.unreachable.answer(packet, now);
                return Ok(());
            };
            peer = Some(index);
            self.count += 1;
            let Some(space) = self.queue.space(packet.len()) else { return Ok(()) };
            match core.send(index, packet, space, now) {
                Sent::Datagram { len, to } | Sent::Handshake { len, to } => {
                    self.queue.append(len, to, Some(index), udp);
                }
                Sent::Queued | Sent::Dropped(_) => {}
            }
        }
        Ok(())
    }

    /// Takes whatever the core has due.
    pub(super) fn poll(&mut self, core: &mut Core, udp: &Udp, now: Instant) -> bool {
        let Some(space) = self.queue.space(MAX_TRAIN / 8) else { return false };
        let Some(transmit) = core.poll(space, now) else { return false };
        self.queue.append(transmit.len, transmit.to, Some(transmit.peer), udp);
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.trains.is_empty()
    }

    /// Whether enough waits to be worth a system call now.
    pub(super) fn is_full(&self) -> bool {
        self.queue.filled >= SEND_AT || self.queue.trains.len() + 1 >= TRAINS
    }

    /// Throws away what waits.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Sends everything; the family whose socket is full, if one is, with the rest kept.
    pub(super) fn flush(&mut self, udp: &Udp, sources: &mut Sources) -> Option<Family> {
        self.flush_but(0, udp, sources)
    }

    /// Sends all but the last train, to which the next packets may belong: a super-packet of 64 KiB is longer than a
    /// train once its segments are sealed, and without this every second system call carried three datagrams.
    pub(super) fn flush_full(&mut self, udp: &Udp, sources: &mut Sources) -> Option<Family> {
        self.flush_but(1, udp, sources)
    }

    fn flush_but(&mut self, kept: usize, udp: &Udp, sources: &mut Sources) -> Option<Family> {
        while self.queue.sent + kept < self.queue.trains.len() {
            let Some(train) = self.queue.trains.get(self.queue.sent) else { break };
            let bytes = self.queue.memory.get(train.start..train.end).unwrap_or_default();
            let wagon = Train { to: train.to, from: sources.of(train.peer), bytes, stride: train.stride };
            match udp.send(&wagon) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(Family::of(train.to)),
                Err(error) => {
                    // The kill switch (EPERM), no route, no buffers: lost, as datagrams may be; the protocol tries again.
                    tracing::trace!(to = %train.to, %error, "not sent");
                    sources.forget(train.peer);
                }
                Ok(()) => {}
            }
            self.queue.sent += 1;
        }
        self.queue.forget_sent();
        None
    }
}

impl Queue {
    fn clear(&mut self) {
        self.trains.clear();
        self.filled = 0;
        self.sent = 0;
    }

    /// Makes room again; a train that waits moves to the front only if it is in the way.
    fn forget_sent(&mut self) {
        self.trains.drain(..self.sent.min(self.trains.len()));
        self.sent = 0;
        let Some(start) = self.trains.first().map(|train| train.start) else { return self.clear() };
        if self.memory.len() - self.filled < READ {
            self.memory.copy_within(start..self.filled, 0);
            self.filled -= start;
            for train in &mut self.trains {
                train.start -= start;
                train.end -= start;
            }
        }
    }

    /// Room for an inner packet of `length` bytes as a datagram.
    fn space(&mut self, length: usize) -> Option<&mut [u8]> {
        // Padding to 16 bytes is the core's choice.
        let needed = (length + OVERHEAD + 16).max(MIN_OUT);
        if self.trains.len() >= TRAINS {
            return None;
        }
        self.memory.get_mut(self.filled..).filter(|space| space.len() >= needed)
    }

    /// Takes the datagram at the start of the space.
    fn append(&mut self, length: usize, to: SocketAddr, peer: Option<PeerIndex>, udp: &Udp) {
        let start = self.filled;
        self.filled += length;
        if let Some(train) = self.trains.last_mut() {
            let bytes = train.end - train.start;
            let is_even = bytes == train.count * train.stride;
            let fits = train.count < udp.max_train(Family::of(to)) && bytes + length <= MAX_TRAIN;
            if fits && is_even && length <= train.stride && train.to == to && train.peer == peer {
                train.end = self.filled;
                train.count += 1;
                return;
            }
        }
        self.trains.push(Planned { start, end: self.filled, stride: length, count: 1, to, peer });
    }
}

/// Where an IP packet goes.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(16..20)?.first_chunk::<4>().map(|bytes| Ipv4Addr::from(*bytes).into()),
        6 => packet.get(24..40)?.first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hanare_host::udp::ReceiveBuffer;

    /// A packet of the usual MTU, sealed.
    const SEALED: usize = 1392;

    fn add(outbound: &mut Outbound, udp: &Udp, numbers: std::ops::Range<u8>) {
        let to = (Ipv4Addr::LOCALHOST, udp.port()).into();
        for number in numbers {
            outbound.queue.space(SEALED - OVERHEAD).unwrap()[..SEALED].fill(number);
            outbound.queue.append(SEALED, to, None, udp);
        }
    }

    #[test]
    fn a_train_that_is_not_full_waits_for_the_packets_of_the_next_read() {
        let udp = Udp::bind_to((Ipv4Addr::LOCALHOST, 0).into(), None).unwrap();
        let (mut outbound, mut sources) = (Outbound::new(Instant::now()), Sources::default());
        add(&mut outbound, &udp, 0..50);
        assert!(outbound.is_full());
        assert_eq!(outbound.flush_full(&udp, &mut sources), None);
        let waiting: Vec<usize> = outbound.queue.trains.iter().map(|train| train.count).collect();
        assert_eq!(waiting, [3], "47 datagrams are the longest train");
        add(&mut outbound, &udp, 50..94);
        assert_eq!(outbound.queue.trains.len(), 1);
        assert_eq!(outbound.flush(&udp, &mut sources), None);
        assert!(outbound.is_empty());
        let (mut buffer, mut arrived) = (ReceiveBuffer::default(), Vec::new());
        for _ in 0..1000 {
            let Ok(mut datagrams) = udp.receive(Family::V4, &mut buffer, 32) else { continue };
            while let Some(datagram) = datagrams.next_datagram() {
                assert!(datagram.bytes.iter().all(|byte| *byte == datagram.bytes[0]));
                arrived.push(datagram.bytes[0]);
            }
        }
        assert_eq!(arrived, (0..94).collect::<Vec<u8>>());
    }
}
