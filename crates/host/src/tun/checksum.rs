//! The internet checksum (RFC 1071), over parts that need not be contiguous.

/// A running one's complement sum. Parts must be of even length, the last one excepted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Adds bytes as they lie in the packet.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        // 32-bit words into four 64-bit lanes: no carry to propagate for any packet, and it vectorises.
        let mut lanes = [0u64; 4];
        let (chunks, rest) = bytes.as_chunks::<16>();
        for [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] in chunks {
            let [w, x, y, z] = &mut lanes;
            *w += u64::from(u32::from_ne_bytes([*a, *b, *c, *d]));
            *x += u64::from(u32::from_ne_bytes([*e, *f, *g, *h]));
            *y += u64::from(u32::from_ne_bytes([*i, *j, *k, *l]));
            *z += u64::from(u32::from_ne_bytes([*m, *n, *o, *p]));
        }
        let (pairs, last) = rest.as_chunks::<2>();
        let mut sum = self.0 + lanes.iter().sum::<u64>();
        for pair in pairs {
            sum += u64::from(u16::from_ne_bytes(*pair));
        }
        if let [last] = last {
            sum += u64::from(u16::from_ne_bytes([*last, 0]));
        }
        Self(sum)
    }

    /// Adds a number that a header holds in network order.
    pub(crate) fn number(self, number: u16) -> Self {
        Self(self.0 + u64::from(u16::from_ne_bytes(number.to_be_bytes())))
    }

    /// The sum in 16 bits, as it lies in memory. All ones for a packet whose checksum is right.
    pub(crate) fn fold(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 16 bits")]
        let folded = sum as u16;
        folded.to_ne_bytes()
    }

    /// What goes into the checksum field.
    pub(crate) fn complement(self) -> [u8; 2] {
        let [a, b] = self.fold();
        [!a, !b]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_plain_definition(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(u16::from_be_bytes(Sum::default().bytes(&bytes).fold()), plain(&bytes));
        }
    }
}
