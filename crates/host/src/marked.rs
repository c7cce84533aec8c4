//! Sockets with our firewall mark: what the kill switch lets through below the tunnel, and full-tunnel rules pass over.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::MARK;
use crate::deed::Deed;
use crate::error::HostError;

/// A non-blocking TCP socket on its way to `to`, below the tunnel if `marked`.
///
/// # Errors
/// [`HostError::Io`] if there is no way.
pub(crate) fn tcp_towards(to: SocketAddr, marked: bool) -> Result<OwnedFd, HostError> {
    let socket = socket(to, Type::STREAM, Protocol::TCP, marked)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
            Err(HostError::io(Deed::Connect.of(to), &error))
        }
        _ => Ok(socket.into()),
    }
}

/// A non-blocking, marked UDP socket connected to port 53 of `server`. Without `CAP_NET_ADMIN` it has no mark, which is good as
/// long as no kill switch is closed: before the first `join`.
///
/// # Errors
/// [`HostError::Io`] if there is no way to the server.
pub fn udp_to_resolver(server: IpAddr) -> Result<OwnedFd, HostError> {
    let to = SocketAddr::new(server, 53);
    let socket = socket(to, Type::DGRAM, Protocol::UDP, true)?;
    socket.connect(&to.into()).map_err(|error| HostError::io(Deed::Connect.of(server), &error))?;
    Ok(socket.into())
}

/// The resolvers that this machine asks below the tunnel.
#[must_use]
pub fn resolvers() -> Vec<IpAddr> {
    crate::resolver::underlay()
}

fn socket(to: SocketAddr, kind: Type, protocol: Protocol, marked: bool) -> Result<Socket, HostError> {
    let failed = |error: std::io::Error| HostError::io(Deed::Socket.of(to), &error);
    let socket = Socket::new(Domain::for_address(to), kind, Some(protocol)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    if marked
        && let Err(error) = socket.set_mark(MARK)
        && error.kind() != std::io::ErrorKind::PermissionDenied
    {
        return Err(failed(error));
    }
    Ok(socket)
}
