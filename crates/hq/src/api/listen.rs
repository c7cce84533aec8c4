//! Listening sockets, outside and inside the tunnel.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::ApiError;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 256;

/// Listens where nodes come from outside. The IPv6 wildcard takes IPv4 too where the system lets it.
pub(crate) fn outside(address: SocketAddr) -> Result<TcpListener, ApiError> {
    bind(address, false).map_err(|source| ApiError::Bind { address, source })
}

/// Listens on headquarters' own addresses inside the tunnel, on `port`, where a wildcard does not already.
/// The addresses need not be there yet (`IP_FREEBIND`, ip(7)), so a node never meets a closed port.
pub(crate) fn inside(outside: SocketAddr, own: [IpAddr; 2], port: u16) -> Result<Vec<TcpListener>, ApiError> {
    own.into_iter()
        .filter(|ip| port != outside.port() || !covered(outside.ip(), *ip))
        .map(|ip| SocketAddr::new(ip, port))
        .map(|address| bind(address, true).map_err(|source| ApiError::Bind { address, source }))
        .collect()
}

/// An IPv6 wildcard takes IPv4 as well, see [`bind`].
fn covered(listening: IpAddr, own: IpAddr) -> bool {
    listening == own || (listening.is_unspecified() && (listening.is_ipv6() || own.is_ipv4()))
}

fn bind(address: SocketAddr, free: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // So that the IPv4 overlay address can be bound besides, whatever `bindv6only` says.
        rustix::net::sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    if free {
        if address.is_ipv4() {
            rustix::net::sockopt::set_ip_freebind(&socket, true)?;
        } else {
            rustix::net::sockopt::set_ipv6_freebind(&socket, true)?;
        }
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn headquarters_own_addresses_are_bound_whatever_is_bound_outside() {
        let own = ["10.88.0.1".parse().unwrap(), "fd00:1:2::1".parse().unwrap()];
        for (wildcard, besides) in [("127.0.0.1:0", 2), ("0.0.0.0:0", 1), ("[::]:0", 0), ("[::1]:0", 2)] {
            let listener = outside(wildcard.parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let listeners = inside(address, own, address.port()).unwrap();
            assert_eq!(listeners.len(), besides, "{wildcard}");
            drop(listeners);
            let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            assert_eq!(inside(address, own, elsewhere).unwrap().len(), 2, "{wildcard}, on a port of its own");
        }
    }
}
