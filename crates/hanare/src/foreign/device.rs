//! What keeps a tunnel interface from running, as failures.

use hanare_host::Deed;
use hanare_host::tun::TunError;
use hanare_host::udp::UdpError;
use hanare_tunnel::device::DeviceError;
use hanare_tunnel::uapi::SocketError;

use super::host::attempt;
use crate::exit::Exit;
use crate::failure::Failure;

/// A bare device that does not run.
pub(crate) fn device_error(error: DeviceError) -> Failure {
    match error {
        DeviceError::Tun(error) => tun_error(error),
        DeviceError::Udp(error) => udp_error(error),
        DeviceError::Socket(error) => uapi_error(error),
        DeviceError::Privileges(source) => {
            Failure::new(Exit::Impossible, "privileges").because(source.as_ref())
        }
        DeviceError::Io { what, source } => Failure::new(Exit::Impossible, "host-io")
            .with_phrase("what", attempt(&what.into()))
            .because(&source),
        DeviceError::Ended { name, why } => {
            Failure::new(Exit::Impossible, "device-ended").with("name", name).reported("cause-other", why)
        }
        DeviceError::Background { said, status: _ } => {
            Failure::new(Exit::Impossible, "device-background").reported("cause-background", said)
        }
    }
}

/// A TUN device that cannot be had.
pub(crate) fn tun_error(error: TunError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        TunError::Name(name) => Failure::new(Exit::Input, "interface-name").with("name", name),
        TunError::Taken(name) => impossible("interface-taken").with("name", name),
        TunError::Unavailable(source) => impossible("no-tun").because(&source),
        TunError::Permission(_) => impossible("no-net-admin"),
        TunError::Device { name, source } => {
            impossible("host-io").with_phrase("what", attempt(&Deed::Interface.of(name))).because(&source)
        }
    }
}

/// UDP sockets that cannot be had.
pub(crate) fn udp_error(error: UdpError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        UdpError::PortInUse(port) => impossible("port-in-use").with("port", port),
        UdpError::Permission => impossible("no-net-admin"),
        UdpError::Socket(source) => {
            impossible("host-io").with_phrase("what", attempt(&Deed::Socket.of("UDP"))).because(&source)
        }
    }
}

/// A UAPI socket that cannot be had.
pub(crate) fn uapi_error(error: SocketError) -> Failure {
    match error {
        SocketError::Taken { path } => {
            Failure::new(Exit::Impossible, "uapi-taken").with("path", path.display())
        }
        SocketError::Io { path, source } => {
            Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(&source)
        }
    }
}
