//! Sockets with our firewall mark: what the kill switch lets through below the tunnel, and full-tunnel rules pass over.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::MARK;
use crate::error::HostError;

/// A TCP socket of `to`'s family, not connected, non-blocking. Without `CAP_NET_ADMIN` it has no mark, which is good as
/// long as no kill switch is closed: before the first `join`.
///
/// # Errors
/// [`HostError::Io`] if the family is not to be had.
pub fn tcp(to: SocketAddr) -> Result<OwnedFd, HostError> {
    marked(to, Type::STREAM, Protocol::TCP)
}

/// A UDP socket connected to port 53 of `server`, non-blocking, marked like [`tcp`].
///
/// # Errors
/// [`HostError::Io`] if there is no way to the server.
pub fn udp_to_resolver(server: IpAddr) -> Result<OwnedFd, HostError> {
    let to = SocketAddr::new(server, 53);
    let socket = Socket::from(marked(to, Type::DGRAM, Protocol::UDP)?);
    socket.connect(&to.into()).map_err(|error| HostError::io(format!("asking {server}"), &error))?;
    Ok(socket.into())
}

/// The resolvers that this machine asks below the tunnel.
#[must_use]
pub fn resolvers() -> Vec<IpAddr> {
    crate::resolver::underlay()
}

fn marked(to: SocketAddr, kind: Type, protocol: Protocol) -> Result<OwnedFd, HostError> {
    let failed = |error: std::io::Error| HostError::io(format!("a socket towards {to}"), &error);
    let socket = Socket::new(Domain::for_address(to), kind, Some(protocol)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    if let Err(error) = socket.set_mark(MARK)
        && error.kind() != std::io::ErrorKind::PermissionDenied
    {
        return Err(failed(error));
    }
    Ok(socket.into())
}
