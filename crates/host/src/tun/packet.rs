//! Reading and writing the few IP, TCP and UDP header fields that splitting and coalescing touch; all bounds checked.

use super::checksum::Sum;

/// IP protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// Reads a big-endian number.
pub(crate) fn read16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

/// Reads a big-endian number.
pub(crate) fn read32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b))
}

/// Overwrites bytes; does nothing where the packet ends before.
pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut::<N>()? = value;
    Some(())
}

/// Where the parts of a TCP or UDP packet begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) is_v6: bool,
    /// Of the transport header.
    pub(crate) transport: usize,
    /// Of the payload.
    pub(crate) payload: usize,
    pub(crate) protocol: u8,
}

impl Layout {
    /// Reads an unfragmented packet without IP options or extension headers whose length field is its length.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (is_v6, transport, protocol) = match packet.first()? {
            0x45 => {
                let fragment = read16(packet, 6)? & 0x3fff;
                if fragment != 0 || usize::from(read16(packet, 2)?) != packet.len() {
                    return None;
                }
                (false, 20, *packet.get(9)?)
            }
            first if first >> 4 == 6 => {
                if usize::from(read16(packet, 4)?) + 40 != packet.len() {
                    return None;
                }
                (true, 40, *packet.get(6)?)
            }
            _ => return None,
        };
        let payload = match protocol {
            TCP => transport + usize::from(packet.get(transport + 12)? >> 4) * 4,
            UDP => transport + 8,
            _ => return None,
        };
        let least = if protocol == TCP { 20 } else { 8 };
        let complete = payload >= transport + least && payload <= packet.len();
        complete.then_some(Self { is_v6, transport, payload, protocol })
    }

    /// The pseudo header's sum for a transport length.
    pub(crate) fn pseudo(self, packet: &[u8], transport_length: u16) -> Option<Sum> {
        pseudo(packet, self.is_v6, self.protocol, transport_length)
    }
}

/// The pseudo header's sum (RFC 9293, 3.1; RFC 8200, 8.1).
pub(crate) fn pseudo(packet: &[u8], is_v6: bool, protocol: u8, transport_length: u16) -> Option<Sum> {
    let addresses = if is_v6 { packet.get(8..40) } else { packet.get(12..20) };
    Some(Sum::default().bytes(addresses?).number(u16::from(protocol)).number(transport_length))
}

/// Writes an IP length (and an IPv4 header checksum) for a packet of `length` bytes.
pub(crate) fn put_ip_length(packet: &mut [u8], is_v6: bool, header: usize, length: usize) -> Option<()> {
    if is_v6 {
        return put(packet, 4, u16::try_from(length.checked_sub(40)?).ok()?.to_be_bytes());
    }
    put(packet, 2, u16::try_from(length).ok()?.to_be_bytes())?;
    put(packet, 10, [0, 0])?;
    let sum = Sum::default().bytes(packet.get(..header)?).complement();
    put(packet, 10, sum)
}
