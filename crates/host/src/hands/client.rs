//! The worker's side: one blocking call per verb, and the notices that come unasked.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use hanare_model::{Segmentation, Signed};
use ipnet::IpNet;

use super::channel;
use super::message::{KillSwitchState, Notice, Permit, Reply, Request};
use crate::deed::Deed;
use crate::error::HostError;

/// The way to the host process. Clones share one connection; calls block for milliseconds (a resolver: seconds), so
/// that async code goes through [`Client::run`].
#[derive(Debug, Clone)]
pub struct Client {
    socket: Arc<Mutex<OwnedFd>>,
}

/// What [`Client::tunnel`] brings.
#[derive(Debug)]
pub struct Tunnel {
    /// The interface's name.
    pub interface: String,
    /// Its index.
    pub index: u32,
    /// The TUN device, non-blocking.
    pub tun: OwnedFd,
    /// A socket to ask about it with.
    pub query: OwnedFd,
    /// Whether the device carries virtio headers and large segments.
    pub offload: bool,
    /// The sockets.
    pub udp: UdpSockets,
}

/// Marked UDP sockets on one port.
#[derive(Debug)]
pub struct UdpSockets {
    /// The port they are bound to.
    pub port: u16,
    /// One of each family, unless the machine or the address has only one.
    pub fds: Vec<OwnedFd>,
}

impl Client {
    /// Takes the connection that the host process left as standard input. Call once, first thing in a worker.
    ///
    /// # Errors
    /// [`HostError::Io`] if standard input is not such a connection.
    pub fn from_stdin() -> Result<Self, HostError> {
        channel::from_stdin().map(Self::new)
    }

    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket: Arc::new(Mutex::new(socket)) }
    }

    /// Runs blocking calls off the async threads.
    ///
    /// # Errors
    /// What `call` returns; [`HostError::Gone`] if the runtime ends first.
    pub async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, HostError> {
        let client = self.clone();
        tokio::task::spawn_blocking(move || call(&client)).await.unwrap_or(Err(HostError::Gone))
    }

    /// The notices; one receiver per worker.
    ///
    /// # Errors
    /// [`HostError::Gone`] without a host process.
    pub fn notices(&self) -> Result<Notices, HostError> {
        let (_, fds) = self.ask(&Request::Notices, &[])?;
        Ok(Notices { socket: fds.into_iter().next().ok_or(HostError::Gone)? })
    }

    /// Makes the tunnel interface (down, without addresses) and its UDP sockets; `[::]` is everywhere in both families, and
    /// port 0 lets the kernel choose.
    ///
    /// # Errors
    /// [`HostError::NoTunDevice`], [`HostError::NameTaken`], [`HostError::BadName`], [`HostError::PortInUse`],
    /// [`HostError::NoNetAdmin`].
    pub fn tunnel(&self, mtu: u16, listen: SocketAddr, offload: bool) -> Result<Tunnel, HostError> {
        let (reply, fds) = self.ask(&Request::Tunnel { mtu, listen, offload }, &[])?;
        let Reply::Tunnel { interface, index, offload, port } = reply else { return Err(HostError::Gone) };
        let mut fds = fds.into_iter();
        let tun = fds.next().ok_or(HostError::Gone)?;
        let query = fds.next().ok_or(HostError::Gone)?;
        Ok(Tunnel { interface, index, tun, query, offload, udp: udp_sockets(port, fds.collect())? })
    }

    /// New UDP sockets instead of those of [`Client::tunnel`].
    ///
    /// # Errors
    /// [`HostError::PortInUse`] while the old ones are open on the same port.
    pub fn udp(&self, listen: SocketAddr) -> Result<UdpSockets, HostError> {
        let (reply, fds) = self.ask(&Request::Udp { listen }, &[])?;
        let Reply::Udp { port } = reply else { return Err(HostError::Gone) };
        udp_sockets(port, fds)
    }

    /// Gives the tunnel interface exactly these addresses and brings it up.
    ///
    /// # Errors
    /// [`HostError::Netlink`]; [`HostError::Refused`] for an address outside the lease.
    pub fn addresses(&self, addresses: &[IpNet]) -> Result<(), HostError> {
        self.done(&Request::Addresses { addresses: addresses.to_vec() })
    }

    /// Sends exactly these prefixes through the tunnel: a node's by fwmark rule, headquarters' as plain routes.
    ///
    /// # Errors
    /// [`HostError::Collision`] before anything is changed.
    pub fn routes(&self, prefixes: &[IpNet]) -> Result<(), HostError> {
        self.done(&Request::Routes { prefixes: prefixes.to_vec() })
    }

    /// Sets up the gateway's side towards the room: its addresses there, forwarding, and the way for the room's own
    /// `WireGuard`. The LAN interface is the host process's own setting.
    ///
    /// # Errors
    /// [`HostError::NoSuchInterface`], [`HostError::Collision`], [`HostError::Refused`] without `--lan`.
    pub fn lan(&self, addresses: &[IpNet]) -> Result<(), HostError> {
        self.done(&Request::Lan { addresses: addresses.to_vec() })
    }

    /// Changes the tunnel interface's MTU, 1280 at least.
    ///
    /// # Errors
    /// [`HostError::Refused`] below 1280.
    pub fn mtu(&self, mtu: u16) -> Result<(), HostError> {
        self.done(&Request::Mtu { mtu })
    }

    /// Closes the kill switch, or replaces whom it lets the tunnel talk to. An unlock under way goes on.
    ///
    /// # Errors
    /// [`HostError::Refused`] for a port or literal address that is not headquarters'; [`HostError::ProgramMissing`].
    pub fn kill_switch(&self, permit: &Permit) -> Result<(), HostError> {
        self.done(&Request::KillSwitch { permit: permit.clone() })
    }

    /// How the kill switch stands.
    ///
    /// # Errors
    /// [`HostError::Program`] if it cannot be read.
    pub fn kill_switch_state(&self) -> Result<KillSwitchState, HostError> {
        let (reply, _) = self.ask(&Request::KillSwitchState, &[])?;
        if let Reply::KillSwitch { state } = reply { Ok(state) } else { Err(HostError::Gone) }
    }

    /// Opens the kill switch for a while, on behalf of the person at the other end of `requester` (the accepted
    /// connection of the control socket). Who it is and what they ask the host process sees for itself: their line still
    /// waits on the connection.
    ///
    /// # Errors
    /// [`HostError::Refused`] if the person may not, the time is over 30 min, or no reason is given.
    pub fn unlock(&self, requester: BorrowedFd<'_>) -> Result<(), HostError> {
        self.ask(&Request::Unlock, &[requester]).map(drop)
    }

    /// Replaces headquarters' firewall and turns forwarding on.
    ///
    /// # Errors
    /// [`HostError::Program`] with nft's words; the old table stays.
    pub fn segment(&self, segmentation: &Segmentation) -> Result<(), HostError> {
        self.done(&Request::Segment { segmentation: segmentation.clone() })
    }

    /// Resolvers while the tunnel is up; empty gives the machine its own back.
    ///
    /// # Errors
    /// [`HostError::Resolver`] if no way worked.
    pub fn dns(&self, servers: &[IpAddr]) -> Result<(), HostError> {
        self.done(&Request::Dns { servers: servers.to_vec() })
    }

    /// A non-blocking TCP socket that is being connected to headquarters' API at `to`; writable once that is over.
    ///
    /// # Errors
    /// [`HostError::Refused`] if `to` is not headquarters' API; [`HostError::Io`] if there is no way to it.
    pub fn api_socket(&self, to: SocketAddr) -> Result<OwnedFd, HostError> {
        let (_, fds) = self.ask(&Request::ApiSocket { to }, &[])?;
        fds.into_iter().next().ok_or(HostError::Gone)
    }

    /// Marked UDP sockets connected to port 53 of the underlay's resolvers, to look up headquarters' name.
    ///
    /// # Errors
    /// [`HostError::Io`] if the machine knows no resolver.
    pub fn name_sockets(&self) -> Result<Vec<(IpAddr, OwnedFd)>, HostError> {
        let (reply, fds) = self.ask(&Request::NameSockets, &[])?;
        let Reply::Resolvers { servers } = reply else { return Err(HostError::Gone) };
        Ok(servers.into_iter().zip(fds).collect())
    }

    /// Shows a lease as headquarters signed it; what the worker may ask follows from it. Call before its addresses,
    /// endpoints or resolvers are used.
    ///
    /// # Errors
    /// [`HostError::Refused`] for another signer, another node or an older serial.
    pub fn lease(&self, lease: &Signed) -> Result<(), HostError> {
        self.done(&Request::Lease { lease: lease.clone() })
    }

    /// Says that the worker serves, with one line for people.
    ///
    /// # Errors
    /// [`HostError::Gone`] without a host process.
    pub fn ready(&self, status: &str) -> Result<(), HostError> {
        self.done(&Request::Ready { status: status.to_owned() })
    }

    /// Whether the machine may be given back: if the one at the other end of `requester`, whose line still waits there, is an
    /// admin who asks for it.
    ///
    /// # Errors
    /// [`HostError::Refused`] if not.
    pub fn ask_to_leave(&self, requester: BorrowedFd<'_>) -> Result<(), HostError> {
        self.ask(&Request::AskToLeave, &[requester]).map(drop)
    }

    /// Gives the machine back as it was, the kill switch included. The worker exits afterwards.
    ///
    /// # Errors
    /// [`HostError::Refused`] if nobody was accepted by [`Client::ask_to_leave`]; what undoing meets.
    pub fn leave(&self) -> Result<(), HostError> {
        self.done(&Request::Leave)
    }

    fn done(&self, request: &Request) -> Result<(), HostError> {
        self.ask(request, &[]).map(drop)
    }

    fn ask(&self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(Reply, Vec<OwnedFd>), HostError> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        channel::send(socket.as_fd(), request, fds)?;
        match channel::receive(socket.as_fd())? {
            (Reply::Failed { failure }, _) => Err(failure),
            (reply, fds) => Ok((reply, fds)),
        }
    }
}

fn udp_sockets(port: u16, fds: Vec<OwnedFd>) -> Result<UdpSockets, HostError> {
    if fds.is_empty() { Err(HostError::Gone) } else { Ok(UdpSockets { port, fds }) }
}

/// The worker's end of the notices.
#[derive(Debug)]
pub struct Notices {
    socket: OwnedFd,
}

impl Notices {
    /// The next notice, waiting for it.
    ///
    /// # Errors
    /// [`HostError::Gone`] once the host process has ended; a worker then exits.
    pub fn recv(&self) -> Result<Notice, HostError> {
        channel::receive(self.socket.as_fd()).map(|(notice, _)| notice)
    }

    /// A receiver for async code; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`HostError::Io`] outside a runtime.
    pub fn into_async(self) -> Result<AsyncNotices, HostError> {
        rustix::io::ioctl_fionbio(&self.socket, true)
            .map_err(|error| HostError::io(Deed::Message, &error.into()))?;
        Ok(AsyncNotices {
            socket: crate::readiness::readable(self.socket)
                .map_err(|error| HostError::io(Deed::Message, &error))?,
        })
    }
}

/// [`Notices`] for async code.
#[derive(Debug)]
pub struct AsyncNotices {
    socket: tokio::io::unix::AsyncFd<OwnedFd>,
}

impl AsyncNotices {
    /// The next notice. Cancel-safe.
    ///
    /// # Errors
    /// [`HostError::Gone`] once the host process has ended; a worker then exits.
    pub async fn next(&mut self) -> Result<Notice, HostError> {
        loop {
            let mut guard =
                self.socket.readable().await.map_err(|error| HostError::io(Deed::Message, &error))?;
            // Readiness is an edge: it may be cleared only once nothing waits any more.
            if channel::waits(guard.get_inner().as_fd())? {
                return channel::receive(guard.get_inner().as_fd()).map(|(notice, _)| notice);
            }
            guard.clear_ready();
        }
    }
}
