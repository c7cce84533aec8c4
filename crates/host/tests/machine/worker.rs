//! The worker that the host process's tests start: an honest one, and one in an attacker's hands.

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::Duration;

use hanare_host::hands::{self, Client, Notice, Permit};
use hanare_host::{HostError, privileges, unix};
use hanare_model::lease::Signed;
use hanare_model::unlock::UnlockTerms;
use hanare_model::{HqPeer, Internet, Lease, NodeKind, PresharedKey, PublicKey, SigningKey, Timestamp};

use crate::world::works;

pub(crate) const STATE: &str = "HANARE_TEST_STATE";
pub(crate) const KIND: &str = "HANARE_TEST_KIND";

pub(crate) fn state() -> PathBuf {
    std::env::var_os(STATE).unwrap().into()
}

fn everywhere(port: u16) -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, port).into()
}

pub(crate) fn lease(serial: u64) -> Signed {
    lease_with(serial, UnlockTerms::default())
}

pub(crate) fn lease_with(serial: u64, unlock: UnlockTerms) -> Signed {
    let lease = Lease {
        serial,
        node: "pc-1".parse().unwrap(),
        kind: NodeKind::Gateway,
        public_key: PublicKey::from_bytes([7; 32]),
        company: "acme".parse().unwrap(),
        room: "kofu/306".parse().unwrap(),
        addresses: vec!["10.88.1.2/32".parse().unwrap(), "fd00:88::2/128".parse().unwrap()],
        lan: vec!["10.88.1.128/25".parse().unwrap(), "fd00:88:0:1::/64".parse().unwrap()],
        devices: Vec::new(),
        holidays: std::collections::BTreeSet::new(),
        hq: HqPeer {
            public_key: PublicKey::from_bytes([8; 32]),
            preshared_key: PresharedKey::from_bytes([9; 32]),
            endpoints: vec!["192.0.2.2:51820".parse().unwrap()],
            api: vec!["192.0.2.2:51821".parse().unwrap()],
            addresses: vec!["10.88.0.1".parse().unwrap()],
            api_port: 51821,
            allowed_ips: vec![
                "0.0.0.0/0".parse().unwrap(),
                "::/0".parse().unwrap(),
                "10.88.0.0/16".parse().unwrap(),
            ],
        },
        internet: Internet::ViaHq,
        dns: vec!["10.88.0.1".parse().unwrap()],
        mtu: 1360,
        issued_at: Timestamp::from_seconds(0),
        expires_at: Timestamp::from_seconds(2_000_000_000),
        grace_seconds: 0,
        sealing: None,
        unlock,
    };
    Signed::seal(&lease, &SigningKey::from_seed([1; 32])).unwrap()
}

/// Not a test of its own: the worker of the others.
#[test]
#[ignore = "started by other tests"]
fn entry_worker() {
    let Ok(kind) = std::env::var(KIND) else { return };
    privileges::become_worker().unwrap();
    if kind.starts_with("hq-") && kind != "hq-hijacked" {
        crate::confinement::begin(&kind);
    }
    let client = Client::from_stdin().unwrap();
    let notices = client.notices().unwrap();
    match kind.as_str() {
        "hijacked" => hijacked(&client),
        "hq-hijacked" => hijacked_hq(&client),
        "hq-confined" | "hq-loose" | "hq-old-kernel" => crate::confinement::try_everything(&client, &kind),
        "refused" => refused(&client),
        "hq" => {
            let _tunnel = client.tunnel(1360, everywhere(51820), true).unwrap();
            client.addresses(&["10.88.0.1/24".parse().unwrap()]).unwrap();
            client.routes(&["10.88.0.0/16".parse().unwrap()]).unwrap();
            client.segment(&crate::segmentation::two_rooms()).unwrap();
            client.ready("serving").unwrap();
            record_until_stop(&notices);
        }
        _ => node(&client, &notices, &kind),
    }
    std::process::exit(0);
}

fn node(client: &Client, notices: &hands::Notices, kind: &str) {
    let tunnel = client.tunnel(1360, everywhere(0), true).unwrap();
    assert_eq!(tunnel.interface, "hn0");
    client.addresses(&["10.88.1.2/32".parse().unwrap(), "fd00:88::2/128".parse().unwrap()]).unwrap();
    client
        .routes(&["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap(), "10.88.0.0/16".parse().unwrap()])
        .unwrap();
    client.lan(&["10.88.1.129/25".parse().unwrap(), "fd00:88:0:1::1/64".parse().unwrap()]).unwrap();
    client.dns(&["10.88.0.1".parse().unwrap()]).unwrap();
    client.mtu(1400).unwrap();
    let socket = ["requests", "turncoat"]
        .contains(&kind)
        .then(|| unix::listen(&state().join("node.sock"), 0o600).unwrap());
    client.ready("up").unwrap();
    if let Some(socket) = socket {
        let (client, honest) = (client.clone(), kind == "requests");
        std::thread::spawn(move || {
            for connection in socket.incoming() {
                pass_on(&client, &mut connection.unwrap(), honest);
            }
        });
    }
    record_until_stop(notices);
}

fn record_until_stop(notices: &hands::Notices) {
    loop {
        let notice = notices.recv().unwrap();
        let path = state().join("notices");
        let mut text = std::fs::read_to_string(&path).unwrap_or_default();
        text = text + &format!("{notice:?}") + "\n";
        std::fs::write(path, text).unwrap();
        if notice == Notice::Stop {
            return;
        }
    }
}

/// Looks at the line and leaves it there; a turncoat passes everything on as the wish to leave.
fn pass_on(client: &Client, connection: &mut std::os::unix::net::UnixStream, honest: bool) {
    let mut line = [0; 4096];
    let (_, length) = rustix::net::recv(&mut *connection, &mut line, rustix::net::RecvFlags::PEEK).unwrap();
    if !honest {
        // All that is known of the connection itself: it is an admin's.
        assert!(unix::Peer::of(&connection).unwrap().is_admin());
        // Late enough for whoever has hung up.
        std::thread::sleep(Duration::from_millis(100));
    }
    let unlocks = String::from_utf8_lossy(&line[..length]).contains("unlock");
    let done = if honest && unlocks {
        client.unlock(connection.as_fd())
    } else {
        client.ask_to_leave(connection.as_fd()).and_then(|()| client.leave())
    };
    let path = state().join("answers");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, format!("{before}{done:?}\n")).unwrap();
    // Whoever asked may be gone.
    let _ = std::io::Write::write_all(connection, format!("{done:?}").as_bytes());
}

/// What headquarters' worker in an attacker's hands would ask for.
fn hijacked_hq(client: &Client) {
    no(client.tunnel(1360, everywhere(53), false).map(drop));
    let _tunnel = client.tunnel(1360, everywhere(51820), false).unwrap();
    no(client.udp(everywhere(53)).map(drop));
    no(client.addresses(&["192.0.2.2/32".parse().unwrap()]));
    no(client.addresses(&["10.88.0.1/8".parse().unwrap()]));
    no(client.routes(&["0.0.0.0/0".parse().unwrap()]));
    // All of it in the overlay, and enough to fill the kernel's tables.
    no(client.routes(&many()));
    no(client.addresses(&many()));
    let mut wide = crate::segmentation::two_rooms();
    wide.overlay.push("192.0.2.0/24".parse().unwrap());
    no(client.segment(&wide));
    let mut endless = crate::segmentation::two_rooms();
    let flow = endless.forward[0].clone();
    endless.forward = vec![flow; hanare_model::filter::MAX_FLOWS + 1];
    no(client.segment(&endless));
    let stdin = rustix::stdio::stdin();
    no(client.ask_to_leave(stdin));
    client.addresses(&["10.88.0.1/24".parse().unwrap()]).unwrap();
    // Somebody else's network: in this overlay or not, as the host process was told.
    let taken = client.routes(&["198.51.100.0/24".parse().unwrap()]);
    std::fs::write(state().join("taken"), format!("{taken:?}")).unwrap();
    std::fs::write(state().join("ready"), "hijacked").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}

/// A thousand prefixes of the overlay.
fn many() -> Vec<ipnet::IpNet> {
    (0..1000).map(|n| format!("10.88.{}.{}/32", 100 + n / 250, 1 + n % 250).parse().unwrap()).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "a call, and that it was refused, in one line")]
fn no(result: Result<(), HostError>) {
    assert!(matches!(result, Err(HostError::Refused { .. })), "{result:?}");
}

/// What a worker in an attacker's hands would ask for.
fn hijacked(client: &Client) {
    // SAFETY of the machine: no capability is left to do it without asking.
    assert!(!privileges::has_net_admin());
    assert!(!works("ip link add evil0 type dummy || ip link add evil0 type veth"));
    assert!(!works("nft flush ruleset"));
    let permit = |wireguard: &str, api: &str| Permit {
        wireguard: vec![wireguard.parse().unwrap()],
        api: vec![api.parse().unwrap()],
    };
    no(client.kill_switch(&permit("203.0.113.1:51820", "192.0.2.2:51821")));
    no(client.kill_switch(&permit("192.0.2.2:53", "192.0.2.2:51821")));
    no(client.kill_switch(&permit("192.0.2.2:51820", "192.0.2.2:22")));
    no(client.api_socket("203.0.113.1:443".parse().unwrap()).map(drop));
    no(client.api_socket("10.88.0.1:22".parse().unwrap()).map(drop));
    no(client.tunnel(1360, everywhere(53), false).map(drop));
    let _tunnel = client.tunnel(1360, everywhere(0), false).unwrap();
    no(client.addresses(&["192.0.2.66/24".parse().unwrap()]));
    no(client.lan(&["192.0.2.129/25".parse().unwrap()]));
    no(client.dns(&["203.0.113.53".parse().unwrap()]));
    // Each of them within what the lease allows, and too many of them.
    no(client.routes(&many()));
    no(client.routes(&["198.51.100.0/24".parse().unwrap()]));
    no(client.addresses(&vec!["10.88.1.2/32".parse().unwrap(); 1000]));
    no(client.lan(&["10.88.1.129/25", "10.88.1.130/25", "10.88.1.131/25"].map(|net| net.parse().unwrap())));
    no(client.dns(&vec!["10.88.0.1".parse().unwrap(); 1000]));
    no(client.mtu(576));
    let file = std::fs::File::open("/dev/null").unwrap();
    no(client.unlock(file.as_fd()));
    no(client.ask_to_leave(file.as_fd()));
    let (own, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    no(client.unlock(own.as_fd()));
    no(client.ask_to_leave(own.as_fd()));
    // The line to the host process has the host process at its other end: root, and free of every restriction.
    let stdin = rustix::stdio::stdin();
    let peer = unix::Peer::of(stdin).unwrap();
    assert_eq!(
        (peer.is_admin(), peer.pid),
        (true, i32::try_from(std::os::unix::process::parent_id()).unwrap())
    );
    no(client.unlock(stdin));
    no(client.ask_to_leave(stdin));
    // Nobody has asked.
    no(client.leave());
    let alone = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None);
    no(client.unlock(alone.unwrap().as_fd()));
    no(client.segment(&crate::segmentation::two_rooms()));
    let forged = hanare_model::lease::Tombstone {
        node: "pc-1".parse().unwrap(),
        public_key: PublicKey::from_bytes([7; 32]),
        revoked_at: Timestamp::from_seconds(0),
        reason: String::new(),
    };
    no(client.lease(&Signed::seal(&forged, &SigningKey::from_seed([1; 32])).unwrap()));
    client.lease(&lease(5)).unwrap();
    no(client.lease(&lease(4)));
    std::fs::write(state().join("ready"), "hijacked").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}

fn refused(client: &Client) {
    let failure = client.tunnel(1360, everywhere(0), true).unwrap_err();
    std::fs::write(state().join("error"), format!("{failure:?}")).unwrap();
    std::fs::write(state().join("ready"), "").unwrap();
    std::thread::sleep(Duration::from_mins(1));
}
