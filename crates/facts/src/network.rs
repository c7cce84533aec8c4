//! Ports that listen to others, and the name servers that are asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::{Root, if_any};

pub(crate) const RESOLVERS: &str = "/etc/resolv.conf";
/// What systemd-resolved asks when the file above names only its own stub.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";
/// The tables, and the state in which a socket waits: `TCP_LISTEN`; for UDP `TCP_CLOSE`, which is "not connected".
const TABLES: [(&str, &str, &str); 4] = [
    ("/proc/net/tcp", "tcp", "0A"),
    ("/proc/net/tcp6", "tcp", "0A"),
    ("/proc/net/udp", "udp", "07"),
    ("/proc/net/udp6", "udp", "07"),
];

/// A port that listens to more than this machine, such as `tcp/22`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Listener(pub String);

/// Name servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolvers {
    /// The file that names them.
    pub file: String,
    /// As it names them.
    pub servers: Vec<String>,
}

pub(crate) fn listeners(root: &Root) -> Result<Vec<Listener>, Gap> {
    let mut found = BTreeSet::new();
    for (path, protocol, state) in TABLES {
        // Without IPv6 there is no table of it.
        let Some(text) =
            (if path.ends_with('6') { if_any(root.text(path))? } else { Some(root.text(path)?) })
        else {
            continue;
        };
        let rows = sockets(&text, state).ok_or_else(|| Gap::new(GapKind::NotUnderstood, path))?;
        let others = rows.into_iter().filter(|(address, _)| !address.to_canonical().is_loopback());
        found.extend(others.map(|(_, port)| Listener(format!("{protocol}/{port}"))));
    }
    Ok(found.into_iter().collect())
}

fn sockets(text: &str, state: &str) -> Option<Vec<(IpAddr, u16)>> {
    let mut found = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _remote, its) = (fields.next()?, fields.next()?, fields.next()?);
        let (address, port) = local.split_once(':')?;
        if its == state {
            found.push((parse_address(address)?, u16::from_str_radix(port, 16).ok()?));
        }
    }
    Some(found)
}

/// Words of 32 bits in the machine's byte order, in hexadecimal.
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for index in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(index..index.checked_add(8)?)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

pub(crate) fn resolvers(root: &Root) -> Result<Resolvers, Gap> {
    let own = name_servers(&root.text(RESOLVERS)?);
    let is_stub = |server: &String| server == "127.0.0.53" || server == "127.0.0.54";
    let (file, servers) = if !own.is_empty() && own.iter().all(is_stub) {
        (BEHIND_STUB, name_servers(&root.text(BEHIND_STUB)?))
    } else {
        (RESOLVERS, own)
    };
    if servers.is_empty() {
        return Err(Gap::new(GapKind::NotUnderstood, file));
    }
    Ok(Resolvers { file: file.to_owned(), servers })
}

fn name_servers(text: &str) -> Vec<String> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next().map(str::to_owned)).flatten()
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn what_listens_to_others_is_seen_and_what_listens_to_itself_is_not() {
        let open = TcpListener::bind("0.0.0.0:0").unwrap();
        let open6 = UdpSocket::bind("[::]:0").unwrap();
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = listeners(&Root::live().unwrap()).unwrap();
        let has = |protocol, port| found.contains(&Listener(format!("{protocol}/{port}")));
        assert!(has("tcp", open.local_addr().unwrap().port()), "{found:?}");
        assert!(has("udp", open6.local_addr().unwrap().port()), "{found:?}");
        assert!(!has("tcp", own.local_addr().unwrap().port()), "{found:?}");
    }

    #[test]
    fn a_mapped_loopback_is_one_and_nonsense_is_not_understood() {
        let mapped = parse_address("0000000000000000FFFF00000100007F").unwrap();
        assert!(cfg!(target_endian = "big") || mapped.to_canonical().is_loopback(), "{mapped}");
        assert_eq!(sockets("sl\n 0: nonsense\n", "0A"), None);
        assert_eq!(name_servers("# x\nnameserver 10.0.0.1\noptions rotate\n"), ["10.0.0.1"]);
    }
}
