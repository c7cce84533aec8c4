//! The worker that the host process's tests start: an honest one, and one in an attacker's hands.

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::Duration;

use hanare_host::hands::{self, Client, Notice, Permit};
use hanare_host::{HostError, privileges, unix};
use hanare_model::lease::Signed;
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
    let lease = Lease {
        serial,
        node: "pc-1".parse().unwrap(),
        kind: NodeKind::Gateway,
        public_key: PublicKey::from_bytes([7; 32]),
        company: "acme".parse().unwrap(),
        room: "kofu/306".parse().unwrap(),
        addresses: vec!["10.88.1.2/32".parse().unwrap(), "fd00:88::2/128".parse().unwrap()],
        lan: vec!["10.88.1.128/25".parse().unwrap(), "fd00:88:0:1::/64".parse().unwrap()],
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
    };
    Signed::seal(&lease, &SigningKey::from_seed([1; 32])).unwrap()
}

/// Not a test of its own: the worker of the others.
#[test]
#[ignore = "started by other tests"]
fn entry_worker() {
    let Ok(kind) = std::env::var(KIND) else { return };
    privileges::become_worker().unwrap();
    let client = Client::from_stdin().unwrap();
    let notices = client.notices().unwrap();
    match kind.as_str() {
        "hijacked" => hijacked(&client),
        "refused" => refused(&client),
        "hq" => {
            let _tunnel = client.tunnel(1360, everywhere(51820), true).unwrap();
            client.addresses(&["10.88.0.1/24".parse().unwrap()]).unwrap();
            client.routes(&["10.88.0.0/16".parse().unwrap()]).unwrap();
            client.segment(&crate::segmentation::two_rooms()).unwrap();
            client.ready("serving").unwrap();
            while notices.recv().unwrap() != Notice::Stop {}
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
    client.ready("up").unwrap();
    let record = |notice: &Notice| {
        let path = state().join("notices");
        let mut text = std::fs::read_to_string(&path).unwrap_or_default();
        text = text + &format!("{notice:?}") + "\n";
        std::fs::write(path, text).unwrap();
    };
    if kind == "requests" {
        let socket = unix::listen(&state().join("node.sock"), 0o600).unwrap();
        std::thread::spawn({
            let client = client.clone();
            move || {
                for connection in socket.incoming() {
                    let mut connection = connection.unwrap();
                    let mut verb = [0; 6];
                    std::io::Read::read_exact(&mut connection, &mut verb).unwrap();
                    let done = match &verb {
                        b"unlock" => {
                            client.unlock(connection.as_fd(), Duration::from_secs(2), true, "portal")
                        }
                        _ => client.leave(connection.as_fd()),
                    };
                    std::io::Write::write_all(&mut connection, format!("{done:?}").as_bytes()).unwrap();
                }
            }
        });
    }
    loop {
        let notice = notices.recv().unwrap();
        record(&notice);
        if notice == Notice::Stop {
            return;
        }
    }
}

/// What a worker in an attacker's hands would ask for.
fn hijacked(client: &Client) {
    // SAFETY of the machine: no capability is left to do it without asking.
    assert!(!privileges::has_net_admin());
    assert!(!works("ip link add evil0 type dummy || ip link add evil0 type veth"));
    assert!(!works("nft flush ruleset"));
    let no = |result: Result<(), HostError>| {
        assert!(matches!(result, Err(HostError::Refused { .. })), "{result:?}");
    };
    let permit = |wireguard: &str, api: &str| Permit {
        wireguard: vec![wireguard.parse().unwrap()],
        api: vec![api.parse().unwrap()],
    };
    no(client.kill_switch(&permit("203.0.113.1:51820", "192.0.2.2:51821")));
    no(client.kill_switch(&permit("192.0.2.2:53", "192.0.2.2:51821")));
    no(client.kill_switch(&permit("192.0.2.2:51820", "192.0.2.2:22")));
    no(client.api_socket("203.0.113.1:443".parse().unwrap()).map(drop));
    let _tunnel = client.tunnel(1360, everywhere(0), false).unwrap();
    no(client.addresses(&["192.0.2.66/24".parse().unwrap()]));
    no(client.lan(&["192.0.2.129/25".parse().unwrap()]));
    no(client.dns(&["203.0.113.53".parse().unwrap()]));
    no(client.mtu(576));
    let file = std::fs::File::open("/dev/null").unwrap();
    no(client.unlock(file.as_fd(), Duration::from_mins(1), true, "x"));
    no(client.leave(file.as_fd()));
    let (own, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    no(client.unlock(own.as_fd(), Duration::from_mins(1), true, "x"));
    no(client.leave(own.as_fd()));
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
