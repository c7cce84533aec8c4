//! The loop of one data plane thread: wait, carry, keep time, obey.

use std::os::fd::AsFd as _;
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use hanare_host::tun::{self, Tun};
use hanare_host::udp::{self, Family, Udp};
use hanare_wire::{Core, SourceCheck};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::PlaneConfig;
use super::clock::Clock;
use super::handle::{End, Event, Order, Orders, PeerState, Snapshot};
use super::inbound::Inbound;
use super::outbound::{Outbound, Sources};
use super::pace::Pace;
use super::rest::{Rest, Source};

/// How often the wall clock and the MTU are looked at.
const CHECK: Duration = Duration::from_secs(1);
/// Reads of the TUN device before the sockets get their turn: small packets fill a train.
const READS: usize = 64;
/// Times that full trains are sent before the sockets get their turn: a third of a millisecond of one core.
const SENDS: usize = 4;
/// Receive calls before the TUN device gets its turn.
const RECEIVES: usize = 4;
/// After a packet that was sent alone, others that come this soon are a burst.
const ALONE: Duration = Duration::from_micros(200);
/// Where the MTU cannot be read.
const DEFAULT_MTU: u16 = 1360;

/// One thread's world.
pub(super) struct Shard {
    core: Core,
    tun: Tun,
    udp: Udp,
    clock: Clock,
    orders: Orders,
    outbound: Outbound,
    inbound: Inbound,
    sources: Sources,
    pace: Pace,
    rest: Rest,
    mtu: u16,
    next_check: Instant,
    /// When a packet was last sent before it was known whether others follow.
    alone: Option<Instant>,
    /// The socket that is full.
    blocked: Option<Family>,
    ready: Ready,
}

/// Who has, or may have, something to read.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    tun: bool,
    v4: bool,
    v6: bool,
}

impl Shard {
    pub(super) fn new(
        config: PlaneConfig,
        source_check: SourceCheck,
        orders: Orders,
    ) -> std::io::Result<Self> {
        let clock = Clock::new();
        let now = clock.now();
        let mut core = Core::new(&config.private_key, config.seed, now);
        core.set_source_check(source_check);
        core.set_peers(&config.peers, now);
        let mtu = config.tun.mtu().unwrap_or(DEFAULT_MTU);
        prepare(&config.udp);
        let rest = Rest::new(&orders.bell, &config.tun, &config.udp)?;
        Ok(Self {
            core,
            tun: config.tun,
            udp: config.udp,
            clock,
            orders,
            outbound: Outbound::new(now),
            inbound: Inbound::new(),
            sources: Sources::default(),
            pace: Pace::new(now),
            rest,
            mtu,
            next_check: now + CHECK,
            alone: None,
            blocked: None,
            ready: Ready::default(),
        })
    }

    /// Runs until told to end or until there is nothing to run on.
    pub(super) fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn() {
                break end;
            }
        };
        tracing::info!(interface = self.tun.name(), ?end, "data plane ends");
        // The interface goes before anybody hears of the end.
        drop(self.tun);
        self.orders.end.tell(end);
    }

    fn turn(&mut self) -> Result<(), End> {
        if self.wait()? {
            self.obey()?;
        }
        let now = self.clock.now();
        if now >= self.next_check {
            self.next_check = now + CHECK;
            self.check(now)?;
        }
        for family in Family::ALL {
            self.receive(family, now)?;
        }
        self.keep_time(now);
        self.send(now)?;
        self.pace.carried(self.inbound.take_count() + self.outbound.take_count(), now);
        while let Some(event) = self.core.take_event() {
            let _ = self.orders.events.send(event.into());
        }
        Ok(())
    }

    /// Waits for something to do; whether there are orders.
    fn wait(&mut self) -> Result<bool, End> {
        let is_busy = (self.ready.tun && self.blocked.is_none()) || self.ready.v4 || self.ready.v6;
        let due = self.core.next_wakeup().min(self.next_check);
        if is_busy {
            self.look(Duration::ZERO)
        } else if self.blocked.is_some() {
            // Rounded up, or the last fraction of a millisecond would be spent turning.
            let left = due.saturating_duration_since(self.clock.now());
            self.look(left + Duration::from_micros(50))
        } else {
            self.rest(due)
        }
    }

    fn rest(&mut self, due: Instant) -> Result<bool, End> {
        let (mut has_orders, ready) = (false, &mut self.ready);
        let outcome = self.rest.until(due, &self.clock, |source| match source {
            Source::Bell => has_orders = true,
            Source::Tun => ready.tun = true,
            Source::Socket(Family::V4) => ready.v4 = true,
            Source::Socket(Family::V6) => ready.v6 = true,
            Source::Timer => {}
        });
        match outcome {
            Ok(()) | Err(Errno::INTR) => Ok(has_orders),
            Err(error) => Err(End::Failed(error.to_string())),
        }
    }

    /// Looks who has something to read and whether the full socket has room again, and waits for it that long.
    fn look(&mut self, timeout: Duration) -> Result<bool, End> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let tun_wanted = if self.blocked.is_some() { PollFlags::empty() } else { PollFlags::IN };
        let wanted = |family| match self.blocked {
            Some(blocked) if blocked == family => PollFlags::IN | PollFlags::OUT,
            _ => PollFlags::IN,
        };
        let bell = self.orders.bell.as_fd();
        let mut fds = [
            PollFd::from_borrowed_fd(bell, PollFlags::IN),
            PollFd::from_borrowed_fd(self.tun.as_fd(), tun_wanted),
            PollFd::from_borrowed_fd(self.udp.fd(Family::V4).unwrap_or(bell), wanted(Family::V4)),
            PollFd::from_borrowed_fd(self.udp.fd(Family::V6).unwrap_or(bell), wanted(Family::V6)),
        ];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN | Errno::NOMEM) => return Ok(false),
            Err(error) => return Err(End::Failed(error.to_string())),
        }
        let [bell, tun, v4, v6] = fds.map(|fd| fd.revents());
        let readable = !PollFlags::OUT;
        self.ready.tun |= tun.intersects(readable);
        self.ready.v4 |= v4.intersects(readable);
        self.ready.v6 |= self.udp.fd(Family::V6).is_some() && v6.intersects(readable);
        let writable = match self.blocked {
            Some(Family::V4) => v4.intersects(PollFlags::OUT),
            Some(Family::V6) => v6.intersects(PollFlags::OUT),
            None => false,
        };
        if writable {
            self.flush();
        }
        Ok(bell.intersects(PollFlags::IN))
    }

    fn receive(&mut self, family: Family, now: Instant) -> Result<(), End> {
        let ready = match family {
            Family::V4 => &mut self.ready.v4,
            Family::V6 => &mut self.ready.v6,
        };
        for _ in 0..RECEIVES {
            if !*ready {
                return Ok(());
            }
            let calm = !self.pace.is_much();
            if calm {
                self.inbound.expect_little();
            }
            *ready = self
                .inbound
                .turn(family, &self.udp, &mut self.tun, &mut self.core, &mut self.sources, self.mtu, now)
                .map_err(|_| End::InterfaceRemoved)?;
            // Whoever answers at once, as the kernel does a ping, has answered: no need to wait for word of it.
            self.ready.tun |= calm;
        }
        Ok(())
    }

    fn send(&mut self, now: Instant) -> Result<(), End> {
        if !self.ready.tun || self.blocked.is_some() {
            return Ok(());
        }
        let follows = |alone| now.saturating_duration_since(alone) < ALONE;
        let calm = !self.pace.is_much() && !self.alone.is_some_and(follows);
        let mut sends = 0;
        for _ in 0..READS {
            let read =
                self.outbound.read(|buffer| self.tun.read(buffer), &mut self.core, &self.udp, self.mtu, now);
            match read {
                Ok(()) => {}
                Err(error) if tun::is_gone(&error) => return Err(End::InterfaceRemoved),
                Err(error) => {
                    if error.kind() == std::io::ErrorKind::WouldBlock {
                        self.ready.tun = false;
                        break;
                    }
                    tracing::debug!(%error, "unreadable packet");
                }
            }
            if calm {
                // The first packet after a rest is on its way before it is known whether it is the only one, and that is
                // not asked of the device: it ends the next rest at once if there are others.
                self.alone = Some(now);
                self.ready.tun = false;
                break;
            }
            if self.outbound.is_full() {
                self.blocked = self.outbound.flush_full(&self.udp, &mut self.sources);
                sends += 1;
                if sends == SENDS || self.blocked.is_some() {
                    break;
                }
            }
        }
        self.flush();
        self.outbound.unreachable.hand_over(&mut self.tun).map_err(|_| End::InterfaceRemoved)
    }

    fn flush(&mut self) {
        self.blocked =
            if self.outbound.is_empty() { None } else { self.outbound.flush(&self.udp, &mut self.sources) };
    }

    fn keep_time(&mut self, now: Instant) {
        if self.core.next_wakeup() > now {
            return;
        }
        while self.blocked.is_none() {
            while !self.outbound.is_full() && self.outbound.poll(&mut self.core, &self.udp, now) {}
            if self.outbound.is_empty() {
                return;
            }
            self.flush();
        }
    }

    fn check(&mut self, now: Instant) -> Result<(), End> {
        if let Some(step) = self.clock.step() {
            tracing::info!(?step, "the wall clock was set");
            self.core.clock_stepped(step, now);
            let _ = self.orders.events.send(Event::ClockStepped(step));
        }
        match self.tun.mtu() {
            Ok(mtu) if mtu != self.mtu => {
                self.mtu = mtu;
                let _ = self.orders.events.send(Event::MtuChanged(mtu));
            }
            Err(error) if tun::is_gone(&error) => return Err(End::InterfaceRemoved),
            _ => {}
        }
        Ok(())
    }

    fn obey(&mut self) -> Result<(), End> {
        let _ = rustix::io::read(self.orders.bell.as_fd(), &mut [0u8; 8]);
        loop {
            let now = self.clock.now();
            match self.orders.queue.try_recv() {
                Ok(Order::Shutdown) => return Err(End::Shutdown),
                // Handles may go; the data plane stays until it is told.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
                Ok(Order::PrivateKey(key)) => self.core.set_private_key(&key, now),
                Ok(Order::Peers(peers)) => self.core.set_peers(&peers, now),
                Ok(Order::Upsert(peer)) => self.core.upsert(*peer, now),
                Ok(Order::Remove(key)) => self.core.remove(&key),
                Ok(Order::Rebuild(key)) => self.core.rebuild(&key, now),
                Ok(Order::ReplaceUdp(udp)) => {
                    prepare(&udp);
                    self.udp = *udp;
                    self.rest = Rest::new(&self.orders.bell, &self.tun, &self.udp)
                        .map_err(|error| End::Failed(error.to_string()))?;
                    self.underlay_changed(now);
                }
                Ok(Order::UnderlayChanged) => self.underlay_changed(now),
                Ok(Order::Mark(mark, answer)) => {
                    let _ = answer.send(self.udp.set_mark(mark).is_ok());
                }
                Ok(Order::Snapshot(answer)) => {
                    let _ = answer.send(self.snapshot(now));
                }
            }
        }
    }

    fn underlay_changed(&mut self, now: Instant) {
        self.sources.clear();
        self.outbound.clear();
        self.blocked = None;
        self.core.underlay_changed(now);
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        let mut peers = self.core.peers().peers;
        let ago = |time: Option<Instant>| time.map(|time| now.saturating_duration_since(time));
        let states = self.core.stats().filter_map(|stats| {
            Some(PeerState {
                peer: peers.remove(&stats.public_key)?,
                last_handshake: ago(stats.last_handshake),
                last_received: ago(stats.last_received),
                connected: stats.connected,
                rx_bytes: stats.rx_bytes,
                tx_bytes: stats.tx_bytes,
                drops: stats.drops,
            })
        });
        Snapshot {
            peers: states.collect(),
            public_key: self.core.public_key(),
            port: self.udp.port(),
            mtu: self.mtu,
            drops: *self.core.drops(),
        }
    }
}

fn prepare(sockets: &Udp) {
    if let Err(error) = sockets.set_receive_buffer(udp::RECEIVE_BUFFER) {
        tracing::warn!(%error, "receive buffer");
    }
}

impl From<hanare_wire::Event> for Event {
    fn from(event: hanare_wire::Event) -> Self {
        match event {
            hanare_wire::Event::Established { peer, endpoint, rekey } => {
                Self::Established { peer, endpoint, rekey }
            }
            hanare_wire::Event::Roamed { peer, endpoint } => Self::Roamed { peer, endpoint },
            hanare_wire::Event::Expired { peer } => Self::Expired { peer },
        }
    }
}
