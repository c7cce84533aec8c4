//! Keeping TCP connections through the tunnel from agreeing on segments that do not fit it.
//!
//! Path MTU discovery would do it too, where nobody filters ICMP; hotel and office networks do.

const SYN: u8 = 0x02;
const TCP: u8 = 6;

/// Lowers the MSS option of a TCP SYN to what fits `mtu`; leaves every other packet alone.
pub(super) fn clamp(packet: &mut [u8], mtu: u16) {
    let _ = try_clamp(packet, mtu);
}

fn try_clamp(packet: &mut [u8], mtu: u16) -> Option<()> {
    let (transport, overhead) = match packet.first()? >> 4 {
        4 if *packet.get(9)? == TCP && u16::from_be_bytes(*packet.get(6..)?.first_chunk()?) << 3 == 0 => {
            (usize::from(packet.first()? & 0x0f) * 4, 40)
        }
        6 if *packet.get(6)? == TCP => (40, 60),
        _ => return None,
    };
    let segment = packet.get_mut(transport..)?;
    if segment.get(13)? & SYN == 0 {
        return None;
    }
    let end = usize::from(segment.get(12)? >> 4) * 4;
    let most = mtu.checked_sub(overhead)?;
    let at = find(segment.get(20..end)?)? + 20;
    let old = u16::from_be_bytes(*segment.get(at..)?.first_chunk()?);
    if old <= most {
        return None;
    }
    *segment.get_mut(at..)?.first_chunk_mut()? = most.to_be_bytes();
    // RFC 1624: the checksum moves by what changed. An option at an odd offset changes the other byte of each pair.
    let (old, new) = if at % 2 == 0 { (old, most) } else { (old.swap_bytes(), most.swap_bytes()) };
    let checksum = segment.get_mut(16..)?.first_chunk_mut()?;
    let mut sum = u32::from(!u16::from_be_bytes(*checksum)) + u32::from(!old) + u32::from(new);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    *checksum = (!u16::try_from(sum).ok()?).to_be_bytes();
    Some(())
}

/// Where the value of the MSS option is (RFC 9293, 3.2).
fn find(options: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *options.get(at)? {
            0 => return None,
            1 => at += 1,
            2 if *options.get(at + 1)? == 4 => return options.get(at + 2..at + 4).map(|_| at + 2),
            _ => at += usize::from(*options.get(at + 1)?).max(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(packet: &[u8]) -> u16 {
        let mut sum: u32 =
            packet[12..20].chunks(2).map(|p| u32::from(u16::from_be_bytes([p[0], p[1]]))).sum();
        let tcp = &packet[20..];
        sum += 6 + u32::try_from(tcp.len()).unwrap();
        sum += tcp
            .chunks(2)
            .map(|p| u32::from(u16::from_be_bytes([p[0], *p.get(1).unwrap_or(&0)])))
            .sum::<u32>();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    fn syn(options: &[u8], flags: u8) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let words = u8::try_from((20 + options.len()) / 4).unwrap();
        packet.extend([0, 80, 1, 2, 0, 0, 0, 9, 0, 0, 0, 0, words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(options);
        let sum = checksum(&packet);
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    #[test]
    fn a_syn_that_asks_for_more_than_fits_is_lowered_and_its_checksum_stays_right() {
        for options in
            [vec![2, 4, 0x05, 0xb4], vec![1, 2, 4, 0x05, 0xb4, 1, 1, 0], vec![3, 3, 7, 2, 4, 0x05, 0xb4, 0]]
        {
            let mut packet = syn(&options, SYN | 0x10);
            clamp(&mut packet, 1360);
            let at = 40 + find(&packet[40..]).unwrap();
            assert_eq!(u16::from_be_bytes([packet[at], packet[at + 1]]), 1320);
            assert_eq!(checksum(&packet), 0, "{options:?}");
        }
    }

    #[test]
    fn what_fits_and_what_is_no_syn_stays_as_it_is() {
        let small = syn(&[2, 4, 0x02, 0x18], SYN);
        let data = syn(&[2, 4, 0x05, 0xb4], 0x10);
        for before in [small, data] {
            let mut after = before.clone();
            clamp(&mut after, 1360);
            assert_eq!(before, after);
        }
    }

    #[test]
    fn broken_options_end_the_search() {
        for options in [&[2u8, 4, 5][..], &[5, 0, 0, 0], &[2, 3, 5, 180], &[254, 200, 0, 0], &[]] {
            assert_eq!(find(options), None);
        }
        for length in 0..60 {
            clamp(&mut vec![0x45; length], 1360);
            clamp(&mut vec![0x60; length], 1360);
        }
    }
}
