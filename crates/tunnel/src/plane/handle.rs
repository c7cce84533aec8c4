//! The outside of a data plane: orders, questions, events, its end.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use hanare_host::udp::Udp;
use hanare_model::{Peer, PeerSet, PrivateKey, PublicKey};
use hanare_wire::{ClockStep, Drops};
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::{broadcast, oneshot, watch};

/// Events that a slow listener may fall behind before it misses some; [`PlaneHandle::snapshot`] has the state itself.
const EVENTS: usize = 256;

/// Something that happened in the data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A handshake was completed.
    Established {
        /// With whom.
        peer: PublicKey,
        /// Where the peer is.
        endpoint: SocketAddr,
        /// Whether it follows a session that is still alive.
        rekey: bool,
    },
    /// An authenticated packet came from a new address.
    Roamed {
        /// Who moved.
        peer: PublicKey,
        /// Where to.
        endpoint: SocketAddr,
    },
    /// The last session with a peer ended.
    Expired {
        /// Whose it was.
        peer: PublicKey,
    },
    /// Somebody set the wall clock.
    ClockStepped(ClockStep),
    /// Somebody changed the interface's MTU.
    MtuChanged(u16),
}

/// Why a data plane is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Shutdown,
    /// Its interface was removed.
    InterfaceRemoved,
    /// It cannot wait for packets any longer.
    Failed(String),
}

/// The data plane has ended; see [`PlaneHandle::ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data plane has ended")]
pub struct Gone;

/// A data plane at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// This side's key.
    pub public_key: PublicKey,
    /// The UDP port.
    pub port: u16,
    /// The interface's MTU.
    pub mtu: u16,
    /// Peers, by key.
    pub peers: Vec<PeerState>,
    /// Drops that are no peer's.
    pub drops: Drops,
}

/// One peer at one moment.
#[derive(Debug, Clone)]
pub struct PeerState {
    /// As configured, with the endpoint that was learnt.
    pub peer: Peer,
    /// Time since the last handshake.
    pub last_handshake: Option<Duration>,
    /// Time since the last authentic datagram.
    pub last_received: Option<Duration>,
    /// Whether there is a session that packets can use now.
    pub connected: bool,
    /// UDP payload received and authentic, in bytes.
    pub rx_bytes: u64,
    /// UDP payload sent, in bytes.
    pub tx_bytes: u64,
    /// Drops about this peer.
    pub drops: Drops,
}

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    PrivateKey(PrivateKey),
    Peers(PeerSet),
    Upsert(Box<Peer>),
    Remove(PublicKey),
    Rebuild(PublicKey),
    ReplaceUdp(Box<Udp>),
    Mark(u32, oneshot::Sender<bool>),
    UnderlayChanged,
    Snapshot(oneshot::Sender<Snapshot>),
    Shutdown,
}

/// The thread's ends of the channels.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) queue: mpsc::Receiver<Order>,
    pub(super) bell: Arc<OwnedFd>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) end: Ending,
}

/// Tells everybody once how it ended; also when the thread dies without a word.
#[derive(Debug)]
pub(super) struct Ending {
    async_side: watch::Sender<Option<End>>,
    blocking_side: Arc<(Mutex<Option<End>>, Condvar)>,
}

impl Ending {
    pub(super) fn tell(&self, end: End) {
        let (state, condition) = &*self.blocking_side;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            *state = Some(end.clone());
            condition.notify_all();
            self.async_side.send_replace(Some(end));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(End::Failed("its thread died".to_owned()));
    }
}

/// Controls a running data plane. Clones control the same one; it outlives them all until [`PlaneHandle::shutdown`].
#[derive(Debug, Clone)]
pub struct PlaneHandle {
    queue: mpsc::Sender<Order>,
    bell: Arc<OwnedFd>,
    events: broadcast::WeakSender<Event>,
    end: watch::Receiver<Option<End>>,
    ended: Arc<(Mutex<Option<End>>, Condvar)>,
}

pub(super) fn channel() -> std::io::Result<(PlaneHandle, Orders)> {
    let (sender, queue) = mpsc::channel();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (events, _) = broadcast::channel(EVENTS);
    let (async_side, end) = watch::channel(None);
    let ended = Arc::new((Mutex::new(None), Condvar::new()));
    let handle = PlaneHandle {
        queue: sender,
        bell: Arc::clone(&bell),
        events: events.downgrade(),
        end,
        ended: Arc::clone(&ended),
    };
    let end = Ending { async_side, blocking_side: ended };
    Ok((handle, Orders { queue, bell, events, end }))
}

impl PlaneHandle {
    fn order(&self, order: Order) -> Result<(), Gone> {
        self.queue.send(order).map_err(|_| Gone)?;
        // The counter can only be full if the thread is about to look anyway.
        let _ = rustix::io::write(self.bell.as_fd(), &1u64.to_ne_bytes());
        Ok(())
    }

    /// Replaces this side's key; sessions go on until their successors stand.
    ///
    /// # Errors
    /// [`Gone`], as everywhere here.
    pub fn set_private_key(&self, key: PrivateKey) -> Result<(), Gone> {
        self.order(Order::PrivateKey(key))
    }

    /// Makes the peers these. Those that do not change notice nothing.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn set_peers(&self, peers: PeerSet) -> Result<(), Gone> {
        self.order(Order::Peers(peers))
    }

    /// Adds or changes one peer.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn upsert(&self, peer: Peer) -> Result<(), Gone> {
        self.order(Order::Upsert(Box::new(peer)))
    }

    /// Removes one peer at once.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn remove(&self, peer: PublicKey) -> Result<(), Gone> {
        self.order(Order::Remove(peer))
    }

    /// Makes one peer's session anew.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn rebuild(&self, peer: PublicKey) -> Result<(), Gone> {
        self.order(Order::Rebuild(peer))
    }

    /// Goes on with other sockets: another port, or a way out that is new.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn replace_udp(&self, udp: Udp) -> Result<(), Gone> {
        self.order(Order::ReplaceUdp(Box::new(udp)))
    }

    /// Shows peers that this side keeps in touch with the new way at once, after addresses or routes changed.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn underlay_changed(&self) -> Result<(), Gone> {
        self.order(Order::UnderlayChanged)
    }

    /// Marks what is sent from now on; `false` where that is not permitted. Not for async code.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn set_mark_blocking(&self, mark: u32) -> Result<bool, Gone> {
        let (sender, answer) = oneshot::channel();
        self.order(Order::Mark(mark, sender))?;
        answer.blocking_recv().map_err(|_| Gone)
    }

    /// Peers and figures.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn snapshot(&self) -> Result<Snapshot, Gone> {
        let (sender, answer) = oneshot::channel();
        self.order(Order::Snapshot(sender))?;
        answer.await.map_err(|_| Gone)
    }

    /// [`PlaneHandle::snapshot`] for threads without a runtime.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn snapshot_blocking(&self) -> Result<Snapshot, Gone> {
        let (sender, answer) = oneshot::channel();
        self.order(Order::Snapshot(sender))?;
        answer.blocking_recv().map_err(|_| Gone)
    }

    /// What happens from now on; a closed channel once the data plane has ended.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.upgrade().map_or_else(|| broadcast::channel(1).1, |events| events.subscribe())
    }

    /// Ends the data plane; the interface goes with it.
    pub fn shutdown(&self) {
        let _ = self.order(Order::Shutdown);
    }

    /// Waits for the end.
    pub async fn ended(&self) -> End {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(End::Shutdown),
            Err(_) => End::Failed(Gone.to_string()),
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end.borrow().clone()
    }

    /// [`PlaneHandle::ended`] for threads without a runtime.
    #[must_use]
    pub fn ended_blocking(&self) -> End {
        let (state, condition) = &*self.ended;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = condition.wait_while(state, |end| end.is_none()).unwrap_or_else(PoisonError::into_inner);
        state.clone().unwrap_or(End::Shutdown)
    }
}
