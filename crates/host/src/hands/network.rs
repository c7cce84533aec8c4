//! One node a network namespace: its kill switch and routes are the whole namespace's, whatever state directory it has.

use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::message::KillSwitchState;
use crate::deed::Deed;
use crate::error::HostError;
use crate::kill_switch;
use crate::unix::Peer;

/// An abstract Unix socket: it lives in a network namespace and ends with its process.
const NAME: &[u8] = b"hanare-node";

/// Held for as long as this process is the namespace's node; empty where an account that is not ours sits on the name.
#[derive(Debug)]
pub(super) struct NetworkHold(Option<UnixListener>);

impl NetworkHold {
    /// Lets everybody who comes later see whose it is; must be called inside a runtime.
    pub(super) fn answer(&self) -> io::Result<()> {
        let Some(listener) = &self.0 else { return Ok(()) };
        let listener = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
        tokio::spawn(async move {
            loop {
                if listener.accept().await.is_err() {
                    // Out of descriptors.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
        Ok(())
    }
}

/// Takes this namespace for the node of a state directory.
///
/// # Errors
/// [`HostError::NetworkBusy`] with the node's process that holds it; [`HostError::OtherKillSwitch`] if the kill switch of
/// another state is closed here.
pub(super) fn hold(state: &Path) -> Result<NetworkHold, HostError> {
    let held = take(NAME)?;
    own_kill_switch(state)?;
    Ok(held)
}

/// The file comes before the tables and goes after them: tables without the file are another state's.
fn own_kill_switch(state: &Path) -> Result<(), HostError> {
    if !kill_switch::policy::path(state).exists() && kill_switch::state()? != KillSwitchState::Open {
        return Err(HostError::OtherKillSwitch);
    }
    Ok(())
}

fn take(name: &[u8]) -> Result<NetworkHold, HostError> {
    let failed = |error: io::Error| HostError::io(Deed::Lock.of(String::from_utf8_lossy(name)), &error);
    let address = SocketAddr::from_abstract_name(name).map_err(failed)?;
    // Whoever holds it may end between our looks.
    for _ in 0..10 {
        match UnixListener::bind_addr(&address) {
            Ok(listener) => {
                listener.set_nonblocking(true).map_err(failed)?;
                return Ok(NetworkHold(Some(listener)));
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(failed(error)),
        }
        match holder(name) {
            Ok(peer) if peer.uid == rustix::process::geteuid().as_raw() => {
                return Err(HostError::NetworkBusy { pid: peer.pid });
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                std::thread::sleep(Duration::from_millis(20));
            }
            // Anybody may take the name, and must not keep a kill switch from being closed by it.
            _ => break,
        }
    }
    tracing::warn!("this network's lock is somebody else's; another node here would not be noticed");
    Ok(NetworkHold(None))
}

/// Who listens there, without waiting for them.
fn holder(name: &[u8]) -> io::Result<Peer> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
    Peer::of(&socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_may_come_when_that_has_gone() {
        let name = format!("hanare-test-{}", std::process::id());
        let first = take(name.as_bytes()).unwrap();
        for _ in 0..5 {
            let own = i32::try_from(std::process::id()).unwrap();
            match take(name.as_bytes()) {
                Err(HostError::NetworkBusy { pid }) => assert_eq!(pid, own),
                other => panic!("{other:?}"),
            }
        }
        drop(first);
        assert!(take(name.as_bytes()).unwrap().0.is_some());
    }
}
