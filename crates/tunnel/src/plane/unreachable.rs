//! Telling a program that nobody has the address it sends to, as a router would: ICMP and `ICMPv6` unreachable.
//!
//! The answer comes from the address itself: this side does not know its own, and the firewall lets it through where it
//! lets a real answer through.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use hanare_host::tun::{Batch, Tun};

/// Answers at once, and then one each [`EVERY`]: somebody who scans the overlay is not helped.
const BURST: u32 = 20;
const EVERY: Duration = Duration::from_millis(10);
/// The longest answers (RFC 1812, 4.3.2.3; RFC 4443, 2.4c).
const MOST_V4: usize = 576;
const MOST_V6: usize = 1280;
/// Room for the burst.
const MEMORY: usize = 32 * 1024;
const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;

/// Answers that wait for the device. Nothing is allocated per packet.
#[derive(Debug)]
pub(super) struct Unreachable {
    batch: Batch,
    credit: u32,
    counted: Instant,
}

impl Unreachable {
    pub(super) fn new(now: Instant) -> Self {
        Self { batch: Batch::new(MEMORY), credit: BURST, counted: now }
    }

    /// Prepares the answer to a packet that has no way, if it gets one.
    pub(super) fn answer(&mut self, packet: &[u8], now: Instant) {
        if !self.batch.has_room(MOST_V6) {
            return;
        }
        let Some(length) = write(packet, self.batch.space()) else { return };
        if self.take(now) {
            self.batch.push(length);
        }
    }

    /// Hands over what was prepared.
    ///
    /// # Errors
    /// Only when the interface is gone.
    pub(super) fn hand_over(&mut self, tun: &mut Tun) -> io::Result<()> {
        if !self.batch.is_empty() {
            tun.write(&mut self.batch)?;
        }
        Ok(())
    }

    fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.counted).as_millis() / EVERY.as_millis();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.credit = self.credit.saturating_add(earned).min(BURST);
            self.counted = now;
        }
        let has_credit = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        has_credit
    }
}

/// Writes the answer to `packet`; its length. None to an error, to a later fragment, to or from many (RFC 1122, 3.2.2).
fn write(packet: &[u8], out: &mut [u8]) -> Option<usize> {
    match packet.first()? >> 4 {
        4 => write_v4(packet, out),
        6 => write_v6(packet, out),
        _ => None,
    }
}

fn write_v4(packet: &[u8], out: &mut [u8]) -> Option<usize> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let fragment = u16::from_be_bytes(*packet.get(6..)?.first_chunk()?) & 0x1fff;
    let is_icmp = *packet.get(9)? == ICMP;
    let source = *packet.get(12..)?.first_chunk::<4>()?;
    let destination = *packet.get(16..)?.first_chunk::<4>()?;
    let is_one = |bytes: [u8; 4]| {
        let address = Ipv4Addr::from(bytes);
        !(address.is_unspecified()
            || address.is_multicast()
            || address.is_broadcast()
            || address.is_loopback())
    };
    if fragment != 0 || !is_one(source) || !is_one(destination) {
        return None;
    }
    if is_icmp && *packet.get(header)? != ECHO_REQUEST {
        return None;
    }
    let quoted = packet.get(..packet.len().min(MOST_V4 - 28))?;
    let total = u16::try_from(28 + quoted.len()).ok()?.to_be_bytes();
    let ip = [0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, ICMP, 0, 0];
    // Destination unreachable, host unreachable.
    let length = join(out, &[&ip, &destination, &source, &[3, 1, 0, 0, 0, 0, 0, 0], quoted])?;
    let sum = checksum(&[out.get(..20)?]);
    *out.get_mut(10..)?.first_chunk_mut()? = sum;
    let sum = checksum(&[out.get(20..length)?]);
    *out.get_mut(22..)?.first_chunk_mut()? = sum;
    Some(length)
}

fn write_v6(packet: &[u8], out: &mut [u8]) -> Option<usize> {
    let source = *packet.get(8..)?.first_chunk::<16>()?;
    let destination = *packet.get(24..)?.first_chunk::<16>()?;
    let is_one = |bytes: [u8; 16]| {
        let address = Ipv6Addr::from(bytes);
        !(address.is_unspecified() || address.is_multicast() || address.is_loopback())
    };
    if !is_one(source) || !is_one(destination) {
        return None;
    }
    if *packet.get(6)? == ICMP_V6 && *packet.get(40)? != ECHO_REQUEST_V6 {
        return None;
    }
    let quoted = packet.get(..packet.len().min(MOST_V6 - 48))?;
    let payload = u16::try_from(8 + quoted.len()).ok()?.to_be_bytes();
    let ip = [0x60, 0, 0, 0, payload[0], payload[1], ICMP_V6, 64];
    // Destination unreachable, address unreachable.
    let length = join(out, &[&ip, &destination, &source, &[1, 3, 0, 0, 0, 0, 0, 0], quoted])?;
    let pseudo = [0, 0, payload[0], payload[1], 0, 0, 0, ICMP_V6];
    let sum = checksum(&[&destination, &source, &pseudo, out.get(40..length)?]);
    *out.get_mut(42..)?.first_chunk_mut()? = sum;
    Some(length)
}

/// Writes the parts one after the other; how long they are.
fn join(out: &mut [u8], parts: &[&[u8]]) -> Option<usize> {
    let mut at = 0;
    for part in parts {
        out.get_mut(at..at + part.len())?.copy_from_slice(part);
        at += part.len();
    }
    Some(at)
}

/// The internet checksum (RFC 1071) of parts of which all but the last have an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let pairs = parts.iter().flat_map(|part| part.chunks(2));
    let word = |pair: &[u8]| {
        let high = u32::from(pair.first().copied().unwrap_or(0)) << 8;
        high | u32::from(pair.get(1).copied().unwrap_or(0))
    };
    let mut sum: u32 = pairs.map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap_or(0)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp4() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 88, 1, 1, 10, 88, 1, 77];
        packet.extend([0x30, 0x39, 0, 53, 0, 10, 0, 0, 7, 7]);
        packet
    }

    fn udp6() -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 9, 17, 64];
        packet.extend(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).octets());
        packet.extend(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x77).octets());
        packet.extend([0x30, 0x39, 0, 53, 0, 9, 0, 0, 7]);
        packet
    }

    #[test]
    fn the_answer_comes_from_the_address_with_right_checksums_and_quotes_the_packet() {
        let mut out = [0; MOST_V6];
        let length = write(&udp4(), &mut out).unwrap();
        assert_eq!(
            (&out[12..16], &out[16..20], &out[20..22]),
            (&[10, 88, 1, 77][..], &[10, 88, 1, 1][..], &[3, 1][..])
        );
        assert_eq!(&out[28..length], udp4());
        assert_eq!((checksum(&[&out[..20]]), checksum(&[&out[20..length]])), ([0, 0], [0, 0]));
        let length = write(&udp6(), &mut out).unwrap();
        assert_eq!((&out[8..24], &out[24..40], &out[40..42]), (&udp6()[24..40], &udp6()[8..24], &[1, 3][..]));
        assert_eq!(&out[48..length], udp6());
        let pseudo = [0, 0, 0, u8::try_from(length - 40).unwrap(), 0, 0, 0, ICMP_V6];
        assert_eq!(checksum(&[&out[8..40], &pseudo, &out[40..length]]), [0, 0]);
        let long = [udp4(), vec![1; 2000]].concat();
        assert_eq!(write(&long, &mut out), Some(MOST_V4));
        let long = [udp6(), vec![1; 2000]].concat();
        assert_eq!(write(&long, &mut out), Some(MOST_V6));
    }

    #[test]
    fn errors_fragments_crowds_and_rubbish_get_no_answer() {
        let mut out = [0; MOST_V6];
        let changed = |packet: Vec<u8>, at: usize, to: &[u8]| {
            let mut packet = packet;
            packet[at..at + to.len()].copy_from_slice(to);
            packet
        };
        let error4 = changed(changed(udp4(), 9, &[ICMP]), 20, &[3]);
        let error6 = changed(changed(udp6(), 6, &[ICMP_V6]), 40, &[1]);
        let fragment = changed(udp4(), 7, &[9]);
        let crowd4 = changed(udp4(), 16, &[224, 0, 0, 1]);
        let crowd6 = changed(udp6(), 24, &[0xff, 2]);
        let nobody = changed(udp4(), 12, &[0; 4]);
        for packet in [error4, error6, fragment, crowd4, crowd6, nobody] {
            assert_eq!(write(&packet, &mut out), None, "{packet:?}");
        }
        let echo = changed(changed(udp4(), 9, &[ICMP]), 20, &[ECHO_REQUEST]);
        assert!(write(&echo, &mut out).is_some());
        for length in 0..20 {
            assert_eq!(write(&udp4()[..length], &mut out), None);
            assert_eq!(write(&udp6()[..length * 2], &mut out), None);
        }
    }

    #[test]
    fn answers_are_limited() {
        let start = Instant::now();
        let mut unreachable = Unreachable::new(start);
        let taken = |unreachable: &mut Unreachable, now| (0..1000).filter(|_| unreachable.take(now)).count();
        assert_eq!(taken(&mut unreachable, start), 20);
        assert_eq!(taken(&mut unreachable, start + EVERY * 3), 3);
        assert_eq!(taken(&mut unreachable, start + EVERY * 10_000), 20);
    }
}
