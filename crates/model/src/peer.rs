//! The peers of a data plane: what headquarters publishes, what a lease means for a node, what the data plane consumes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::key::{PresharedKey, PublicKey};

/// One peer of a data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub public_key: PublicKey,
    /// Mixed into the handshake, if the two agreed on one.
    pub preshared_key: Option<PresharedKey>,
    /// Where it was last heard or is configured to be; `None` until it speaks first.
    pub endpoint: Option<SocketAddr>,
    /// Inner source addresses it may use, and destinations that are sent to it; the longest match wins.
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between keepalives; `None` for none.
    pub keepalive: Option<u16>,
    /// Whether this side keeps a session alive on its own, without traffic: a node towards headquarters, headquarters
    /// towards an endpoint it remembers after a restart.
    pub initiate: bool,
}

/// All peers of a data plane. Replacing one set by another changes only what differs: no other session notices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerSet {
    /// Peers by key.
    pub peers: BTreeMap<PublicKey, Peer>,
}

impl FromIterator<Peer> for PeerSet {
    fn from_iter<I: IntoIterator<Item = Peer>>(peers: I) -> Self {
        Self { peers: peers.into_iter().map(|peer| (peer.public_key, peer)).collect() }
    }
}

/// `HOST:PORT` as an admin writes it; the host is a name, an IPv4 address or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// Why a text is not `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not HOST:PORT: a name or an address (IPv6 in brackets), a colon, and a port from 1 to 65535"
)]
pub struct EndpointError(pub String);

impl Endpoint {
    /// Joins an address and a port.
    #[must_use]
    pub fn from_address(address: IpAddr, port: u16) -> Self {
        Self { host: address.to_string(), port }
    }

    /// The name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host with another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// The socket address, if the host is an address and needs no look-up.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, self.port))
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(error)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(error()),
            None => host,
        };
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if !is_name && host.parse::<IpAddr>().is_err() {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;
    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_what_it_writes() {
        for text in ["hq.example.jp:51820", "192.0.2.1:1", "[2001:db8::1]:51820"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for bad in ["hq", "hq:0", "hq:70000", ":1", "[hq]:1", "h q:1", "2001:db8::zz:1"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
