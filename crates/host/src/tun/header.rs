//! `struct virtio_net_hdr`: what precedes each packet of a TUN device opened with `IFF_VNET_HDR`.

/// Length in bytes (`include/uapi/linux/virtio_net.h`, without the merged-buffer field).
pub(crate) const LENGTH: usize = 10;
/// The checksum field holds the pseudo header's sum only.
pub(crate) const NEEDS_CHECKSUM: u8 = 1;

const ECN: u8 = 0x80;

/// What a super-packet is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One packet.
    Single,
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over either.
    Udp,
}

impl Kind {
    const fn wire(self) -> u8 {
        match self {
            Self::Single => 0,
            Self::Tcp4 => 1,
            Self::Tcp6 => 4,
            Self::Udp => 5,
        }
    }

    pub(crate) const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp4 | Self::Tcp6)
    }
}

/// The header, in the machine's byte order on the wire as in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) needs_checksum: bool,
    pub(crate) kind: Kind,
    pub(crate) transport_end: u16,
    pub(crate) segment: u16,
    pub(crate) checksum_start: u16,
    pub(crate) checksum_offset: u16,
}

impl Header {
    /// A packet that is complete as it is.
    pub(crate) const SINGLE: Self = Self {
        needs_checksum: false,
        kind: Kind::Single,
        transport_end: 0,
        segment: 0,
        checksum_start: 0,
        checksum_offset: 0,
    };

    /// Reads a header; `None` for a kind that was not asked for (UFO, TUNNEL).
    pub(crate) fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let [flags, kind, h0, h1, s0, s1, c0, c1, o0, o1] = *bytes;
        let kind = match kind & !ECN {
            0 => Kind::Single,
            1 => Kind::Tcp4,
            4 => Kind::Tcp6,
            5 => Kind::Udp,
            _ => return None,
        };
        Some(Self {
            needs_checksum: flags & NEEDS_CHECKSUM != 0,
            kind,
            transport_end: u16::from_ne_bytes([h0, h1]),
            segment: u16::from_ne_bytes([s0, s1]),
            checksum_start: u16::from_ne_bytes([c0, c1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        })
    }

    /// Writes it.
    pub(crate) fn encode(self) -> [u8; LENGTH] {
        let [h0, h1] = self.transport_end.to_ne_bytes();
        let [s0, s1] = self.segment.to_ne_bytes();
        let [c0, c1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        let flags = if self.needs_checksum { NEEDS_CHECKSUM } else { 0 };
        [flags, self.kind.wire(), h0, h1, s0, s1, c0, c1, o0, o1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        let header = Header {
            needs_checksum: true,
            kind: Kind::Tcp6,
            transport_end: 60,
            segment: 1360,
            checksum_start: 40,
            checksum_offset: 16,
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(Header::decode(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
