//! What a captured packet is, judged from its bytes: the kinds that may be seen outside the tunnel, and everything else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The ports that give a packet its meaning, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// Headquarters' addresses: its ports anywhere else are somebody else's. None: wherever.
    pub hq: Vec<IpAddr>,
    /// UDP ports on which headquarters speaks `WireGuard`.
    pub wireguard: Vec<u16>,
    /// The TCP port of the node API.
    pub api: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { hq: Vec::new(), wireguard: vec![51820], api: 51821 }
    }
}

impl Ports {
    /// The usual ones, of a headquarters at these addresses.
    #[must_use]
    pub fn of(hq: &[IpAddr]) -> Self {
        Self { hq: hq.to_vec(), ..Self::default() }
    }

    fn are_those_of(&self, end: Option<IpAddr>) -> bool {
        self.hq.is_empty() || end.is_some_and(|end| self.hq.contains(&end))
    }
}

/// A `WireGuard` message type (the first byte on the wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Message {
    /// Type 1, 148 bytes.
    Initiation,
    /// Type 2, 92 bytes.
    Response,
    /// Type 3, 64 bytes.
    Cookie,
    /// Type 4, at least 32 bytes.
    Data,
}

/// What a packet is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Address resolution.
    Arp,
    /// IPv6 neighbour discovery with the multicast membership that it demands (RFC 4861, 7.2.1).
    NeighbourDiscovery,
    /// `WireGuard` to or from one of [`Ports::wireguard`].
    WireGuard(Message),
    /// TCP to or from [`Ports::api`]: control segments and TLS records.
    ApiTls,
    /// DHCP of either family.
    Dhcp,
    /// Anything else, described.
    Other(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arp => f.write_str("ARP"),
            Self::NeighbourDiscovery => f.write_str("ND"),
            Self::WireGuard(message) => write!(f, "WireGuard {message:?}"),
            Self::ApiTls => f.write_str("API TLS"),
            Self::Dhcp => f.write_str("DHCP"),
            Self::Other(text) => write!(f, "other: {text}"),
        }
    }
}

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Judges a packet by its `EtherType` and its bytes from the network header on (possibly cut by the capture); `length` is how
/// long these bytes were on the wire.
#[must_use]
pub fn classify(ethertype: u16, bytes: &[u8], length: usize, ports: &Ports) -> Kind {
    match ethertype {
        ARP => Kind::Arp,
        IPV4 => ipv4(bytes, length, ports),
        IPV6 => ipv6(bytes, length, ports),
        unknown => Kind::Other(format!("ethertype {unknown:#06x}")),
    }
}

fn ipv4(bytes: &[u8], length: usize, ports: &Ports) -> Kind {
    let (Some(first), Some(flags), Some(protocol)) = (bytes.first(), word(bytes, 6), bytes.get(9)) else {
        return Kind::Other("a cut IPv4 packet".into());
    };
    let header = usize::from(first & 0x0f) * 4;
    let ends = Ends(four(bytes.get(12..16)), four(bytes.get(16..20)));
    if flags & 0x3fff != 0 {
        return Kind::Other(format!("an IPv4 fragment {ends}"));
    }
    transport(*protocol, bytes.get(header..).unwrap_or_default(), length.saturating_sub(header), ports, ends)
}

fn ipv6(bytes: &[u8], length: usize, ports: &Ports) -> Kind {
    let Some(mut next) = bytes.get(6).copied() else { return Kind::Other("a cut IPv6 packet".into()) };
    let ends = Ends(sixteen(bytes.get(8..24)), sixteen(bytes.get(24..40)));
    let mut at = 40;
    // Multicast listener reports travel behind a hop-by-hop header.
    if next == 0 {
        let (Some(after), Some(units)) = (bytes.get(at), bytes.get(at + 1)) else {
            return Kind::Other("a cut IPv6 packet".into());
        };
        next = *after;
        at += (usize::from(*units) + 1) * 8;
    }
    transport(next, bytes.get(at..).unwrap_or_default(), length.saturating_sub(at), ports, ends)
}

/// From where to where.
#[derive(Debug, Clone, Copy)]
struct Ends(Option<IpAddr>, Option<IpAddr>);

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |end: Option<IpAddr>| end.map_or_else(|| "?".to_owned(), |end| end.to_string());
        write!(f, "{} -> {}", word(self.0), word(self.1))
    }
}

fn transport(protocol: u8, bytes: &[u8], length: usize, ports: &Ports, ends: Ends) -> Kind {
    let (source, destination) = (word(bytes, 0).unwrap_or(0), word(bytes, 2).unwrap_or(0));
    let from_or_to = |is_it: &dyn Fn(u16) -> bool| {
        (is_it(source) && ports.are_those_of(ends.0)) || (is_it(destination) && ports.are_those_of(ends.1))
    };
    match protocol {
        // Router and neighbour messages; listener queries and reports.
        ICMPV6 if matches!(bytes.first(), Some(133..=137 | 130..=132 | 143)) => Kind::NeighbourDiscovery,
        UDP if from_or_to(&|port| ports.wireguard.contains(&port)) => {
            match wireguard(bytes.get(8..).unwrap_or_default(), length.saturating_sub(8)) {
                Some(message) => Kind::WireGuard(message),
                None => Kind::Other(format!("UDP on a WireGuard port that is not WireGuard, {ends}")),
            }
        }
        UDP if matches!((source, destination), (67, 68) | (68, 67) | (546, 547) | (547, 546)) => Kind::Dhcp,
        TCP if from_or_to(&|port| port == ports.api) => {
            if clear_text(bytes) {
                Kind::Other(format!("clear text on the API's port, {ends}"))
            } else {
                Kind::ApiTls
            }
        }
        other => Kind::Other(format!("protocol {other}, {ends} port {source} -> {destination}")),
    }
}

/// Type byte, three zero bytes, and the length that the type has.
fn wireguard(payload: &[u8], length: usize) -> Option<Message> {
    match (payload.get(..4)?, length) {
        ([1, 0, 0, 0], 148) => Some(Message::Initiation),
        ([2, 0, 0, 0], 92) => Some(Message::Response),
        ([3, 0, 0, 0], 64) => Some(Message::Cookie),
        ([4, 0, 0, 0], 32..) => Some(Message::Data),
        (_, _) => None,
    }
}

/// Whether a TCP payload reads as text. A segment may begin in the middle of a TLS record, so its first byte says nothing;
/// sixteen printable bytes in a row do (by chance: once in 2²³ segments).
fn clear_text(segment: &[u8]) -> bool {
    let header = segment.get(12).map_or(20, |offset| usize::from(offset >> 4) * 4);
    let payload = segment.get(header..).unwrap_or_default();
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    payload.get(..16).is_some_and(|start| start.iter().all(printable))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}

fn four(bytes: Option<&[u8]>) -> Option<IpAddr> {
    let four: [u8; 4] = bytes?.try_into().ok()?;
    Some(Ipv4Addr::from(four).into())
}

fn sixteen(bytes: Option<&[u8]>) -> Option<IpAddr> {
    let sixteen: [u8; 16] = bytes?.try_into().ok()?;
    Some(Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp4(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend(source.to_be_bytes());
        packet.extend(destination.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(payload);
        packet
    }

    fn judge(packet: &[u8]) -> Kind {
        classify(IPV4, packet, packet.len(), &Ports::default())
    }

    #[test]
    fn wireguard_is_told_by_type_length_and_port() {
        let mut initiation = vec![1, 0, 0, 0];
        initiation.resize(148, 7);
        assert_eq!(judge(&udp4(4000, 51820, &initiation)), Kind::WireGuard(Message::Initiation));
        assert!(matches!(judge(&udp4(4000, 4001, &initiation)), Kind::Other(_)));
        initiation.pop();
        assert!(matches!(judge(&udp4(4000, 51820, &initiation)), Kind::Other(_)));
        assert!(matches!(judge(&udp4(4000, 51820, b"SELECT 1;")), Kind::Other(_)));
    }

    #[test]
    fn headquarters_ports_anywhere_else_are_leaks() {
        let mut initiation = vec![1, 0, 0, 0];
        initiation.resize(148, 7);
        let packet = udp4(4000, 51820, &initiation);
        let judge = |hq: &str, packet: &[u8]| {
            classify(IPV4, packet, packet.len(), &Ports::of(&[hq.parse().unwrap()]))
        };
        assert_eq!(judge("192.0.2.2", &packet), Kind::WireGuard(Message::Initiation));
        // The port is the destination's, not the source's, whose address this is.
        assert!(matches!(judge("192.0.2.1", &packet), Kind::Other(_)));
        assert!(matches!(judge("198.51.100.1", &packet), Kind::Other(_)));
    }

    #[test]
    fn a_cut_capture_keeps_the_length_it_had_on_the_wire() {
        let packet = udp4(51820, 9, &[4, 0, 0, 0]);
        assert_eq!(classify(IPV4, &packet, 1428, &Ports::default()), Kind::WireGuard(Message::Data));
    }

    #[test]
    fn clear_text_on_the_apis_port_is_found() {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, TCP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend([0x0f, 0xa0, 0xca, 0x6d, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
        assert_eq!(judge(&packet), Kind::ApiTls);
        let mut tls = packet.clone();
        tls.extend([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0]);
        assert_eq!(judge(&tls), Kind::ApiTls);
        packet.extend(b"POST /v1/join HTTP/1.1\r\n");
        assert!(matches!(judge(&packet), Kind::Other(_)));
    }

    #[test]
    fn ping_and_dns_are_leaks() {
        let mut ping = udp4(0, 0, &[]);
        ping[9] = 1;
        assert!(matches!(judge(&ping), Kind::Other(_)));
        assert!(matches!(judge(&udp4(40000, 53, b"\0\0")), Kind::Other(_)));
        assert!(matches!(classify(0x88cc, &[], 0, &Ports::default()), Kind::Other(_)));
    }
}
