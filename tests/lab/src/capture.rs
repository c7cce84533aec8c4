//! Captures of what is on a wire, through packet sockets, judged by [`crate::classify`].
//!
//! Not by tcpdump: as the root of an ordinary user's namespace it cannot give up privileges and does not start.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::{Error, Host, Kind, Lab, Link, Ports, Result, classify};

/// What the kernel may keep while the reader is busy: a second of the fastest transfer here.
const BUFFER: usize = 256 << 20;
/// The longest super-packet, with room for its headers.
const LONGEST: usize = 1 << 17;
/// How long is read on, after the end, what does not stop arriving.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// `PACKET_OUTGOING` of packet(7).
const OUTGOING: u8 = 4;

/// A capture under way.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    reader: JoinHandle<Result<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    packets: Mutex<Vec<Captured>>,
    over: AtomicBool,
}

/// Which packets of a network namespace.
#[derive(Debug, Clone, Default)]
struct Filter {
    /// Only this interface.
    interface: Option<String>,
    /// Only what arrives.
    arriving: bool,
    /// Bytes that are kept of each packet.
    keep: usize,
}

/// One captured packet.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Since the epoch.
    pub at: Duration,
    /// What follows the link header.
    pub ethertype: u16,
    /// From the network header on; cut where the capture cuts.
    pub bytes: Vec<u8>,
    /// How long `bytes` was on the wire.
    pub length: usize,
}

impl Capture {
    /// Captures everything that enters the laboratory's bridges, from all hosts. Keeps 256 bytes of each packet.
    ///
    /// # Errors
    /// If a packet socket is refused.
    pub fn everywhere(_: &Lab) -> Result<Self> {
        let filter = Filter { interface: None, arriving: true, keep: 256 };
        Self::start(filter, |work| Ok(std::thread::spawn(work)))
    }

    /// Captures, whole, what leaves `link`'s host.
    ///
    /// # Errors
    /// If a packet socket is refused.
    pub fn leaving(link: &Link) -> Result<Self> {
        let filter = Filter { interface: Some(link.port.clone()), arriving: true, keep: LONGEST };
        Self::start(filter, |work| Ok(std::thread::spawn(work)))
    }

    /// Captures, whole, both directions of an interface of a host.
    ///
    /// # Errors
    /// If a packet socket is refused.
    pub fn on(host: &Host, interface: &str) -> Result<Self> {
        let filter = Filter { interface: Some(interface.to_owned()), arriving: false, keep: LONGEST };
        Self::start(filter, |work| {
            let inner = host.thread(work)?;
            let died =
                || Error::System { what: "a capture".to_owned(), source: std::io::ErrorKind::Other.into() };
            Ok(std::thread::spawn(move || inner.join().map_err(|_| died())??))
        })
    }

    fn start(
        filter: Filter,
        spawn: impl FnOnce(Box<dyn FnOnce() -> Result<()> + Send>) -> Result<JoinHandle<Result<()>>>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        let (opened, opening) = mpsc::channel();
        let reader = spawn(Box::new(move || {
            let socket = open(&filter);
            let _nobody = opened.send(());
            let (socket, index) = socket.map_err(refused("opening a packet socket"))?;
            read(&socket, index, &filter, &inner)
        }))?;
        // A socket that was refused is told by `stop`.
        let _opened_or_refused = opening.recv();
        Ok(Self { shared, reader })
    }

    /// What has been captured so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Captured> {
        self.shared.packets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// [`Error::Content`] if the kernel dropped packets: then the capture proves nothing.
    pub fn stop(self) -> Result<Vec<Captured>> {
        // What the last packets need to arrive.
        std::thread::sleep(Duration::from_millis(50));
        self.shared.over.store(true, Ordering::SeqCst);
        let died =
            |_| Error::System { what: "a capture".to_owned(), source: std::io::ErrorKind::Other.into() };
        self.reader.join().map_err(died)??;
        Ok(std::mem::take(&mut *self.shared.packets.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn refused(what: &str) -> impl FnOnce(Errno) -> Error {
    let what = what.to_owned();
    |errno| Error::System { what, source: errno.into() }
}

/// A socket that hears everything of this thread's network namespace from now on, and the index of the interface asked for.
fn open(filter: &Filter) -> nix::Result<(OwnedFd, Option<usize>)> {
    let name = filter.interface.as_deref();
    let index =
        name.map(nix::net::if_::if_nametoindex).transpose()?.and_then(|index| usize::try_from(index).ok());
    // Datagrams: the kernel takes the link header away and tells the EtherType beside.
    let socket =
        socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    // The limit of an ordinary buffer is too small; what may exceed it is who owns the namespace.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
    }
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 50_000))?;
    Ok((socket, index))
}

fn read(socket: &OwnedFd, index: Option<usize>, filter: &Filter, shared: &Shared) -> Result<()> {
    let mut buffer = vec![0u8; LONGEST];
    let mut control = nix::cmsg_space!(u32);
    let mut lost = 0;
    let mut ending: Option<Instant> = None;
    // After `stop` what is queued is still read, but not what goes on arriving for ever.
    while ending.is_none_or(|since| since.elapsed() < LAST_WORDS) {
        if ending.is_none() && shared.over.load(Ordering::SeqCst) {
            ending = Some(Instant::now());
        }
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let received =
            recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
        let (length, from) = match received {
            Ok(message) => {
                for part in message.cmsgs().into_iter().flatten() {
                    if let ControlMessageOwned::RxqOvfl(count) = part {
                        lost = count;
                    }
                }
                (message.bytes, message.address)
            }
            Err(Errno::EAGAIN | Errno::EINTR) if ending.is_some() => break,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(errno) => return Err(refused("reading a packet socket")(errno)),
        };
        let Some(from) = from else { continue };
        if index.is_some_and(|index| index != from.ifindex())
            || (filter.arriving && from.pkttype() == OUTGOING)
        {
            continue;
        }
        let packet = Captured {
            at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            ethertype: u16::from_be(from.protocol()),
            bytes: buffer.get(..length.min(filter.keep)).unwrap_or_default().to_vec(),
            length,
        };
        shared.packets.lock().unwrap_or_else(PoisonError::into_inner).push(packet);
    }
    if lost > 0 {
        let why = format!("the kernel dropped {lost} packets");
        return Err(Error::Content { what: "the capture".to_owned(), why });
    }
    Ok(())
}

impl Captured {
    /// Judges the packet.
    #[must_use]
    pub fn kind(&self, ports: &Ports) -> Kind {
        classify(self.ethertype, &self.bytes, self.length, ports)
    }

    /// Counts packets by kind.
    #[must_use]
    pub fn tally(packets: &[Self], ports: &Ports) -> BTreeMap<Kind, usize> {
        let mut tally = BTreeMap::new();
        for packet in packets {
            *tally.entry(packet.kind(ports)).or_default() += 1;
        }
        tally
    }
}
