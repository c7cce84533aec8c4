//! `hanare device` against wireguard-go and boringtun-cli, in both roles, with and without a preshared key, over both families.

use std::time::Duration;

use hanare_e2e::{Bare, Implementation, Keys, configure, keys};
use hanare_lab::{Host, Lab, Result, inside, receive_once, send};

const LIMIT: Duration = Duration::from_mins(3);
/// Bytes that cross the tunnel in each direction, per cell of the table.
const LOAD: u64 = 2_000_000;

struct Cell {
    other: Implementation,
    ours_speaks_first: bool,
    preshared: bool,
    ipv6: bool,
}

#[test]
fn wireguard_go_in_both_roles() {
    inside("interop::wireguard_go_in_both_roles", LIMIT, |lab| table(lab, Implementation::WireGuardGo));
}

#[test]
fn boringtun_cli_in_both_roles() {
    inside("interop::boringtun_cli_in_both_roles", LIMIT, |lab| table(lab, Implementation::BoringTun));
}

fn table(lab: &Lab, other: Implementation) -> Result<()> {
    let (a, b) = (lab.host("a")?, lab.host("b")?);
    lab.cable(
        (&a, "eth0", &["192.0.2.1/24", "2001:db8::1/64"]),
        (&b, "eth0", &["192.0.2.2/24", "2001:db8::2/64"]),
    )?;
    for ours_speaks_first in [true, false] {
        for preshared in [false, true] {
            for ipv6 in [false, true] {
                let cell = Cell { other, ours_speaks_first, preshared, ipv6 };
                try_cell(&a, &b, &cell)?;
                println!(
                    "measured: interop {other:?} | hanare {} | psk {} | IPv{} | good",
                    if ours_speaks_first { "initiates" } else { "responds" },
                    if preshared { "on" } else { "off" },
                    if ipv6 { 6 } else { 4 },
                );
            }
        }
    }
    Ok(())
}

fn try_cell(a: &Host, b: &Host, cell: &Cell) -> Result<()> {
    let ours = Implementation::Hanare.start(a, "wg0")?;
    let theirs = cell.other.start(b, "wg0")?;
    let (a_keys, b_keys): (Keys, Keys) = (keys(a)?, keys(b)?);
    let preshared = a.sh("wg genpsk")?.stdout.trim().to_owned();
    let preshared = cell.preshared.then_some(preshared.as_str());
    let endpoint = |last: u8| {
        if cell.ipv6 { format!("[2001:db8::{last}]:5000") } else { format!("192.0.2.{last}:5000") }
    };
    let (to_a, to_b) = (endpoint(1), endpoint(2));
    configure(
        a,
        &Bare {
            interface: "wg0",
            private: &a_keys.private,
            port: 5000,
            peer: &b_keys.public,
            preshared,
            endpoint: cell.ours_speaks_first.then_some(&to_b),
            addresses: &["10.0.0.1/24", "fd00::1/64"],
            allowed: "10.0.0.2/32,fd00::2/128",
        },
    )?;
    configure(
        b,
        &Bare {
            interface: "wg0",
            private: &b_keys.private,
            port: 5000,
            peer: &a_keys.public,
            preshared,
            endpoint: (!cell.ours_speaks_first).then_some(&to_a),
            addresses: &["10.0.0.2/24", "fd00::2/64"],
            allowed: "10.0.0.1/32,fd00::1/128",
        },
    )?;
    let (first, second) = if cell.ours_speaks_first { (a, b) } else { (b, a) };
    let of = |host: &Host| if host.name() == "a" { 1 } else { 2 };
    let v4 = |host: &Host| format!("10.0.0.{}", of(host)).parse().unwrap();
    first.until_it_pings(v4(second), Duration::from_secs(20))?;
    assert!(second.pings(v4(first), 3)?, "and is reached");
    for (from, to) in [(a, b), (b, a)] {
        let address = format!("[fd00::{}]:9000", of(to)).parse().unwrap();
        let incoming = receive_once(to, address)?;
        let sent = send(from, address, LOAD, 3)?;
        let arrived = incoming.join().unwrap()??;
        assert!(arrived.bytes == LOAD && sent.same_as(&arrived), "{} → {}", from.name(), to.name());
    }
    let shown = a.sh("wg show wg0 latest-handshakes")?.stdout;
    assert!(!shown.trim().ends_with("\t0"), "wg(8) sees the handshake: {shown}");
    drop((ours, theirs));
    hanare_lab::until("both devices to be gone", Duration::from_secs(5), || {
        [a, b].iter().all(|host| !host.attempt("ip link show wg0").is_ok_and(|output| output.good()))
    })?;
    Ok(())
}
