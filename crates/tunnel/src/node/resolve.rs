//! Headquarters' names to addresses, below the tunnel: literals, `/etc/hosts`, then DNS over sockets that the kill switch
//! lets through.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use hanare_host::hands::Client;
use hanare_model::Endpoint;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::dns::{self, Kind};

const PATIENCE: Duration = Duration::from_secs(2);
const HOSTS: &str = "/etc/hosts";

/// What a round of look-ups found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// `WireGuard` endpoints with their addresses, in the lease's order.
    pub(super) wireguard: Vec<(Endpoint, SocketAddr)>,
    /// API addresses.
    pub(super) api: Vec<SocketAddr>,
    /// Whether a name was not found.
    pub(super) missing: bool,
}

impl Resolved {
    /// The endpoints that need no look-up.
    pub(super) fn literals(wireguard: &[Endpoint], api: &[Endpoint]) -> Self {
        let address = |endpoint: &Endpoint| Some((endpoint.clone(), endpoint.address()?));
        Self {
            wireguard: wireguard.iter().filter_map(address).collect(),
            api: api.iter().filter_map(Endpoint::address).collect(),
            missing: false,
        }
    }
}

/// Looks everything up; what cannot be found is left out.
pub(super) async fn resolve(hands: Client, wireguard: Vec<Endpoint>, api: Vec<Endpoint>) -> Resolved {
    let mut resolved = Resolved::default();
    let mut known: Vec<(String, Vec<IpAddr>)> = Vec::new();
    for endpoint in wireguard.iter().chain(&api) {
        if known.iter().all(|(name, _)| name != endpoint.host()) {
            let addresses = host(&hands, endpoint).await;
            resolved.missing |= addresses.is_empty();
            known.push((endpoint.host().to_owned(), addresses));
        }
    }
    let addresses = |endpoint: &Endpoint| {
        let found = known.iter().find(|(name, _)| name == endpoint.host());
        let port = endpoint.port();
        found.map_or(&[][..], |(_, ips)| ips).iter().map(move |ip| SocketAddr::new(*ip, port))
    };
    for endpoint in &wireguard {
        resolved.wireguard.extend(addresses(endpoint).map(|address| (endpoint.clone(), address)));
    }
    resolved.api = api.iter().flat_map(addresses).collect();
    resolved
}

async fn host(hands: &Client, endpoint: &Endpoint) -> Vec<IpAddr> {
    if let Some(address) = endpoint.address() {
        return vec![address.ip()];
    }
    let name = endpoint.host();
    let hosts = std::fs::read_to_string(HOSTS).map(|text| from_hosts(&text, name)).unwrap_or_default();
    if !hosts.is_empty() {
        return hosts;
    }
    let sockets = match hands.run(Client::name_sockets).await {
        Ok(sockets) => sockets,
        Err(error) => {
            tracing::debug!(%error, "no name server to ask");
            return Vec::new();
        }
    };
    for (server, socket) in sockets {
        let found = ask(socket, name).await;
        tracing::debug!(%server, name, ?found, "looked up");
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

async fn ask(socket: OwnedFd, name: &str) -> Vec<IpAddr> {
    let socket = std::net::UdpSocket::from(socket);
    let Ok(socket) = socket.set_nonblocking(true).and_then(|()| UdpSocket::from_std(socket)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        match timeout(PATIENCE, one_question(&socket, name, kind)).await {
            Ok(Some(addresses)) => found.extend(addresses),
            // A server that is silent once is not asked again.
            Ok(None) | Err(_) => break,
        }
    }
    found
}

async fn one_question(socket: &UdpSocket, name: &str, kind: Kind) -> Option<Vec<IpAddr>> {
    let [high, low, ..] = crate::state::random_seed().ok()?;
    let query = dns::query(u16::from_be_bytes([high, low]), name, kind)?;
    socket.send(&query).await.ok()?;
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        if let Some(found) = dns::answers(&query, buffer.get(..length)?, kind) {
            return Some(found);
        }
    }
}

fn from_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut found = Vec::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_is_read_like_everybody_reads_it() {
        let text = "127.0.0.1 localhost\n192.0.2.1\thq.example.jp hq # ours\n#192.0.2.9 hq\n2001:db8::1 HQ\n";
        let expected: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(from_hosts(text, "hq"), expected);
        assert!(from_hosts(text, "ours").is_empty());
    }
}
