//! Answering on the socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hanare_host::netlink::Netlink;
use hanare_host::udp::{Udp, UdpError};
use hanare_model::PrivateKey;
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::answer::{Effect, change, get};
use super::parse::{Request, Set, parse};
use super::socket::Listener;
use crate::plane::PlaneHandle;
use crate::state::random_seed;

/// Clients at a time; one more is turned away.
const CLIENTS: usize = 16;
/// Bytes of a request: 20,000 peers of 200 bytes.
const LONGEST: u64 = 4 << 20;
/// A client that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who may change the device over the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever can open it.
    Full,
    /// Nobody: headquarters manages the interface, and `set` ends with `EPERM`.
    ReadOnly,
}

/// What the socket stands for.
#[derive(Debug)]
pub struct Service {
    plane: PlaneHandle,
    access: Access,
    /// Changes come one by one, each in whole.
    state: Mutex<State>,
    clients: AtomicUsize,
}

#[derive(Debug)]
struct State {
    private_key: Option<PrivateKey>,
    mark: u32,
}

impl Service {
    /// A service for a running data plane, with what the plane itself does not show.
    #[must_use]
    pub fn new(plane: PlaneHandle, access: Access, private_key: Option<PrivateKey>, mark: u32) -> Self {
        let state = Mutex::new(State { private_key, mark });
        Self { plane, access, state, clients: AtomicUsize::new(0) }
    }

    /// Answers one request; the text ends with an empty line.
    fn answer(&self, request: &str) -> Zeroizing<String> {
        // Where nothing may be set, nothing is looked up either.
        let scope = |name: &str| if self.access == Access::Full { index(name) } else { Some(0) };
        let outcome =
            parse(request, &scope).map_err(super::ParseError::errno).and_then(|request| match request {
                Request::Get => self.get(),
                Request::Set(_) if self.access == Access::ReadOnly => Err(Errno::PERM.raw_os_error()),
                Request::Set(set) => self.set(set).map(|()| Zeroizing::new(String::new())),
            });
        match outcome {
            Ok(mut text) => {
                text.push_str("errno=0\n\n");
                text
            }
            // Negative, as wireguard-go says it and wg(8) reads it: a positive number is an error that nobody has a word for.
            Err(errno) => Zeroizing::new(format!("errno={}\n\n", -errno)),
        }
    }

    fn get(&self) -> Result<Zeroizing<String>, i32> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.plane.snapshot_blocking().map_err(|_| Errno::NODEV.raw_os_error())?;
        Ok(get(&snapshot, state.private_key.as_ref(), state.mark, SystemTime::now()))
    }

    fn set(&self, set: Set) -> Result<(), i32> {
        let gone = |_| Errno::NODEV.raw_os_error();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.plane.snapshot_blocking().map_err(gone)?;
        // What can fail comes first, so that a refused request changes nothing.
        let mark = set.fwmark.unwrap_or(state.mark);
        let bind = |port| Udp::bind(port, (mark != 0).then_some(mark)).map_err(|error| errno(&error));
        let udp = set.listen_port.filter(|port| *port != snapshot.port).map(bind).transpose()?;
        // Without a key there is none that anybody knows.
        let nobody = || random_seed().map(PrivateKey::from_bytes).map_err(|_| Errno::IO.raw_os_error());
        let private_key = match &set.private_key {
            Some(Some(key)) => Some(key.clone()),
            Some(None) => Some(nobody()?),
            None => None,
        };
        if mark != state.mark {
            if !self.plane.set_mark_blocking(mark).map_err(gone)? {
                return Err(Errno::PERM.raw_os_error());
            }
            state.mark = mark;
        }
        if let Some(udp) = udp {
            self.plane.replace_udp(udp).map_err(gone)?;
        }
        let taken_away = matches!(set.private_key, Some(None));
        if let (Some(key), Some(shown)) = (private_key, set.private_key) {
            self.plane.set_private_key(key.clone()).map_err(gone)?;
            // A peer with our own key would be ourselves.
            self.plane.remove(key.public()).map_err(gone)?;
            state.private_key = shown;
        }
        let own = state.private_key.as_ref().map(PrivateKey::public);
        let mut peers: std::collections::BTreeMap<_, _> =
            snapshot.peers.into_iter().map(|state| (state.peer.public_key, state.peer)).collect();
        if set.replace_peers {
            let stays: std::collections::BTreeSet<_> = set
                .peers
                .iter()
                .filter(|peer| !peer.remove && !peer.update_only)
                .map(|p| p.public_key)
                .collect();
            for key in peers.keys().filter(|key| !stays.contains(*key)) {
                self.plane.remove(*key).map_err(gone)?;
            }
            peers.retain(|key, _| stays.contains(key));
            // A replaced peer keeps its session but nothing of its configuration.
            for peer in peers.values_mut() {
                peer.preshared_key = None;
                peer.keepalive = None;
                peer.allowed_ips.clear();
            }
        }
        // One upsert per peer, at its last mention: a peer in the middle of a change is never seen.
        let mut touched = std::collections::BTreeSet::new();
        if taken_away {
            // Sessions outlive a change of keys; of none there is nothing to go on.
            touched.extend(peers.keys().copied());
            for key in &touched {
                self.plane.remove(*key).map_err(gone)?;
            }
        }
        for peer in set.peers.into_iter().filter(|peer| Some(peer.public_key) != own) {
            let key = peer.public_key;
            match change(peers.get(&key), peer) {
                Effect::Upsert(peer) => {
                    for prefix in &peer.allowed_ips {
                        for (other, theirs) in &mut peers {
                            if *other != key {
                                theirs.allowed_ips.retain(|has| has != prefix);
                            }
                        }
                    }
                    peers.insert(key, peer);
                    touched.insert(key);
                }
                Effect::Remove(key) => {
                    peers.remove(&key);
                    touched.remove(&key);
                    self.plane.remove(key).map_err(gone)?;
                }
                Effect::Nothing => {}
            }
        }
        for peer in touched.iter().filter_map(|key| peers.remove(key)) {
            self.plane.upsert(peer).map_err(gone)?;
        }
        Ok(())
    }

    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut request = Zeroizing::new(String::with_capacity(4096));
            let mut limited = (&mut reader).take(LONGEST);
            while limited.read_line(&mut request)? > 1 {}
            if request.is_empty() {
                return Ok(());
            }
            let mut stream = stream;
            stream.write_all(self.answer(&request).as_bytes())?;
            if limited.limit() == 0 || !request.ends_with("\n\n") {
                return Ok(());
            }
        }
    }
}

/// Answers on a thread of its own; it ends with the first client after the end of the data plane.
///
/// # Errors
/// As the kernel says, if it gives no thread.
pub fn spawn(listener: &Listener, service: Service) -> io::Result<()> {
    let listener = listener.inner.try_clone()?;
    let service = Arc::new(service);
    std::thread::Builder::new().name("hanare-uapi".to_owned()).spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // Out of descriptors, most likely.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            if service.plane.end().is_some() {
                return;
            }
            if service.clients.fetch_add(1, Ordering::Relaxed) >= CLIENTS {
                service.clients.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let service = Arc::clone(&service);
            let client = Arc::clone(&service);
            let started =
                std::thread::Builder::new().name("hanare-uapi-client".to_owned()).spawn(move || {
                    let _ = client.serve(&stream);
                    client.clients.fetch_sub(1, Ordering::Relaxed);
                });
            if started.is_err() {
                service.clients.fetch_sub(1, Ordering::Relaxed);
            }
        }
    })?;
    Ok(())
}

/// An interface's number by its name.
fn index(name: &str) -> Option<u32> {
    Netlink::open().and_then(|mut netlink| netlink.link(name)).ok().flatten().map(|link| link.index)
}

fn errno(error: &UdpError) -> i32 {
    match error {
        UdpError::PortInUse(_) => Errno::ADDRINUSE.raw_os_error(),
        UdpError::Permission => Errno::PERM.raw_os_error(),
        UdpError::Socket(error) => error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()),
    }
}
