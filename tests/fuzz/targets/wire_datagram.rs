//! Two cores and somebody in the middle who reads, changes, repeats and invents datagrams, and a dishonest peer who puts
//! anything inside. What comes out was put in, comes out once, and has a source address that its sender may use.
#![no_main]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hanare_model::{Peer, PeerSet, PresharedKey, PrivateKey};
use hanare_wire::{ClockStep, Core, PeerIndex, Received, Sent};
use libfuzzer_sys::fuzz_target;
use mock_instant::MockClock;

const ROOM: usize = 4096;

/// Takes the input apart; yields nothing at its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?) * 2;
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Some(taken)
    }
}

struct World {
    base: Instant,
    elapsed: Duration,
    cores: [Core; 2],
    /// Everything that was ever on the wire: to which core, what.
    wire: Vec<(usize, Vec<u8>)>,
    /// How often an inner packet was sent by a core and not yet delivered.
    inside: HashMap<(usize, Vec<u8>), u32>,
    out: Vec<u8>,
}

fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

fn address(n: usize, port: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8], 1000 + u16::from(port)))
}

fn peer(n: u8, endpoint: bool) -> Peer {
    let nets: &[&str] = if n == 1 { &["0.0.0.0/0", "::/0"] } else { &["10.88.0.0/24", "fd00::/64"] };
    Peer {
        public_key: key(n).public(),
        preshared_key: None,
        endpoint: endpoint.then(|| address(usize::from(n) - 1, 0)),
        allowed_ips: nets.iter().map(|net| net.parse().unwrap()).collect(),
        keepalive: None,
        initiate: endpoint,
    }
}

impl World {
    fn new() -> Self {
        MockClock::set_time(Duration::ZERO);
        let now = Instant::now();
        let mut cores = [Core::new(&key(1), [1; 32], now), Core::new(&key(2), [2; 32], now)];
        let other = Peer { allowed_ips: vec!["10.88.0.7/32".parse().unwrap()], ..peer(3, false) };
        cores[0].set_peers(&PeerSet::from_iter([peer(2, false), other]), now);
        cores[1].set_peers(&PeerSet::from_iter([peer(1, true)]), now);
        let out = vec![0; ROOM];
        let mut world =
            Self { base: now, elapsed: Duration::ZERO, cores, wire: vec![], inside: HashMap::new(), out };
        // Initiation, response, keepalive: the fuzzer begins with a session.
        world.poll();
        for at in 0..2 {
            world.deliver(at, 0);
        }
        world.deliver(2, 0);
        assert!(world.cores.iter().all(|core| core.stats().any(|stats| stats.connected)));
        world
    }

    fn now(&self) -> Instant {
        self.base + self.elapsed
    }

    fn poll(&mut self) {
        let now = self.now();
        for n in 0..2 {
            for _ in 0..100 {
                let Some(transmit) = self.cores[n].poll(&mut self.out, now) else { break };
                self.wire.push((1 - n, self.out[..transmit.len].to_vec()));
            }
        }
    }

    fn deliver(&mut self, at: usize, port: u8) {
        if let Some((to, bytes)) = self.wire.get(at).cloned() {
            self.receive(to, &bytes, port);
        }
    }

    fn receive(&mut self, to: usize, bytes: &[u8], port: u8) {
        let now = self.now();
        match self.cores[to].receive(address(1 - to, port), bytes, &mut self.out, now) {
            Received::Packet { len, peer } => self.check(to, peer, len),
            Received::Reply { len } => self.wire.push((1 - to, self.out[..len].to_vec())),
            Received::Nothing | Received::Dropped(_) => {}
        }
        self.poll();
    }

    fn check(&mut self, to: usize, peer: PeerIndex, len: usize) {
        let packet = &self.out[..len];
        let source: IpAddr = match packet[0] >> 4 {
            4 => <[u8; 4]>::try_from(&packet[12..16]).unwrap().into(),
            6 => <[u8; 16]>::try_from(&packet[8..24]).unwrap().into(),
            other => panic!("IP version {other}"),
        };
        assert_eq!(self.cores[to].route(source), Some(peer), "a foreign source address");
        // A packet may have had a tail beyond its own length, which is cut: look for one that begins with it.
        let origin = self
            .inside
            .iter()
            .find(|((from, sent), count)| *from != to && **count > 0 && sent.starts_with(packet))
            .map(|(key, _)| key.clone());
        let origin = origin.expect("a packet that nobody sent, or that came out twice");
        if let Some(count) = self.inside.get_mut(&origin) {
            *count -= 1;
        }
    }

    fn send(&mut self, from: usize, packet: &[u8]) {
        let now = self.now();
        let other = key(2 - from as u8).public();
        let Some(index) = self.cores[from].index(&other) else { return };
        let sent = self.cores[from].send(index, packet, &mut self.out, now);
        if !matches!(sent, Sent::Dropped(_)) {
            *self.inside.entry((from, packet.to_vec())).or_default() += 1;
        }
        if let Sent::Datagram { len, .. } | Sent::Handshake { len, .. } = sent {
            self.wire.push((1 - from, self.out[..len].to_vec()));
        }
    }

    fn reconfigure(&mut self, choice: u8) {
        let now = self.now();
        let (n, other) = if choice & 1 == 0 { (0, 2) } else { (1, 1) };
        let core = &mut self.cores[n];
        match choice >> 1 {
            0 => core.remove(&key(other).public()),
            1 => core.rebuild(&key(other).public(), now),
            2 => core.clock_stepped(ClockStep::Forward(Duration::from_secs(9)), now),
            3 => core.underlay_changed(now),
            4 => core.set_private_key(&key(choice), now),
            5 => core.set_private_key(&key(n as u8 + 1), now),
            6..32 => core.upsert(peer(other, n == 1), now),
            psk => {
                let preshared_key = Some(PresharedKey::from_bytes([psk; 32]));
                core.upsert(Peer { preshared_key, ..peer(other, n == 1) }, now);
            }
        }
    }

    fn step(&mut self, input: &mut Input<'_>) -> Option<()> {
        match input.byte()? % 8 {
            0 => {
                let (to, bytes) = (usize::from(input.byte()? & 1), input.bytes()?);
                self.receive(to, bytes, 0);
            }
            1 => {
                let (from, bytes) = (usize::from(input.byte()? & 1), input.bytes()?);
                self.send(from, bytes);
            }
            2 => {
                // An honest packet, whose addresses the fuzzer need not guess.
                let (from, last) = (usize::from(input.byte()? & 1), input.byte()?);
                let mut packet = [0u8; 40];
                packet[0] = 0x45;
                packet[3] = 40;
                packet[12..20].copy_from_slice(&[10, 88, 0, last, 10, 88, 0, 2]);
                self.send(from, &packet);
            }
            3 => self.deliver(self.wire.len().checked_sub(1)?, 0),
            4 => {
                let back = usize::from(input.byte()?) + 1;
                let port = input.byte()?;
                if let Some(at) = self.wire.len().checked_sub(back) {
                    self.deliver(at, port);
                }
            }
            5 => {
                let (back, place, value) = (usize::from(input.byte()?) + 1, input.byte()?, input.byte()?);
                let at = self.wire.len().checked_sub(back)?;
                let (to, mut bytes) = self.wire.get(at)?.clone();
                let place = usize::from(place) % bytes.len();
                bytes[place] ^= value;
                bytes.truncate(bytes.len() - usize::from(value & 3 == 3));
                self.receive(to, &bytes, 1);
            }
            6 => {
                let span = Duration::from_millis(u64::from(input.byte()?).pow(2) * 10);
                self.elapsed += span;
                MockClock::advance(span);
                self.poll();
            }
            _ => self.reconfigure(input.byte()?),
        }
        Some(())
    }
}

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    let mut input = Input(data);
    for _ in 0..200 {
        if world.step(&mut input).is_none() {
            break;
        }
    }
});
