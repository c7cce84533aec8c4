//! Just enough of DNS (RFC 1035) to look up one name's addresses: a query, and the answers of its reply.

use std::net::IpAddr;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

const CLASS_IN: u16 = 1;
/// Names in a reply that are followed before it is taken for nonsense.
const MAX_RECORDS: u16 = 64;

/// A query for `name`; `None` if it is not a name.
pub(crate) fn query(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len() + 18);
    out.extend_from_slice(&id.to_be_bytes());
    // Recursion desired; one question, nothing else.
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&kind.code().to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    Some(out)
}

/// The addresses in `reply`; `None` unless it answers `query` (same id, same question). An error of the server or a name
/// without addresses is an empty list. The records' names are not compared: the resolver has followed the aliases.
pub(crate) fn answers(query: &[u8], reply: &[u8], kind: Kind) -> Option<Vec<IpAddr>> {
    let question = query.get(12..)?;
    if reply.get(..2)? != query.get(..2)? || reply.get(2)? & 0x80 == 0 {
        return None;
    }
    let echoed = reply.get(12..12 + question.len())?;
    if !echoed.eq_ignore_ascii_case(question) {
        return None;
    }
    let count = u16::from_be_bytes([*reply.get(6)?, *reply.get(7)?]).min(MAX_RECORDS);
    let mut rest = reply.get(12 + question.len()..)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let Some((record, after)) = record(rest) else { break };
        rest = after;
        if record.kind == kind.code() && record.class == CLASS_IN {
            found.extend(address(record.data, kind));
        }
    }
    Some(found)
}

struct Record<'a> {
    kind: u16,
    class: u16,
    data: &'a [u8],
}

fn record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let bytes = skip_name(bytes)?;
    let (head, bytes) = bytes.split_first_chunk::<10>()?;
    let [kind_high, kind_low, class_high, class_low, _, _, _, _, length_high, length_low] = *head;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let (data, rest) = bytes.split_at_checked(length)?;
    let kind = u16::from_be_bytes([kind_high, kind_low]);
    let class = u16::from_be_bytes([class_high, class_low]);
    Some((Record { kind, class, data }, rest))
}

/// Skips labels up to the final zero or a pointer, which ends a name (RFC 1035, 4.1.4).
fn skip_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            length if length & 0xc0 == 0xc0 => return rest.get(1..),
            length if length & 0xc0 == 0 => bytes = rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

fn address(data: &[u8], kind: Kind) -> Option<IpAddr> {
    match kind {
        Kind::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        Kind::Aaaa => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply_to(query: &[u8]) -> Vec<u8> {
        let mut reply = query.to_vec();
        reply[2] = 0x81;
        reply[3] = 0x80;
        reply[7] = 2;
        // An alias, then the address; both names point at the question.
        reply.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 12]);
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        reply
    }

    #[test]
    fn an_address_behind_an_alias_is_found() {
        let query = query(7, "hq.example.jp", Kind::A).unwrap();
        let found = answers(&query, &reply_to(&query), Kind::A).unwrap();
        assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_reply_to_something_else_is_not_taken() {
        let ours = query(7, "hq.example.jp", Kind::A).unwrap();
        let other_id = query(8, "hq.example.jp", Kind::A).unwrap();
        let other_name = query(7, "hq.example.com", Kind::A).unwrap();
        assert_eq!(answers(&ours, &reply_to(&other_id), Kind::A), None);
        assert_eq!(answers(&ours, &reply_to(&other_name), Kind::A), None);
        assert_eq!(answers(&ours, &ours, Kind::A), None, "a query is not a reply");
    }

    #[test]
    fn what_is_not_a_name_is_not_asked() {
        assert!(query(1, "", Kind::A).is_none());
        assert!(query(1, "a..b", Kind::A).is_none());
        assert!(query(1, &"a".repeat(64), Kind::A).is_none());
    }

    proptest! {
        #[test]
        fn no_reply_breaks_the_reader(tail in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..80) {
            let query = query(7, "hq.example.jp", Kind::Aaaa).unwrap();
            let mut reply = reply_to(&query);
            reply[7] = 255;
            reply.truncate(cut.max(12));
            reply.extend_from_slice(&tail);
            let _ = answers(&query, &reply, Kind::Aaaa);
        }
    }
}
