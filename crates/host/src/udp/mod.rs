//! The tunnel's UDP sockets: IPv4 and IPv6 on one port, or one address of either; trains of datagrams in one system call (GSO, GRO).

mod receive;
mod socket;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

pub use receive::{Datagrams, ReceiveBuffer};
use socket::Socket;

/// Bytes that one train may have: an IP packet less its headers, IPv6 being the longer.
pub const MAX_TRAIN: usize = 65_535 - 40 - 8;

/// Bytes that may wait in each socket: what waits here is what a loaded ping waits for. Measured on 2 cores in one run, one
/// TCP stream and loaded ping over a cable without offloads, with the short turns of [`crate::scheduling`]: 256 KiB
/// 2.31 Gb/s and 1.3 ms, 384 KiB 2.38 and 1.8, 512 KiB 2.39 and 2.1, 768 KiB 2.46 and 2.3; the ceiling of this input and
/// output with 2 MiB 2.76 and 4.3, boringtun-cli 0.46 and 1.3. With turns of the usual length the reader comes too late for
/// a buffer of less than 768 KiB.
pub const RECEIVE_BUFFER: usize = 320 * 1024;

/// Why sockets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UdpError {
    /// Somebody else has the port.
    #[error("UDP port {0} is in use")]
    PortInUse(u16),
    /// A mark needs `CAP_NET_ADMIN`.
    #[error("marking the tunnel's packets needs the capability CAP_NET_ADMIN")]
    Permission,
    /// Everything else the kernel says.
    #[error("UDP socket: {0}")]
    Socket(#[from] io::Error),
}

/// One of the two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    #[must_use]
    pub const fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Datagrams of one length, the last one perhaps shorter, to one place.
#[derive(Debug, Clone, Copy)]
pub struct Train<'b> {
    /// Where to.
    pub to: SocketAddr,
    /// From which of our addresses, if it matters.
    pub from: Option<IpAddr>,
    /// The datagrams, one after the other.
    pub bytes: &'b [u8],
    /// Length of each but the last.
    pub stride: usize,
}

/// A pair of sockets on one port. IPv6 is missing on machines without it; a socket bound to one address is alone.
#[derive(Debug)]
pub struct Udp {
    v4: Option<Socket>,
    v6: Option<Socket>,
    port: u16,
}

impl Udp {
    /// Binds both families to one port of all addresses; 0 lets the kernel choose.
    ///
    /// # Errors
    /// [`UdpError`], by cause.
    pub fn bind(port: u16, mark: Option<u32>) -> Result<Self, UdpError> {
        // With a port of the kernel's choice the other family's may be taken.
        let mut tries = if port == 0 { 32 } else { 1 };
        loop {
            tries -= 1;
            match Self::bind_once(port, mark) {
                Err(UdpError::PortInUse(_)) if tries > 0 => {}
                outcome => return outcome,
            }
        }
    }

    fn bind_once(port: u16, mark: Option<u32>) -> Result<Self, UdpError> {
        let v4 = Socket::bind((Ipv4Addr::UNSPECIFIED, port).into(), mark)?;
        let port = v4.address()?.port();
        let v6 = match Socket::bind((Ipv6Addr::UNSPECIFIED, port).into(), mark) {
            Ok(socket) => Some(socket),
            Err(UdpError::Socket(error)) if is_unsupported(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { v4: Some(v4), v6, port })
    }

    /// Binds one address, and hence one family; `[::]`, the address of everywhere, binds both as [`Udp::bind`] does.
    ///
    /// # Errors
    /// [`UdpError`], by cause; an address that this machine does not have is [`UdpError::Socket`].
    pub fn bind_to(address: SocketAddr, mark: Option<u32>) -> Result<Self, UdpError> {
        if address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED) {
            return Self::bind(address.port(), mark);
        }
        Self::from_sockets([Socket::bind(address, mark)?])
    }

    /// Takes bound sockets, one of each family at most, as handed over by the process that made them.
    ///
    /// # Errors
    /// [`UdpError::Socket`] if they are not.
    pub fn from_fds(fds: impl IntoIterator<Item = OwnedFd>) -> Result<Self, UdpError> {
        let sockets = fds.into_iter().map(Socket::from_fd).collect::<Result<Vec<_>, _>>()?;
        Self::from_sockets(sockets)
    }

    fn from_sockets(sockets: impl IntoIterator<Item = Socket>) -> Result<Self, UdpError> {
        let (mut v4, mut v6, mut port) = (None, None, None);
        for socket in sockets {
            let address = socket.address()?;
            port = Some(address.port());
            match Family::of(address) {
                Family::V4 => v4 = Some(socket),
                Family::V6 => v6 = Some(socket),
            }
        }
        let port = port.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(Self { v4, v6, port })
    }

    /// Gives the sockets up, to hand them to another process.
    pub fn into_fds(self) -> impl Iterator<Item = OwnedFd> {
        self.v4.into_iter().chain(self.v6).map(Socket::into_fd)
    }

    fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.v4.iter().chain(&self.v6)
    }

    /// The port of both.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Marks what is sent from now on; 0 for no mark.
    ///
    /// # Errors
    /// [`UdpError::Permission`] without `CAP_NET_ADMIN`.
    pub fn set_mark(&self, mark: u32) -> Result<(), UdpError> {
        self.sockets().try_for_each(|socket| socket.set_mark(mark))
    }

    /// Bytes of datagrams that may wait to be read, if that is more than may now. Without `CAP_NET_ADMIN` the kernel may
    /// give less, and what a process with it gave before stays.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        self.sockets().try_for_each(|socket| socket.set_receive_buffer(bytes))
    }

    /// The descriptor of a family's socket, to wait on.
    #[must_use]
    pub fn fd(&self, family: Family) -> Option<BorrowedFd<'_>> {
        self.socket(family).map(Socket::fd)
    }

    fn socket(&self, family: Family) -> Option<&Socket> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }

    /// Datagrams that [`Udp::send`] takes at a time towards a family: 1 where the kernel does not cut trains.
    #[must_use]
    pub fn max_train(&self, family: Family) -> usize {
        self.socket(family).map_or(1, Socket::max_train)
    }

    /// Sends a train, cutting it here where the kernel or the way does not.
    ///
    /// # Errors
    /// `WouldBlock` if nothing was sent and it is worth waiting; otherwise as the kernel says: the train, or what was left of
    /// it, is lost, as datagrams may be.
    pub fn send(&self, train: &Train<'_>) -> io::Result<()> {
        let socket = self.socket(Family::of(train.to)).ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send(train)
    }

    /// Receives what waits on a family's socket, up to `batches` buffers, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if nothing waits; otherwise as the kernel says.
    pub fn receive<'b>(
        &self,
        family: Family,
        buffer: &'b mut ReceiveBuffer,
        batches: usize,
    ) -> io::Result<Datagrams<'b>> {
        let socket = self.socket(family).ok_or(io::ErrorKind::WouldBlock)?;
        buffer.receive(socket, batches)
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}
