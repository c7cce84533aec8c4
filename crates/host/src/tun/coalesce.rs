//! Joining packets of one flow into super-packets, so that the kernel takes 64 KiB per system call.
//!
//! Packets stay where they were decrypted; a super-packet is written as header, first packet and further payloads (`writev`).

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::ops::Range;

use super::device::Offload;
use super::header::{Header, Kind};
use super::packet::{Layout, TCP, put, put_ip_length, read16, read32};

/// Packets in one batch at most.
pub const MAX_BATCH: usize = 512;
/// Packets in one super-packet at most; the kernel's own GRO stops a UDP train at 64.
const MAX_JOINED: usize = 64;
/// Flows that stay open for joining; more than this at a time are rare in one batch and only cost a system call.
const OPEN: usize = 16;
/// No IP packet is longer.
const MAX_LENGTH: usize = 65_535;
/// The longest header that is joined: IPv6 and TCP with all options.
const MAX_HEADERS: usize = 100;

const ACK: u8 = 0x10;
const PSH: u8 = 0x08;

/// A buffer full of packets on their way to a device. Made once, used again and again.
#[derive(Debug)]
pub struct Batch {
    memory: Box<[u8]>,
    /// Bytes of `memory` in use.
    filled: usize,
    packets: Vec<Packet>,
    groups: Vec<Group>,
    open: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Packet {
    range: Range<usize>,
    /// Where the payload begins within the packet.
    payload: usize,
    /// The next packet of the group, or `NONE`.
    next: u16,
}

const NONE: u16 = u16::MAX;

#[derive(Debug)]
struct Group {
    first: u16,
    last: u16,
    count: usize,
    /// Of the joined packet.
    length: usize,
    /// Payload bytes of each packet but the last.
    segment: usize,
    layout: Option<Layout>,
    next_sequence: u32,
}

impl Batch {
    /// Makes room for `bytes` of packets and [`MAX_BATCH`] packets.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            memory: vec![0; bytes].into_boxed_slice(),
            filled: 0,
            packets: Vec::with_capacity(MAX_BATCH),
            groups: Vec::with_capacity(MAX_BATCH),
            open: Vec::with_capacity(OPEN),
        }
    }

    /// Whether a packet of up to `length` bytes still fits.
    #[must_use]
    pub fn has_room(&self, length: usize) -> bool {
        self.packets.len() < MAX_BATCH && self.memory.len() - self.filled >= length
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Where the next packet goes; call [`Batch::push`] when it is there.
    pub fn space(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.filled..).unwrap_or_default()
    }

    /// The packet of `length` bytes that lies at the start of [`Batch::space`], before it is pushed.
    pub fn pending(&mut self, length: usize) -> &mut [u8] {
        self.memory.get_mut(self.filled..self.filled + length).unwrap_or_default()
    }

    /// Takes the packet of `length` bytes at the start of [`Batch::space`].
    pub fn push(&mut self, length: usize) {
        let range = self.filled..self.filled + length;
        if self.packets.len() >= MAX_BATCH || range.end > self.memory.len() || length == 0 {
            return;
        }
        self.filled = range.end;
        let Some(bytes) = self.memory.get(range.clone()) else { return };
        let layout = Layout::of(bytes).filter(|layout| layout.payload <= MAX_HEADERS);
        let payload = layout.map_or(length, |layout| layout.payload);
        let Ok(index) = u16::try_from(self.packets.len()) else { return };
        self.packets.push(Packet { range, payload, next: NONE });
        if layout.is_some_and(|layout| self.join(index, layout)) {
            return;
        }
        self.begin(index, layout);
    }

    /// Starts a group of one.
    fn begin(&mut self, index: u16, layout: Option<Layout>) {
        let Some(packet) = self.packets.get(usize::from(index)) else { return };
        let Some(bytes) = self.memory.get(packet.range.clone()) else { return };
        let segment = bytes.len() - packet.payload;
        let joinable = layout.filter(|layout| segment > 0 && may_begin(bytes, *layout));
        let sequence = layout.and_then(|layout| read32(bytes, layout.transport + 4)).unwrap_or(0);
        let group = Group {
            first: index,
            last: index,
            count: 1,
            length: bytes.len(),
            segment,
            layout: joinable,
            next_sequence: sequence.wrapping_add(u32::try_from(segment).unwrap_or(0)),
        };
        let Ok(place) = u16::try_from(self.groups.len()) else { return };
        self.groups.push(group);
        if joinable.is_some() {
            if self.open.len() >= OPEN {
                self.open.remove(0);
            }
            self.open.push(place);
        }
    }

    /// Appends the packet to the open group of its flow, or closes that group; whether it was appended.
    fn join(&mut self, index: u16, layout: Layout) -> bool {
        let Some(bytes) = self.packets.get(usize::from(index)).and_then(|p| self.memory.get(p.range.clone()))
        else {
            return false;
        };
        for (place, group_index) in self.open.iter().enumerate().rev() {
            let Some(group) = self.groups.get_mut(usize::from(*group_index)) else { continue };
            let first =
                self.packets.get(usize::from(group.first)).and_then(|p| self.memory.get(p.range.clone()));
            let Some(first) = first else { continue };
            if group.layout != Some(layout) || !same_flow(first, bytes, layout) {
                continue;
            }
            let payload = bytes.len() - layout.payload;
            let fits = group.count < MAX_JOINED
                && payload > 0
                && payload <= group.segment
                && group.length + payload <= MAX_LENGTH
                && same_headers(first, bytes, layout)
                && (layout.protocol != TCP
                    || read32(bytes, layout.transport + 4) == Some(group.next_sequence))
                && checksum_holds(bytes, layout);
            let ends = !fits || payload < group.segment || is_pushed(bytes, layout);
            if fits {
                if let Some(last) = self.packets.get_mut(usize::from(group.last)) {
                    last.next = index;
                }
                group.last = index;
                group.count += 1;
                group.length += payload;
                group.next_sequence = group.next_sequence.wrapping_add(u32::try_from(payload).unwrap_or(0));
            }
            if ends {
                // What follows in this flow must not overtake it: groups are written in order of their beginning.
                self.open.remove(place);
            }
            return fits;
        }
        false
    }

    /// Writes everything; see [`super::Tun::write`].
    pub(super) fn write(
        &mut self,
        file: &File,
        has_header: bool,
        offload: &mut Offload,
    ) -> io::Result<usize> {
        let mut dropped = 0;
        let mut outcome = Ok(());
        for group in &self.groups {
            let writer = Writer { file, has_header, packets: &self.packets, memory: &mut self.memory };
            match writer.group(group, offload) {
                Ok(lost) => dropped += lost,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.packets.clear();
        self.groups.clear();
        self.open.clear();
        self.filled = 0;
        outcome.map(|()| dropped)
    }
}

struct Writer<'b> {
    file: &'b File,
    has_header: bool,
    packets: &'b [Packet],
    memory: &'b mut [u8],
}

impl Writer<'_> {
    /// Writes one group; the number of packets that the kernel refused.
    fn group(mut self, group: &Group, offload: &mut Offload) -> io::Result<usize> {
        let needed = match group.layout {
            Some(layout) if group.count > 1 && layout.protocol == TCP => Offload::Tcp,
            Some(_) if group.count > 1 => Offload::TcpUdp,
            _ => return self.each(group),
        };
        if *offload < needed {
            return self.each(group);
        }
        let Some(saved) = self.save(group) else { return self.each(group) };
        match self.joined(group) {
            Some(Ok(())) => return Ok(0),
            Some(Err(error)) if super::is_gone(&error) => return Err(error),
            // This kernel does not take what it promised: from now on one by one.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                *offload = if needed == Offload::TcpUdp { Offload::Tcp } else { Offload::None };
                tracing::info!(?needed, "the TUN device refuses joined packets");
            }
            Some(Err(_)) => return Ok(group.count),
            None => {}
        }
        self.restore(group, saved);
        self.each(group)
    }

    /// Each packet by itself, as it came.
    fn each(&self, group: &Group) -> io::Result<usize> {
        let header = Header::SINGLE.encode();
        let mut lost = 0;
        let mut index = group.first;
        while let Some(packet) = self.packets.get(usize::from(index)) {
            let bytes = self.memory.get(packet.range.clone()).unwrap_or_default();
            let outcome = if self.has_header {
                (&mut &*self.file).write_vectored(&[IoSlice::new(&header), IoSlice::new(bytes)])
            } else {
                (&mut &*self.file).write(bytes)
            };
            match outcome {
                Ok(_) => {}
                Err(error) if super::is_gone(&error) => return Err(error),
                Err(_) => lost += 1,
            }
            index = packet.next;
        }
        Ok(lost)
    }

    fn first(&mut self, group: &Group) -> Option<&mut [u8]> {
        let range = self.packets.get(usize::from(group.first))?.range.clone();
        self.memory.get_mut(range)
    }

    fn save(&mut self, group: &Group) -> Option<[u8; MAX_HEADERS]> {
        let mut saved = [0; MAX_HEADERS];
        let length = group.layout?.payload;
        saved.get_mut(..length)?.copy_from_slice(self.first(group)?.get(..length)?);
        Some(saved)
    }

    fn restore(&mut self, group: &Group, saved: [u8; MAX_HEADERS]) {
        let length = group.layout.map_or(0, |layout| layout.payload);
        if let (Some(first), Some(saved)) =
            (self.first(group).and_then(|first| first.get_mut(..length)), saved.get(..length))
        {
            first.copy_from_slice(saved);
        }
    }

    /// One super-packet; `None` if it cannot be formed.
    fn joined(&mut self, group: &Group) -> Option<io::Result<()>> {
        let layout = group.layout?;
        let last = self.packets.get(usize::from(group.last))?.range.clone();
        let last_flags = self.memory.get(last)?.get(layout.transport + 13).copied();
        let first = self.first(group)?;
        put_ip_length(first, layout.is_v6, layout.transport, group.length)?;
        let transport_length = u16::try_from(group.length - layout.transport).ok()?;
        let (kind, checksum_offset) = if layout.protocol == TCP {
            if let (Some(flags), Some(last)) = (first.get_mut(layout.transport + 13), last_flags) {
                *flags |= last & PSH;
            }
            (if layout.is_v6 { Kind::Tcp6 } else { Kind::Tcp4 }, 16)
        } else {
            put(first, layout.transport + 4, transport_length.to_be_bytes())?;
            (Kind::Udp, 6)
        };
        let sum = layout.pseudo(first, transport_length)?.fold();
        put(first, layout.transport + usize::from(checksum_offset), sum)?;
        let header = Header {
            needs_checksum: true,
            kind,
            transport_end: u16::try_from(layout.payload).ok()?,
            segment: u16::try_from(group.segment).ok()?,
            checksum_start: u16::try_from(layout.transport).ok()?,
            checksum_offset,
        }
        .encode();
        let mut slices = [IoSlice::new(&[]); MAX_JOINED + 1];
        let (head, rest) = slices.split_first_mut()?;
        *head = IoSlice::new(&header);
        let mut index = group.first;
        let mut used = 1;
        for slice in rest {
            let Some(packet) = self.packets.get(usize::from(index)) else { break };
            let bytes = self.memory.get(packet.range.clone())?;
            *slice = IoSlice::new(if index == group.first { bytes } else { bytes.get(packet.payload..)? });
            used += 1;
            index = packet.next;
        }
        Some((&mut &*self.file).write_vectored(slices.get(..used)?).map(drop))
    }
}

/// Whether further packets may be appended to this one.
fn may_begin(packet: &[u8], layout: Layout) -> bool {
    if layout.protocol == TCP {
        packet.get(layout.transport + 13) == Some(&ACK) && checksum_holds(packet, layout)
    } else {
        // A UDP packet without a checksum must stay without.
        read16(packet, layout.transport + 6).is_some_and(|sum| sum != 0) && checksum_holds(packet, layout)
    }
}

/// A checksum that is wrong stays wrong: joining would mend it silently.
fn checksum_holds(packet: &[u8], layout: Layout) -> bool {
    let length = u16::try_from(packet.len() - layout.transport).ok();
    let sum = length.and_then(|length| layout.pseudo(packet, length));
    let transport = packet.get(layout.transport..).unwrap_or_default();
    sum.is_some_and(|sum| sum.bytes(transport).fold() == [0xff, 0xff])
}

fn is_pushed(packet: &[u8], layout: Layout) -> bool {
    layout.protocol == TCP && packet.get(layout.transport + 13).is_some_and(|flags| flags & PSH != 0)
}

/// Addresses and ports.
fn same_flow(a: &[u8], b: &[u8], layout: Layout) -> bool {
    let from = if layout.is_v6 { 8 } else { 12 };
    let to = layout.transport + 4;
    a.get(from..to) == b.get(from..to)
}

/// Everything that all packets of a super-packet share.
fn same_headers(a: &[u8], b: &[u8], layout: Layout) -> bool {
    let same = |range: Range<usize>| a.get(range.clone()) == b.get(range);
    // Traffic class, then hop limit and protocol; for IPv4 also the flags.
    let ip = if layout.is_v6 { same(0..4) && same(6..8) } else { same(0..2) && same(6..10) };
    if layout.protocol != TCP {
        return ip && read16(b, layout.transport + 6).is_some_and(|sum| sum != 0);
    }
    let tcp = layout.transport;
    // Acknowledgement and offset; flags may differ in PSH; window; options.
    ip && same(tcp + 8..tcp + 13)
        && b.get(tcp + 13).is_some_and(|flags| flags & !PSH == ACK)
        && same(tcp + 14..tcp + 16)
        && same(tcp + 20..layout.payload)
}
