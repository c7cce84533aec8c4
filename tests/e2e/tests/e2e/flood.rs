//! Hostile datagrams at full rate: the session lives, memory stays flat, cookies are asked for.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use hanare_e2e::{Deployment, Pinger, Place, now};
use hanare_lab::{Capture, Captured, Host, Kind, Lab, Message, Ports, Result, inside, inside_alone};

const LIMIT: Duration = Duration::from_mins(3);
/// What headquarters may grow by (issue: at most 4 MiB).
const GROWTH: u64 = 4 << 20;

/// A deployment with one live session, and an attacker to whom headquarters routes all of 198.18.0.0/15.
fn under_attack(lab: &Lab) -> Result<(Deployment<'_>, Place, Host)> {
    let mut deployment = Deployment::open(lab)?;
    let pc = deployment.node("pc", "kofu/306", "endpoint")?;
    let attacker = deployment.place("attacker")?.host;
    // Every address of the range is local to the attacker: sockets bind to any of them.
    attacker.sh("ip route add local 198.18.0.0/15 dev lo")?;
    attacker.sh("sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0")?;
    deployment.hq.host.sh("ip route add 198.18.0.0/15 via 192.0.2.11")?;
    Ok((deployment, pc, attacker))
}

/// Bytes that look random and are the same in every run.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

/// What headquarters holds and has heard, once it has met the attack for the first time.
#[derive(Clone, Copy)]
struct Before {
    /// Memory of both its processes that is no code of a program's file, in bytes: code that was given back at rest comes again
    /// when it is run, and is nothing that an attacker can make grow.
    own: u64,
    /// With that code.
    resident: u64,
    datagrams: u64,
}

impl Before {
    fn of(deployment: &Deployment<'_>) -> Result<Self> {
        Ok(Self {
            own: deployment.hq.daemon.own_memory(),
            resident: deployment.hq.daemon.memory(),
            datagrams: datagrams(&deployment.hq.host, "InDatagrams")?,
        })
    }
}

/// A counter of the kernel's for UDP over IPv4.
fn datagrams(host: &Host, counter: &str) -> Result<u64> {
    let text = host.sh("cat /proc/net/snmp")?.stdout;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut both = names.split(' ').zip(values.split(' '));
    Ok(both.find(|(name, _)| *name == counter).unwrap().1.parse().unwrap())
}

/// The session lives, memory stays flat, and of what was sent a part was read, most of it on an idle machine; the kernel dropped the
/// rest, whose queue was full.
fn judge(what: &str, deployment: &Deployment<'_>, before: Before, pings: &Pinger, sent: u64) -> Result<()> {
    let over = now();
    pings.answered_after(over, Duration::from_secs(5))?;
    let answers = pings.answers();
    let gap = answers.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default();
    let after = Before::of(deployment)?;
    let grown = after.own.saturating_sub(before.own);
    let read = after.datagrams - before.datagrams;
    println!(
        "measured: {what}: longest gap between answers {} ms, grown by {} KiB, with code {} KiB, {read} datagrams read of {sent} sent",
        gap.as_millis(),
        grown / 1024,
        after.resident.saturating_sub(before.resident) / 1024,
    );
    assert!(grown <= GROWTH, "{what}: grown by {grown} bytes");
    assert!(gap < Duration::from_secs(5), "{what}: no answer for {gap:?}");
    assert!(read >= sent / 4, "{what}: {read} of {sent} datagrams arrived");
    Ok(())
}

#[test]
fn random_datagrams_of_every_message_type() {
    inside("flood::random_datagrams_of_every_message_type", LIMIT, |lab| {
        let (deployment, pc, attacker) = under_attack(lab)?;
        let pings = Pinger::start(&pc.host, deployment.hq.addresses[0])?;
        attacker.within(|| random(16 << 10))?;
        let before = Before::of(&deployment)?;
        let sent = attacker.within(|| random(1 << 20))?;
        judge("1 MiB of random datagrams of each type 0-5", &deployment, before, &pings, sent)
    });
}

/// Sends so many bytes of each type; how many datagrams that was.
fn random(bytes: usize) -> u64 {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let target: SocketAddr = "192.0.2.1:51820".parse().unwrap();
    let (mut noise, mut datagrams) = (Noise(9), 0);
    for kind in 0..=5u8 {
        let mut sent = 0;
        while sent < bytes {
            let mut length = [0u8; 2];
            noise.fill(&mut length);
            // Right lengths and wrong ones.
            let usual = [148, 92, 64, 32];
            let length = match length[0] % 4 {
                0 => usual.get(usize::from(kind).wrapping_sub(1)).copied().unwrap_or(200),
                _ => usize::from(u16::from_be_bytes(length)) % 1472,
            };
            let mut datagram = vec![0u8; length];
            noise.fill(&mut datagram);
            for (byte, value) in datagram.iter_mut().zip([kind, 0, 0, 0]) {
                *byte = value;
            }
            // A full queue is the kernel's word for "faster than the wire".
            datagrams += u64::from(socket.send_to(&datagram, target).is_ok());
            sent += length.max(1);
        }
    }
    datagrams
}

#[test]
fn initiations_with_a_valid_mac1_from_spoofed_addresses() {
    inside_alone("flood::initiations_with_a_valid_mac1_from_spoofed_addresses", LIMIT, |lab| {
        let (deployment, pc, attacker) = under_attack(lab)?;
        let status = deployment.hq.ask(&["hq", "status"])?;
        let key = key_of(&status);
        let datagrams: Vec<Vec<u8>> = (0..10_000u32).map(|number| initiation(key, number)).collect();
        let capture = Capture::everywhere(lab)?;
        let pings = Pinger::start(&pc.host, deployment.hq.addresses[0])?;
        let (first, rest) = datagrams.split_at(200);
        let (first, rest) = (first.to_vec(), rest.to_vec());
        attacker.within(move || spoofed(0, &first))?;
        let before = Before::of(&deployment)?;
        let sent = attacker.within(move || spoofed(200, &rest))?;
        judge(
            "10,000 initiations with a valid mac1 from as many addresses",
            &deployment,
            before,
            &pings,
            sent,
        )?;
        let tally = Captured::tally(&capture.stop()?, &Ports::default());
        let count = |message| tally.get(&Kind::WireGuard(message)).copied().unwrap_or(0);
        println!(
            "measured: {} initiations seen, {} cookies, {} responses",
            count(Message::Initiation),
            count(Message::Cookie),
            count(Message::Response)
        );
        assert!(count(Message::Initiation) >= 9_900, "the attack took place: {tally:?}");
        assert!(count(Message::Cookie) > 0, "headquarters asks for cookies: {tally:?}");
        Ok(())
    });
}

/// Sends each from another address; how many were sent.
fn spoofed(first: u16, datagrams: &[Vec<u8>]) -> u64 {
    let target: SocketAddr = "192.0.2.1:51820".parse().unwrap();
    let mut sent = 0;
    for (number, datagram) in (first..).zip(datagrams) {
        let [high, low] = number.to_be_bytes();
        let socket = UdpSocket::bind((std::net::Ipv4Addr::new(198, 18, high, low), 40_000)).unwrap();
        sent += u64::from(socket.send_to(datagram, target).is_ok());
    }
    sent
}

#[test]
fn a_slow_flood_in_a_nodes_name() {
    inside("flood::a_slow_flood_in_a_nodes_name", LIMIT, |lab| {
        let (mut deployment, _pc, attacker) = under_attack(lab)?;
        let key = key_of(&deployment.hq.ask(&["hq", "status"])?);
        let mut victim = deployment.place("victim")?;
        victim.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        let address = victim.host.sh("ip -4 -o address show dev eth0")?.stdout;
        let address =
            address.split_whitespace().nth(3).and_then(|net| net.split('/').next()).unwrap().to_owned();
        // The victim's address is the attacker's own to send from, but not to answer or to ask for.
        attacker.sh("ping -n -c 1 192.0.2.1")?;
        attacker.sh(&format!("ip route add local {address} dev lo"))?;
        attacker.sh("sysctl -q -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2")?;
        let socket = attacker.within(move || UdpSocket::bind((address.as_str(), 51_820)).unwrap())?;
        let capture = Capture::everywhere(lab)?;
        let over = Arc::new(AtomicBool::new(false));
        let forger = std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                let forged: Vec<Vec<u8>> = (0..50).map(|number| initiation(key, number)).collect();
                for datagram in forged.iter().cycle() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let _refused = socket.send_to(datagram, "192.0.2.1:51820");
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        std::thread::sleep(Duration::from_secs(2));
        let begun = now();
        victim.node.up(&[])?;
        deployment.until_it_pings(&victim.host, Duration::from_secs(20))?;
        println!(
            "measured: 200 forged initiations a second: up after {} ms",
            now().saturating_sub(begun).as_millis()
        );
        over.store(true, Ordering::Relaxed);
        forger.join().unwrap();
        let tally = Captured::tally(&capture.stop()?, &Ports::default());
        let count = |message| tally.get(&Kind::WireGuard(message)).copied().unwrap_or(0);
        assert!(count(Message::Initiation) > 200 && count(Message::Cookie) > 50, "{tally:?}");
        Ok(())
    });
}

#[test]
fn a_captured_session_replayed() {
    inside("flood::a_captured_session_replayed", LIMIT, |lab| {
        let (mut deployment, _pc, attacker) = under_attack(lab)?;
        let mut victim = deployment.place("victim")?;
        let capture = Capture::leaving(&victim.link)?;
        victim.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        victim.node.up(&[])?;
        let pings = Pinger::start(&victim.host, deployment.hq.addresses[0])?;
        std::thread::sleep(Duration::from_secs(3));
        let ports = Ports::default();
        let packets = capture.stop()?;
        let wireguard = packets.iter().filter(|packet| matches!(packet.kind(&ports), Kind::WireGuard(_)));
        // IPv4 without options, UDP: the payload begins 28 bytes in; 48 for IPv6.
        let payloads: Vec<Vec<u8>> = wireguard
            .map(|packet| packet.bytes[if packet.ethertype == 0x0800 { 28 } else { 48 }..].to_vec())
            .collect();
        assert!(payloads.len() > 40, "{}", payloads.len());
        let endpoints = || endpoints(&deployment.hq.host);
        let places = endpoints()?;
        // Where the two nodes are, and nobody else: an answer that says nothing proves nothing.
        let hosts: Vec<&str> =
            places.iter().filter_map(|place| place.rsplit_once(':')).map(|(ip, _)| ip).collect();
        assert_eq!(hosts, ["192.0.2.10", "192.0.2.12"], "{places:?}");
        let replay = |times: u64| {
            let replayed = payloads.clone();
            attacker.within(move || {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                let all = (0..times).flat_map(|_| &replayed);
                all.filter(|payload| socket.send_to(payload, "192.0.2.1:51820").is_ok()).count() as u64
            })
        };
        replay(1)?;
        let before = Before::of(&deployment)?;
        let sent = replay(20)?;
        judge("a captured session replayed 20 times", &deployment, before, &pings, sent)?;
        assert_eq!(endpoints()?, places, "a replay moves nobody");
        assert!(payloads.iter().any(|payload| payload.first() == Some(&1)), "a handshake was among them");
        println!("measured: {} datagrams replayed from another address, 20 times each", payloads.len());
        Ok(())
    });
}

/// Where headquarters sends to, as wg(8) sees it; sorted.
fn endpoints(hq: &Host) -> Result<Vec<String>> {
    let shown = hq.sh("wg show hnhq0 endpoints")?.stdout;
    let places = shown.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned()));
    let mut places: Vec<String> = places.collect();
    places.sort();
    Ok(places)
}

/// A first message as a stranger would send it: right in form, from a key that headquarters does not know.
fn initiation(headquarters: [u8; 32], number: u32) -> Vec<u8> {
    let mut secret = [7u8; 32];
    secret[..4].copy_from_slice(&number.to_le_bytes());
    let mut tunn =
        Tunn::new(StaticSecret::from(secret), PublicKey::from(headquarters), None, None, number, None);
    let mut buffer = [0u8; 148];
    let TunnResult::WriteToNetwork(datagram) = tunn.format_handshake_initiation(&mut buffer, false) else {
        panic!("a new tunnel makes an initiation");
    };
    datagram.to_vec()
}

fn key_of(status: &serde_json::Value) -> [u8; 32] {
    STANDARD.decode(status["public_key"].as_str().unwrap()).unwrap().try_into().unwrap()
}
