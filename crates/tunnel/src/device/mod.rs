//! A bare userspace WireGuard device, configured over its UAPI socket: drop-in where boringtun-cli or wireguard-go stands.

mod background;

use std::time::Duration;

pub use background::start_in_background;
use hanare_host::Deed;
use hanare_host::signals::EndSignals;
use hanare_host::tun::{Offload, Tun, TunError};
use hanare_host::udp::{Udp, UdpError};
use hanare_model::{PeerSet, PrivateKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::plane::{self, End, PlaneConfig, PlaneHandle};
use crate::uapi::{self, Access, Listener, Service, SocketError};

/// As wg-quick assumes: Ethernet less what WireGuard over IPv6 adds.
const MTU: u16 = 1420;
/// How often the socket's file is looked for.
const CHECK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// How to run a device.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// What the interface is called.
    pub name: String,
    /// Whether to give the terminal back once the device stands: what [`start_in_background`] started.
    pub detached: bool,
}

/// Why a device does not run.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The interface.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// The UDP sockets.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// The UAPI socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Privileges could not be given up.
    #[error("giving up privileges: {0}")]
    Privileges(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The kernel refuses something ordinary.
    #[error("{what}: {source}")]
    Io {
        /// What was asked of it.
        what: Deed,
        /// What it said.
        source: std::io::Error,
    },
    /// The data plane ended by itself.
    #[error("interface {name}: {why}")]
    Ended {
        /// The interface.
        name: String,
        /// Why.
        why: String,
    },
    /// The process that was started in the background ended at once.
    #[error("the device ended at once: {said}")]
    Background {
        /// What it said, as it would have said it in the foreground.
        said: String,
        /// How it ended, if by itself.
        status: Option<i32>,
    },
}

fn io(what: Deed) -> impl Fn(std::io::Error) -> DeviceError {
    move |source| DeviceError::Io { what, source }
}

/// Makes the interface and runs it until a signal, the removal of the interface, or the removal of the socket file.
/// Interface and socket are gone when it returns. `on_ready` is called once both are there.
///
/// # Errors
/// [`DeviceError`], by cause.
pub fn run(options: &DeviceOptions, on_ready: impl FnOnce()) -> Result<(), DeviceError> {
    let signals = EndSignals::block().map_err(io(Deed::Signals))?;
    // A second device of the same name ends here, before it touches the interface of the first.
    let tun = Tun::create(&options.name, MTU, Offload::TcpUdp)?;
    let udp = Udp::bind(0, None)?;
    let socket = Listener::bind(&options.name)?;
    hanare_host::privileges::become_device().map_err(|error| DeviceError::Privileges(error.into()))?;
    let outcome = serve(tun, udp, &socket, &signals, options, on_ready);
    socket.remove();
    outcome
}

fn serve(
    tun: Tun,
    udp: Udp,
    socket: &Listener,
    signals: &EndSignals,
    options: &DeviceOptions,
    on_ready: impl FnOnce(),
) -> Result<(), DeviceError> {
    let mut seed = [0; 32];
    let mut throwaway = [0; 32];
    for bytes in [&mut seed, &mut throwaway] {
        SystemRandom::new().fill(bytes).map_err(|_| io(Deed::Random)(std::io::ErrorKind::Other.into()))?;
    }
    // Until `wg set` brings a key, one that nobody knows stands in for it.
    let private_key = PrivateKey::from_bytes(throwaway);
    let plane = plane::spawn(PlaneConfig { tun, udp, private_key, peers: PeerSet::default(), seed })
        .map_err(io(Deed::DataPlane))?;
    let service = Service::new(plane.clone(), Access::Full, None, 0);
    uapi::spawn(socket, service).map_err(io(Deed::DataPlane))?;
    if options.detached {
        background::release_terminal().map_err(io(Deed::Streams))?;
    }
    on_ready();
    wait(&plane, socket, signals)?;
    plane.shutdown();
    match plane.ended_blocking() {
        End::Shutdown | End::InterfaceRemoved => Ok(()),
        End::Failed(why) => Err(DeviceError::Ended { name: options.name.clone(), why }),
    }
}

/// Returns when the device is to end or has ended.
fn wait(plane: &PlaneHandle, socket: &Listener, signals: &EndSignals) -> Result<(), DeviceError> {
    while plane.end().is_none() && socket.is_in_place() {
        let mut fds = [PollFd::new(signals, PollFlags::IN)];
        match poll(&mut fds, Some(&CHECK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) if signals.take() => return Ok(()),
            Ok(_) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(io(Deed::Signals)(error.into())),
        }
    }
    Ok(())
}
