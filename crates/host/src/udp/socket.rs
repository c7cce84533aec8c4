//! One UDP socket with quinn-udp's batches, and the ways back where a kernel or a path does not take them.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol, SockRef, Socket as Raw, Type};

use super::{MAX_TRAIN, Train, UdpError};

/// Bytes that may wait to be sent: a few trains. A longer queue only adds delay in front of the network card's own.
const SEND_BUFFER: usize = 1 << 20;
/// After the way refused a train, so many go out datagram by datagram before it is asked again.
const NARROW: u32 = 256;

#[derive(Debug)]
pub(super) struct Socket {
    inner: UdpSocket,
    /// Replaced when a send error disabled its offload for a reason that had nothing to do with offload.
    state: RefCell<UdpSocketState>,
    narrow: Cell<u32>,
}

impl Socket {
    pub(super) fn bind(address: SocketAddr, mark: Option<u32>) -> Result<Self, UdpError> {
        let raw = Raw::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        if let Some(mark) = mark {
            set_mark(&SockRef::from(&raw), mark)?;
        }
        raw.bind(&address.into()).map_err(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                UdpError::PortInUse(address.port())
            } else {
                error.into()
            }
        })?;
        Ok(Self::from_socket(raw.into())?)
    }

    pub(super) fn from_fd(fd: OwnedFd) -> Result<Self, UdpError> {
        Ok(Self::from_socket(fd.into())?)
    }

    fn from_socket(socket: UdpSocket) -> io::Result<Self> {
        let state = prepare(&socket)?;
        let raw = SockRef::from(&socket);
        if raw.send_buffer_size()? < SEND_BUFFER {
            // Refused without CAP_NET_ADMIN; then the system's maximum has to do.
            if sockopt::set_socket_send_buffer_size_force(&socket, SEND_BUFFER).is_err() {
                raw.set_send_buffer_size(SEND_BUFFER)?;
            }
        }
        Ok(Self { inner: socket, state: RefCell::new(state), narrow: Cell::new(0) })
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        self.inner.into()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    pub(super) fn set_mark(&self, mark: u32) -> Result<(), UdpError> {
        set_mark(&SockRef::from(&self.inner), mark)
    }

    pub(super) fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        let raw = SockRef::from(&self.inner);
        // The kernel answers with twice of what was asked for.
        if raw.recv_buffer_size()? >= bytes.saturating_mul(2)
            || sockopt::set_socket_recv_buffer_size_force(&self.inner, bytes).is_ok()
        {
            return Ok(());
        }
        raw.set_recv_buffer_size(bytes)
    }

    pub(super) fn max_train(&self) -> usize {
        self.state.borrow().max_gso_segments()
    }

    pub(super) fn receive(&self, buffers: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> io::Result<usize> {
        self.state.borrow().recv(UdpSockRef::from(&self.inner), buffers, meta)
    }

    pub(super) fn send(&self, train: &Train<'_>) -> io::Result<()> {
        if train.bytes.len() <= train.stride {
            return self.send_once(train.to, train.from, train.bytes, None);
        }
        let longest = self.max_train().min(MAX_TRAIN / train.stride.max(1));
        if longest <= 1 {
            return self.send_singly(train);
        }
        if let Some(left) = self.narrow.get().checked_sub(1) {
            self.narrow.set(left);
            return self.send_singly(train);
        }
        for (index, part) in train.bytes.chunks(longest * train.stride).enumerate() {
            match self.send_once(train.to, train.from, part, Some(train.stride)) {
                Ok(()) => {}
                Err(error) if is_too_long(&error) => {
                    self.narrow.set(NARROW);
                    self.send_singly(&Train { bytes: part, ..*train })?;
                }
                // Part of the train is on its way: the rest is lost rather than sent twice.
                Err(error) if index > 0 && error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send_singly(&self, train: &Train<'_>) -> io::Result<()> {
        for (index, datagram) in train.bytes.chunks(train.stride.max(1)).enumerate() {
            match self.send_once(train.to, train.from, datagram, None) {
                Err(error) if index == 0 || error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// One system call; a second one without `from`, where that is no longer an address of ours.
    fn send_once(
        &self,
        to: SocketAddr,
        from: Option<std::net::IpAddr>,
        bytes: &[u8],
        stride: Option<usize>,
    ) -> io::Result<()> {
        let mut transmit =
            Transmit { destination: to, ecn: None, contents: bytes, segment_size: stride, src_ip: from };
        let outcome = self.state.borrow().try_send(UdpSockRef::from(&self.inner), &transmit);
        match outcome {
            Err(error) if is_about_the_way(&error) => {
                if errno(&error) == Some(Errno::INVAL) {
                    // quinn-udp takes this for a kernel without offload and gives it up for good; here it means a source
                    // address that is gone or, in older kernels, a train wider than the way.
                    self.state.replace(prepare(&self.inner)?);
                }
                if transmit.src_ip.take().is_none() {
                    return Err(error);
                }
                self.state.borrow().try_send(UdpSockRef::from(&self.inner), &transmit)
            }
            outcome => outcome,
        }
    }
}

/// quinn-udp's options, less the DF bit: a datagram that a router on the way has to cut arrives, if slower, where one with
/// the bit set would vanish without a word to the sender of the inner packet. And less what nobody here reads, which the
/// kernel would write for every datagram: its traffic class and the time when it came.
fn prepare(socket: &UdpSocket) -> io::Result<UdpSocketState> {
    let state = UdpSocketState::new(UdpSockRef::from(socket))?;
    if socket.local_addr()?.is_ipv4() {
        sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?;
        switch_off(socket, libc::IPPROTO_IP, libc::IP_RECVTOS)?;
    } else {
        sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?;
        switch_off(socket, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG)?;
        switch_off(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS)?;
    }
    switch_off(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
    Ok(state)
}

fn switch_off(socket: &UdpSocket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let off: libc::c_int = 0;
    let length = libc::socklen_t::try_from(size_of_val(&off)).unwrap_or(libc::socklen_t::MAX);
    #[expect(unsafe_code, reason = "neither rustix nor socket2 has all of these options")]
    // SAFETY: the descriptor is open while `socket` is borrowed; each option reads one int, of which address and size are given.
    let status =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const off).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_mark(socket: &SockRef<'_>, mark: u32) -> Result<(), UdpError> {
    socket.set_mark(mark).map_err(|error| {
        if error.kind() == io::ErrorKind::PermissionDenied { UdpError::Permission } else { error.into() }
    })
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

/// Whether another source address might do: none of ours any more, or not on the way that there is now.
fn is_about_the_way(error: &io::Error) -> bool {
    let way = [Errno::INVAL, Errno::NETUNREACH, Errno::HOSTUNREACH, Errno::ADDRNOTAVAIL];
    errno(error).is_some_and(|errno| way.contains(&errno))
}

/// `EIO` comes from a network card that cannot cut trains after all; quinn-udp then stops making them.
fn is_too_long(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::MSGSIZE | Errno::INVAL | Errno::IO))
}
