//! A `WireGuard` hub without a source check, which no user ever gets: the attack on that check has to succeed against something.
//!
//! `unguarded IFNAME PORT`; standard input: a private key, then one `PUBLIC_KEY ADDRESS` a line. Peers speak first.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use base64::Engine as _;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

type Failure = Box<dyn std::error::Error>;

struct Peer {
    tunn: Tunn,
    address: IpAddr,
    endpoint: Option<SocketAddr>,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("an interface name")?;
    let port: u16 = arguments.next().ok_or("a port")?.parse()?;
    let mut peers = read_peers()?;
    let device = tun_rs::DeviceBuilder::new().name(name).mtu(1420).build_sync()?;
    device.set_nonblocking(true)?;
    let socket = UdpSocket::bind(("0.0.0.0", port))?;
    // Also the longest time a packet from the device waits.
    socket.set_read_timeout(Some(Duration::from_millis(2)))?;
    let (mut input, mut output) = (vec![0u8; 2048], vec![0u8; 2048]);
    loop {
        if let Ok((length, from)) = socket.recv_from(&mut input) {
            let datagram = input.get(..length).unwrap_or_default();
            receive(&mut peers, datagram, from, &mut output, &socket, &device)?;
        }
        while let Ok(length) = device.recv(&mut input) {
            let packet = input.get(..length).unwrap_or_default();
            let to = Tunn::dst_address(packet);
            let Some(peer) = peers.iter_mut().find(|peer| Some(peer.address) == to) else { continue };
            if let (TunnResult::WriteToNetwork(datagram), Some(to)) =
                (peer.tunn.encapsulate(packet, &mut output), peer.endpoint)
            {
                socket.send_to(datagram, to)?;
            }
        }
    }
}

fn read_peers() -> Result<Vec<Peer>, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut lines = text.lines();
    let private = StaticSecret::from(key(lines.next().ok_or("a private key")?)?);
    let peer = |(index, line): (u32, &str)| -> Result<Peer, Failure> {
        let (public, address) = line.split_once(' ').ok_or("a key and an address")?;
        let tunn = Tunn::new(private.clone(), PublicKey::from(key(public)?), None, None, index, None);
        Ok(Peer { tunn, address: address.parse()?, endpoint: None })
    };
    (1..).zip(lines).map(peer).collect()
}

fn key(text: &str) -> Result<[u8; 32], Failure> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim())?;
    bytes.try_into().map_err(|_| "a key has 32 bytes".into())
}

/// Whoever can decrypt it, has sent it; what is inside is believed.
fn receive(
    peers: &mut [Peer],
    datagram: &[u8],
    from: SocketAddr,
    output: &mut [u8],
    socket: &UdpSocket,
    device: &tun_rs::SyncDevice,
) -> Result<(), Failure> {
    for peer in peers {
        match peer.tunn.decapsulate(Some(from.ip()), datagram, output) {
            TunnResult::Err(_) => continue,
            TunnResult::WriteToNetwork(reply) => {
                socket.send_to(reply, from)?;
            }
            TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                device.send(packet)?;
            }
            TunnResult::Done => {}
        }
        peer.endpoint = Some(from);
        return Ok(());
    }
    Ok(())
}
