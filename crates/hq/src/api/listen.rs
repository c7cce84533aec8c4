//! Listening sockets, outside and inside the tunnel.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::ApiError;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 256;

/// Listens where nodes come from outside. The IPv6 wildcard takes IPv4 too where the system lets it.
pub(crate) fn outside(address: SocketAddr) -> Result<TcpListener, ApiError> {
    bind(address, false).map_err(|source| ApiError::Bind { address, source })
}

/// Listens on headquarters' own addresses inside the tunnel, on the port of `outside`, where a wildcard does not already.
/// The addresses need not be there yet (`IP_FREEBIND`, ip(7)), so a node never meets a closed port.
pub(crate) fn inside(outside: SocketAddr, own: [IpAddr; 2]) -> Result<Vec<TcpListener>, ApiError> {
    own.into_iter()
        .filter(|ip| !covered(outside.ip(), *ip))
        .map(|ip| SocketAddr::new(ip, outside.port()))
        .map(|address| bind(address, true).map_err(|source| ApiError::Bind { address, source }))
        .collect()
}

fn covered(listening: IpAddr, own: IpAddr) -> bool {
    match listening {
        IpAddr::V4(v4) => listening == own || (v4 == Ipv4Addr::UNSPECIFIED && own.is_ipv4()),
        IpAddr::V6(_) => listening == own || (listening.is_unspecified() && own.is_ipv6()),
    }
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
