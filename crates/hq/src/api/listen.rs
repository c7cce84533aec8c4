//! Listening sockets, outside and inside the tunnel.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as Socket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use tokio::net::TcpListener;

use super::ApiError;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;

/// Listens where nodes come from outside. The IPv6 wildcard takes IPv4 too where the system lets it, and only IPv4 where the
/// kernel has no IPv6 (`ipv6.disable=1`).
pub(crate) fn outside(
    address: SocketAddr,
    bind: &mut impl FnMut(SocketAddr, bool) -> io::Result<Socket>,
) -> Result<TcpListener, ApiError> {
    let bound = bind(address, false).or_else(|error| {
        let is_any = address.is_ipv6() && address.ip().is_unspecified();
        if !is_any || !is_unsupported(&error) {
            return Err(error);
        }
        bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()), false)
    });
    bound.and_then(TcpListener::from_std).map_err(|source| ApiError::Bind { address, source })
}

/// Listens on headquarters' own addresses inside the tunnel, on `port`, where a wildcard does not already.
/// The addresses need not be there yet (`IP_FREEBIND`, ip(7)), so a node never meets a closed port. One that this kernel
/// cannot have is passed over: nobody reaches it.
pub(crate) fn inside(
    outside: SocketAddr,
    own: [IpAddr; 2],
    port: u16,
    bind: &mut impl FnMut(SocketAddr, bool) -> io::Result<Socket>,
) -> Result<Vec<TcpListener>, ApiError> {
    own.into_iter()
        .filter(|ip| port != outside.port() || !covered(outside.ip(), *ip))
        .map(|ip| SocketAddr::new(ip, port))
        .filter_map(|address| match bind(address, true).and_then(TcpListener::from_std) {
            Ok(listener) => Some(Ok(listener)),
            Err(error) if address.is_ipv6() && is_unsupported(&error) => {
                tracing::warn!(%address, "this kernel has no IPv6: nodes reach headquarters by IPv4 only");
                None
            }
            Err(source) => Some(Err(ApiError::Bind { address, source })),
        })
        .collect()
}

/// socket(2) without that family.
fn is_unsupported(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// An IPv6 wildcard takes IPv4 as well, see [`bind`].
fn covered(listening: IpAddr, own: IpAddr) -> bool {
    listening == own || (listening.is_unspecified() && (listening.is_ipv6() || own.is_ipv4()))
}

/// A socket that listens and does not block; `free`: on an address that need not be there yet. A port below 1024 takes
/// `CAP_NET_BIND_SERVICE`.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddr, free: bool) -> io::Result<Socket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // So that the IPv4 overlay address can be bound besides, whatever `bindv6only` says.
        sockopt::set_ipv6_v6only(&socket, !address.ip().is_unspecified())?;
    }
    if free {
        if address.is_ipv4() {
            sockopt::set_ip_freebind(&socket, true)?;
        } else {
            sockopt::set_ipv6_freebind(&socket, true)?;
        }
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn headquarters_own_addresses_are_bound_whatever_is_bound_outside() {
        let own = ["10.88.0.1".parse().unwrap(), "fd00:1:2::1".parse().unwrap()];
        for (wildcard, besides) in [("127.0.0.1:0", 2), ("0.0.0.0:0", 1), ("[::]:0", 0), ("[::1]:0", 2)] {
            let listener = outside(wildcard.parse().unwrap(), &mut bind).unwrap();
            let address = listener.local_addr().unwrap();
            let listeners = inside(address, own, address.port(), &mut bind).unwrap();
            assert_eq!(listeners.len(), besides, "{wildcard}");
            drop(listeners);
            let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            assert_eq!(
                inside(address, own, elsewhere, &mut bind).unwrap().len(),
                2,
                "{wildcard}, on a port of its own"
            );
        }
    }

    /// A kernel with `ipv6.disable=1`, as far as sockets are concerned.
    fn bind_without_v6(address: SocketAddr, free: bool) -> io::Result<Socket> {
        if address.is_ipv6() { Err(rustix::io::Errno::AFNOSUPPORT.into()) } else { bind(address, free) }
    }

    #[tokio::test]
    async fn without_ipv6_headquarters_listens_on_ipv4() {
        let own = ["10.88.0.1".parse().unwrap(), "fd00:1:2::1".parse().unwrap()];
        let listener = outside("[::]:0".parse().unwrap(), &mut bind_without_v6).unwrap();
        assert!(listener.local_addr().unwrap().ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED));
        let only: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let within = inside(only, own, 0, &mut bind_without_v6).unwrap();
        assert_eq!(within.len(), 1);
        // What somebody asked for by its own address is not replaced by another one.
        assert!(outside("[::1]:0".parse().unwrap(), &mut bind_without_v6).is_err());
        // Nor does any other failure open another address.
        let mut refused = |_, _| Err(io::ErrorKind::PermissionDenied.into());
        assert!(outside("[::]:0".parse().unwrap(), &mut refused).is_err());
    }
}
