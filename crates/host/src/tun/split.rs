//! Cutting a super-packet that the kernel handed over whole (TSO, USO) into the packets that travel.

use super::checksum::Sum;
use super::header::{Header, Kind};
use super::packet::{TCP, UDP, pseudo, put, put_ip_length, read16, read32};

/// IPv4 with options and TCP with options: 120 bytes; IPv6 extension headers are kept shorter by the kernel.
const MAX_HEADERS: usize = 256;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// The packets of one read, each complete with lengths and checksums.
///
/// The payload is never moved: the headers are written again in front of each segment, over bytes of the segment before,
/// which its reader is done with.
#[derive(Debug)]
pub struct Segments<'b> {
    packet: &'b mut [u8],
    plan: Plan,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack, and a box would be an allocation per packet"
)]
enum Plan {
    Single,
    Cut(Cut),
    Done,
}

#[derive(Debug)]
struct Cut {
    headers: [u8; MAX_HEADERS],
    /// Bytes of `headers` in use.
    length: usize,
    transport: usize,
    segment: usize,
    is_v6: bool,
    is_tcp: bool,
    /// Where the next segment's payload begins.
    at: usize,
    index: u16,
}

impl<'b> Segments<'b> {
    /// Takes a packet without offload.
    pub(crate) fn single(packet: &'b mut [u8]) -> Self {
        Self { packet, plan: Plan::Single }
    }

    /// Takes a packet as its header describes it; one that contradicts its header yields nothing.
    pub(crate) fn new(header: Header, packet: &'b mut [u8]) -> Self {
        let plan = if header.kind == Kind::Single {
            if header.needs_checksum && complete(header, packet).is_none() {
                Plan::Done
            } else {
                Plan::Single
            }
        } else {
            Cut::new(header, packet).map_or(Plan::Done, Plan::Cut)
        };
        Self { packet, plan }
    }

    /// The next packet; `None` after the last.
    pub fn next_packet(&mut self) -> Option<&mut [u8]> {
        match &mut self.plan {
            Plan::Done => None,
            Plan::Single => {
                self.plan = Plan::Done;
                Some(self.packet)
            }
            Plan::Cut(cut) => {
                let range = cut.next(self.packet)?;
                self.packet.get_mut(range)
            }
        }
    }

    /// Bytes read, headers once.
    #[must_use]
    pub fn length(&self) -> usize {
        self.packet.len()
    }
}

/// Finishes the checksum that the kernel left to the device.
fn complete(header: Header, packet: &mut [u8]) -> Option<()> {
    let start = usize::from(header.checksum_start);
    let at = start + usize::from(header.checksum_offset);
    // The field holds the pseudo header's sum, so summing over it is right.
    let mut sum = Sum::default().bytes(packet.get(start..)?).complement();
    if sum == [0, 0] && header.checksum_offset == 6 {
        // In UDP zero would say that there is none.
        sum = [0xff, 0xff];
    }
    put(packet, at, sum)
}

impl Cut {
    fn new(header: Header, packet: &[u8]) -> Option<Self> {
        let transport = usize::from(header.checksum_start);
        let is_v6 = match packet.first()? >> 4 {
            4 => false,
            6 => true,
            _ => return None,
        };
        let is_tcp = header.kind.is_tcp();
        // The kernel's own header length may be that of the whole first packet on a forwarded path: parse.
        let length = if is_tcp {
            let words = packet.get(transport + 12)? >> 4;
            (words >= 5).then(|| transport + usize::from(words) * 4)?
        } else {
            transport + 8
        };
        let least = if is_v6 { 40 } else { 20 };
        if header.segment == 0 || transport < least || length >= packet.len() {
            return None;
        }
        let mut headers = [0; MAX_HEADERS];
        headers.get_mut(..length)?.copy_from_slice(packet.get(..length)?);
        Some(Self {
            headers,
            length,
            transport,
            segment: usize::from(header.segment),
            is_v6,
            is_tcp,
            at: length,
            index: 0,
        })
    }

    fn next(&mut self, packet: &mut [u8]) -> Option<std::ops::Range<usize>> {
        let payload = self.segment.min(packet.len().checked_sub(self.at)?);
        if payload == 0 {
            return None;
        }
        let (start, end) = (self.at - self.length, self.at + payload);
        let is_last = end == packet.len();
        let segment = packet.get_mut(start..end)?;
        segment.get_mut(..self.length)?.copy_from_slice(self.headers.get(..self.length)?);
        if !self.is_v6 {
            let identification = read16(&self.headers, 4)?.wrapping_add(self.index);
            put(segment, 4, identification.to_be_bytes())?;
        }
        put_ip_length(segment, self.is_v6, self.transport, segment.len())?;
        let transport_length = u16::try_from(segment.len() - self.transport).ok()?;
        let (protocol, checksum_at) = if self.is_tcp {
            self.tcp(segment, is_last)?;
            (TCP, self.transport + 16)
        } else {
            put(segment, self.transport + 4, transport_length.to_be_bytes())?;
            (UDP, self.transport + 6)
        };
        put(segment, checksum_at, [0, 0])?;
        let sum = pseudo(segment, self.is_v6, protocol, transport_length)?;
        let mut sum = sum.bytes(segment.get(self.transport..)?).complement();
        if !self.is_tcp && sum == [0, 0] {
            sum = [0xff, 0xff];
        }
        put(segment, checksum_at, sum)?;
        self.at = end;
        self.index = self.index.wrapping_add(1);
        Some(start..end)
    }

    fn tcp(&self, segment: &mut [u8], is_last: bool) -> Option<()> {
        let sent = u32::try_from(self.at - self.length).ok()?;
        let sequence = read32(&self.headers, self.transport + 4)?.wrapping_add(sent);
        put(segment, self.transport + 4, sequence.to_be_bytes())?;
        let flags = segment.get_mut(self.transport + 13)?;
        if !is_last {
            *flags &= !(FIN | PSH);
        }
        if self.index > 0 {
            *flags &= !CWR;
        }
        Some(())
    }
}
