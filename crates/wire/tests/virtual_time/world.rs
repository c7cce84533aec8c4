//! A world of cores under virtual time: a network that loses, repeats, delays and reorders, and a record of what arrived.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hanare_model::{Peer, PeerSet, PresharedKey, PrivateKey};
use hanare_wire::{Core, Event, PeerStats, Reason, Received, Sent};
use mock_instant::MockClock;

/// A small generator, so that a failing case is one number.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How the network treats a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) loss_percent: u64,
    pub(crate) repeat_percent: u64,
    pub(crate) delay_ms: (u64, u64),
    pub(crate) down: bool,
}

pub(crate) const CALM: Weather =
    Weather { loss_percent: 0, repeat_percent: 0, delay_ms: (10, 10), down: false };

pub(crate) struct Node {
    pub(crate) core: Core,
    pub(crate) inner: Ipv4Addr,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<(Duration, Event)>,
    /// Numbers of the packets that came out, with the time.
    pub(crate) delivered: BTreeMap<u64, Duration>,
}

#[derive(Clone)]
pub(crate) struct Flying {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct World {
    base: Instant,
    pub(crate) elapsed: Duration,
    pub(crate) weather: Weather,
    pub(crate) dice: Dice,
    pub(crate) nodes: Vec<Node>,
    flying: BTreeMap<(Duration, u64), Flying>,
    serial: u64,
    /// The type of the messages that the network swallows.
    pub(crate) swallows: Option<u8>,
    pub(crate) sent: BTreeSet<u64>,
    /// Everything that was ever handed to the network.
    pub(crate) capture: Vec<Flying>,
}

pub(crate) fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

pub(crate) fn psk(n: u8) -> PresharedKey {
    PresharedKey::from_bytes([n; 32])
}

pub(crate) fn outer(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 51820))
}

pub(crate) fn inner(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 88, 0, n)
}

/// Node `n` as its peers know it.
pub(crate) fn peer(n: u8, allowed: &[&str]) -> Peer {
    Peer {
        public_key: key(n).public(),
        preshared_key: None,
        endpoint: None,
        allowed_ips: allowed.iter().map(|net| net.parse().unwrap()).collect(),
        keepalive: None,
        initiate: false,
    }
}

pub(crate) fn packet(from: Ipv4Addr, to: Ipv4Addr, number: u64) -> Vec<u8> {
    let mut bytes = vec![0u8; 64];
    bytes[0] = 0x45;
    bytes[2..4].copy_from_slice(&64u16.to_be_bytes());
    bytes[12..16].copy_from_slice(&from.octets());
    bytes[16..20].copy_from_slice(&to.octets());
    bytes[20..28].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn number(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[20..28].try_into().unwrap())
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        MockClock::set_time(Duration::ZERO);
        Self {
            base: Instant::now(),
            elapsed: Duration::ZERO,
            weather: CALM,
            dice: Dice::new(seed),
            nodes: Vec::new(),
            flying: BTreeMap::new(),
            serial: 0,
            swallows: None,
            sent: BTreeSet::new(),
            capture: Vec::new(),
        }
    }

    /// Headquarters 1 and node 2, which keeps its session alive; `hq_initiates`: headquarters remembers where it is.
    pub(crate) fn pair(seed: u64, hq_initiates: bool) -> Self {
        let mut world = Self::new(seed);
        let remembered = hq_initiates.then(|| outer(2));
        let node = Peer { endpoint: remembered, initiate: hq_initiates, ..peer(2, &["10.88.0.2/32"]) };
        world.add(1, vec![node]);
        let hq = Peer { endpoint: Some(outer(1)), initiate: true, ..peer(1, &["10.88.0.0/16"]) };
        world.add(2, vec![hq]);
        world
    }

    pub(crate) fn now(&self) -> Instant {
        self.base + self.elapsed
    }

    fn core(&mut self, n: u8, peers: Vec<Peer>) -> Core {
        let mut random = [n; 32];
        random[..8].copy_from_slice(&self.dice.next().to_le_bytes());
        let now = self.now();
        self.with_clock_running(|| {
            let mut core = Core::new(&key(n), random, now);
            core.set_peers(&PeerSet::from_iter(peers), now);
            core
        })
    }

    /// The wall clock stands still under virtual time, so a `Tunn` made later would be behind one made earlier. Made at
    /// virtual zero, its time stamps go on from there.
    pub(crate) fn with_clock_running<T>(&self, make: impl FnOnce() -> T) -> T {
        MockClock::set_time(Duration::ZERO);
        let product = make();
        MockClock::set_time(self.elapsed);
        product
    }

    /// Adds node `n`; answers its place.
    pub(crate) fn add(&mut self, n: u8, peers: Vec<Peer>) -> usize {
        let core = self.core(n, peers);
        self.nodes.push(Node {
            core,
            inner: inner(n),
            address: outer(n),
            events: Vec::new(),
            delivered: BTreeMap::new(),
        });
        self.nodes.len() - 1
    }

    /// Node `n` at `place` loses all its state and comes back with these peers.
    pub(crate) fn restart(&mut self, place: usize, n: u8, peers: Vec<Peer>) {
        self.nodes[place].core = self.core(n, peers);
    }

    pub(crate) fn change<T>(&mut self, place: usize, change: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let now = self.now();
        MockClock::set_time(Duration::ZERO);
        let out = change(&mut self.nodes[place].core, now);
        MockClock::set_time(self.elapsed);
        out
    }

    pub(crate) fn stats(&self, place: usize, n: u8) -> PeerStats {
        self.nodes[place].core.stats().find(|stats| stats.public_key == key(n).public()).unwrap()
    }

    /// Sends a numbered packet from one place to an inner address.
    pub(crate) fn send_to(&mut self, place: usize, from: Ipv4Addr, to: Ipv4Addr) -> (u64, Sent) {
        self.serial += 1;
        let (mark, now) = (self.serial, self.now());
        let mut out = [0u8; 2048];
        let core = &mut self.nodes[place].core;
        let peer = core.route(IpAddr::V4(to)).expect("a route");
        let sent = core.send(peer, &packet(from, to, mark), &mut out, now);
        self.sent.insert(mark);
        if let Sent::Datagram { len, to } | Sent::Handshake { len, to } = sent {
            self.throw(self.nodes[place].address, to, out[..len].to_vec());
        }
        (mark, sent)
    }

    pub(crate) fn send(&mut self, from: usize, to: usize) -> u64 {
        self.send_to(from, self.nodes[from].inner, self.nodes[to].inner).0
    }

    /// Hands a datagram to the network.
    pub(crate) fn throw(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let flying = Flying { from, to, bytes };
        self.capture.push(flying.clone());
        let copies = 1 + u64::from(self.dice.chance(self.weather.repeat_percent));
        for _ in 0..copies {
            if self.weather.down
                || flying.bytes.first() == self.swallows.as_ref()
                || self.dice.chance(self.weather.loss_percent)
            {
                continue;
            }
            let (least, most) = self.weather.delay_ms;
            let delay = Duration::from_millis(least + self.dice.below(most - least + 1));
            self.serial += 1;
            self.flying.insert((self.elapsed + delay, self.serial), flying.clone());
        }
    }

    /// Gives a datagram to a node without the network.
    pub(crate) fn receive(&mut self, place: usize, from: SocketAddr, bytes: &[u8]) -> Received {
        let (now, elapsed) = (self.now(), self.elapsed);
        let mut out = [0u8; 2048];
        let node = &mut self.nodes[place];
        let received = node.core.receive(from, bytes, &mut out, now);
        match received {
            Received::Packet { len, .. } => {
                let number = number(&out[..len]);
                assert!(self.sent.contains(&number), "a packet that nobody sent");
                assert!(node.delivered.insert(number, elapsed).is_none(), "packet {number} twice");
            }
            Received::Reply { len } => self.throw(self.nodes[place].address, from, out[..len].to_vec()),
            Received::Nothing | Received::Dropped(_) => {}
        }
        self.poll(place);
        received
    }

    fn poll(&mut self, place: usize) {
        let (now, elapsed) = (self.now(), self.elapsed);
        let mut out = [0u8; 2048];
        for round in 0.. {
            assert!(round < 10_000, "poll never ends");
            let node = &mut self.nodes[place];
            if node.core.next_wakeup() > now {
                break;
            }
            let Some(transmit) = node.core.poll(&mut out, now) else { break };
            let from = node.address;
            self.throw(from, transmit.to, out[..transmit.len].to_vec());
        }
        let node = &mut self.nodes[place];
        while let Some(event) = node.core.take_event() {
            node.events.push((elapsed, event));
        }
    }

    /// Lets `span` pass.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.elapsed + span;
        let mut guard: HashMap<Duration, u32> = HashMap::new();
        loop {
            let wakeups = self.nodes.iter().map(|node| node.core.next_wakeup().duration_since(self.base));
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let next = wakeups.chain(arrival).min().unwrap_or(end).max(self.elapsed);
            if next > end {
                break;
            }
            let visits = guard.entry(next).or_default();
            *visits += 1;
            assert!(*visits < 100_000, "time stands still");
            self.set_time(next);
            while let Some(entry) = self.flying.first_entry() {
                if entry.key().0 > next {
                    break;
                }
                let Flying { from, to, bytes } = entry.remove();
                if let Some(place) = self.nodes.iter().position(|node| node.address == to) {
                    let _ = self.receive(place, from, &bytes);
                }
            }
            for place in 0..self.nodes.len() {
                self.poll(place);
            }
        }
        self.set_time(end);
    }

    fn set_time(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
        MockClock::set_time(elapsed);
    }

    /// One packet each way between two nodes every `interval`, for `span`.
    pub(crate) fn talk(&mut self, a: usize, b: usize, interval: Duration, span: Duration) {
        let end = self.elapsed + span;
        while self.elapsed < end {
            self.send(a, b);
            self.send(b, a);
            self.run(interval);
        }
    }

    /// The first time at or after `since` at which something came out at `place`.
    pub(crate) fn heard_after(&self, place: usize, since: Duration) -> Option<Duration> {
        self.nodes[place].delivered.values().filter(|at| **at >= since).min().copied()
    }

    pub(crate) fn dropped(&self, place: usize, n: u8, reason: Reason) -> u64 {
        self.stats(place, n).drops.of(reason)
    }

    pub(crate) fn both_ways(&mut self, a: usize, b: usize) -> bool {
        let (there, back) = (self.send(a, b), self.send(b, a));
        self.run(Duration::from_secs(1));
        self.nodes[b].delivered.contains_key(&there) && self.nodes[a].delivered.contains_key(&back)
    }
}

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// So many cases of a property, or as many times that as `HANARE_TEST_TIMES` says.
pub(crate) fn cases(count: u32) -> proptest::test_runner::Config {
    let times = std::env::var("HANARE_TEST_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    proptest::test_runner::Config::with_cases(count.saturating_mul(times))
}
