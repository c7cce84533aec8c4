//! A node that forges another's inner source address, one that the firewall's rule allows: only the check in the data plane
//! stands in its way, and against a hub without that check the same attack succeeds.

use std::time::Duration;

use hanare_e2e::{Bare, Implementation, Keys, configure, keys};
use hanare_lab::{Capture, Host, Lab, Result, inside, until};

const LIMIT: Duration = Duration::from_mins(2);
/// Room A is 10.0.1.0/24, room B is 10.0.2.0/24; the hub lets each talk to itself only.
const RULES: &str = "table inet rooms { chain forward { type filter hook forward priority 0; policy drop; \
                     ip saddr 10.0.1.0/24 ip daddr 10.0.1.0/24 accept; \
                     ip saddr 10.0.2.0/24 ip daddr 10.0.2.0/24 accept; }; }";

struct Hub<'a> {
    host: &'a Host,
    keys: Keys,
    _daemon: hanare_lab::Daemon,
}

struct Spoke {
    host: Host,
    keys: Keys,
    address: &'static str,
}

fn spokes(lab: &Lab, segment: &hanare_lab::Segment) -> Result<Vec<Spoke>> {
    let mut spokes = Vec::new();
    for (number, name, address) in
        [(2, "victim", "10.0.1.1"), (3, "mate", "10.0.1.2"), (4, "attacker", "10.0.2.1")]
    {
        let host = lab.host(name)?;
        lab.plug(&host, segment, "eth0", &[&format!("192.0.2.{number}/24")])?;
        let keys = keys(&host)?;
        spokes.push(Spoke { host, keys, address });
    }
    Ok(spokes)
}

fn guarded<'a>(host: &'a Host, spokes: &[Spoke]) -> Result<Hub<'a>> {
    let daemon = Implementation::Hanare.start(host, "wg0")?;
    let keys = keys(host)?;
    let mut text = format!("[Interface]\nPrivateKey = {}\nListenPort = 5000\n", keys.private);
    for spoke in spokes {
        text.extend(["[Peer]\nPublicKey = ", &spoke.keys.public, "\nAllowedIPs = ", spoke.address, "/32\n"]);
    }
    host.run("wg", ["setconf", "wg0", "/dev/stdin"], &text, LIMIT)?.must()?;
    Ok(Hub { host, keys, _daemon: daemon })
}

fn unguarded<'a>(host: &'a Host, spokes: &[Spoke]) -> Result<Hub<'a>> {
    let keys = keys(host)?;
    let mut text = format!("{}\n", keys.private);
    for spoke in spokes {
        text.extend([&spoke.keys.public, " ", spoke.address, "\n"]);
    }
    let path = host.directory().join("peers");
    std::fs::write(&path, text).unwrap();
    let mut command = host.command("sh");
    command.args(["-c", "exec \"$0\" wg0 5000 <\"$1\"", env!("CARGO_BIN_EXE_unguarded")]).arg(&path);
    let daemon = host.spawn("unguarded", &mut command)?;
    until("the hub's device", LIMIT, || host.attempt("ip link show wg0").is_ok_and(|output| output.good()))?;
    Ok(Hub { host, keys, _daemon: daemon })
}

/// Connects everybody to the hub, forges, and counts the forged packets that reach the victim.
fn forged_packets_that_arrive(hub: &Hub<'_>, spokes: &[Spoke]) -> Result<usize> {
    hub.host.sh("ip link set wg0 mtu 1420 up")?;
    for prefix in ["10.0.1.0/24", "10.0.2.0/24"] {
        hub.host.sh(&format!("ip route replace {prefix} dev wg0"))?;
    }
    let mut daemons = Vec::new();
    for spoke in spokes {
        daemons.push(Implementation::Hanare.start(&spoke.host, "wg0")?);
        configure(
            &spoke.host,
            &Bare {
                interface: "wg0",
                private: &spoke.keys.private,
                port: 5000,
                peer: &hub.keys.public,
                preshared: None,
                endpoint: Some("192.0.2.1:5000"),
                addresses: &[&format!("{}/32", spoke.address)],
                allowed: "10.0.0.0/16",
            },
        )?;
        spoke.host.sh("ip route replace 10.0.0.0/16 dev wg0")?;
    }
    let [victim, mate, attacker] = spokes else { panic!("three of them") };
    let (victim_ip, attacker_ip) = (victim.address.parse().unwrap(), attacker.address.parse().unwrap());
    // The first packets make the handshakes: afterwards the hub knows where everybody is.
    until("the victim's answer to its mate", Duration::from_secs(10), || {
        let _hello = victim.host.pings(mate.address.parse().unwrap(), 1);
        mate.host.pings(victim_ip, 1).unwrap_or(false)
    })?;
    assert!(!attacker.host.pings(victim_ip, 2)?, "with its own address the firewall's rule stops it");
    assert!(!victim.host.pings(attacker_ip, 2)?);
    let capture = Capture::on(&victim.host, "wg0")?;
    attacker.host.sh(&format!("ip address add {}/32 dev wg0", mate.address))?;
    attacker.host.attempt(&format!("ping -n -q -c 5 -i 0.2 -W 1 -I {} {victim_ip}", mate.address))?;
    let forged = capture.stop()?;
    let from_mate = forged.iter().filter(|packet| packet.bytes.get(12..16) == Some(&[10, 0, 1, 2][..]));
    Ok(from_mate.count())
}

#[test]
fn a_forged_source_that_the_rule_allows_is_dropped() {
    inside("source_check::a_forged_source_that_the_rule_allows_is_dropped", LIMIT, |lab| attack(lab, true));
}

#[test]
fn the_same_attack_succeeds_against_a_hub_without_the_check() {
    inside("source_check::the_same_attack_succeeds_against_a_hub_without_the_check", LIMIT, |lab| {
        attack(lab, false)
    });
}

fn attack(lab: &Lab, guard: bool) -> Result<()> {
    let segment = lab.segment("net")?;
    let host = lab.host("hub")?;
    lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
    host.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")?;
    host.run("nft", ["-f", "-"], RULES, LIMIT)?.must()?;
    let spokes = spokes(lab, &segment)?;
    let hub = if guard { guarded(&host, &spokes)? } else { unguarded(&host, &spokes)? };
    let arrived = forged_packets_that_arrive(&hub, &spokes)?;
    println!(
        "measured: 5 forged packets, {} source check: {arrived} arrived",
        if guard { "with the" } else { "without a" }
    );
    assert_eq!(arrived > 0, !guard);
    Ok(())
}
