//! Who stands between a gateway and headquarters, under headquarters' own address, and wants into the room.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use hanare_e2e::{Deployment, Room};
use hanare_lab::{Host, Ports, Result, inside};

const LIMIT: Duration = Duration::from_mins(3);
/// Where headquarters is for the nodes, and where the intruder claims to be.
const HEADQUARTERS: &str = "192.0.2.1";

/// Whether a datagram or a connection from headquarters' address and ports reaches `to`.
fn gets_in(intruder: &Host, pc: &Host, to: SocketAddr) -> Result<(bool, bool)> {
    let ports = Ports::default();
    let from: IpAddr = HEADQUARTERS.parse().unwrap();
    let (heard, listener) =
        pc.within(move || (UdpSocket::bind(to).unwrap(), TcpListener::bind(to).unwrap()))?;
    heard.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let udp = SocketAddr::new(from, ports.wireguard[0]);
    intruder.within(move || UdpSocket::bind(udp).unwrap().send_to(b"open up", to).map(drop))?.ok();
    let datagram = heard.recv(&mut [0; 64]).is_ok();
    let tcp = SocketAddr::new(from, ports.api);
    let connection = intruder.within(move || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&tcp.into()).unwrap();
        socket.connect_timeout(&to.into(), Duration::from_secs(2)).is_ok()
    })?;
    drop(listener);
    Ok((datagram, connection))
}

#[test]
fn whoever_takes_headquarters_address_on_the_way_does_not_reach_into_the_room() {
    let name =
        "gateway_intruders::whoever_takes_headquarters_address_on_the_way_does_not_reach_into_the_room";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut room = Room::open(&mut deployment, "kofu/306", "gw")?;
        let pc = room.machine(&deployment, "pc", 5)?;
        let here = SocketAddr::new(pc.address(false)?, 445);
        let gateway = &room.gateway.host;
        assert!(pc.host.pings(deployment.hq.socket(false, 0)?.ip(), 2)?);

        let intruder = lab.host("intruder")?;
        lab.plug(&intruder, &deployment.segment, "eth0", &["192.0.2.200/24"])?;
        deployment.hq_link.set_connected(false)?;
        intruder.sh(&format!("ip address add {HEADQUARTERS}/32 dev eth0"))?;
        intruder.sh(&format!("ip route add {} via 192.0.2.10", room.prefixes[0]))?;
        // As after a forged ARP answer.
        let address = intruder.sh("cat /sys/class/net/eth0/address")?.stdout;
        gateway.sh(&format!("ip neigh replace {HEADQUARTERS} lladdr {} dev eth0", address.trim()))?;

        assert_eq!(gets_in(&intruder, &pc.host, here)?, (false, false), "into the room");
        // Without the direction that guard is gone, and so is the room's.
        if let Some(daemon) = &mut room.gateway.node.daemon {
            daemon.kill()?;
        }
        gateway.sh(&format!(
            "nft insert rule inet hanare forward ip saddr {HEADQUARTERS} meta mark set 0x686f accept"
        ))?;
        gateway.sh(&format!("nft insert rule inet hanare forward ip daddr {HEADQUARTERS} accept"))?;
        assert_eq!(gets_in(&intruder, &pc.host, here)?, (true, true), "or the attack proves nothing");
        Ok(())
    });
}
