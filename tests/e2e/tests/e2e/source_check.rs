//! A node that forges another's inner source address, one that the firewall's rule allows: only the check in headquarters'
//! data plane stands in its way, and where that check is not the same attack succeeds.

use std::net::IpAddr;
use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Capture, Captured, Host, Lab, Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(2);
/// Echo requests under a forged address, for each family.
const FORGED: u32 = 5;

#[test]
fn a_forged_source_that_the_rule_allows_is_dropped() {
    inside("source_check::a_forged_source_that_the_rule_allows_is_dropped", LIMIT, |lab| {
        assert_eq!(attack(lab, &Program::built()?)?, [0, 0]);
        Ok(())
    });
}

#[test]
fn the_same_attack_succeeds_where_the_check_is_not() {
    inside("source_check::the_same_attack_succeeds_where_the_check_is_not", LIMIT, |lab| {
        let without = Program::at(env!("CARGO_BIN_EXE_without-source-check"))?;
        let arrived = attack(lab, &without)?;
        assert!(arrived.iter().all(|count| *count > 0), "{arrived:?}");
        Ok(())
    });
}

/// A node of company midori writes to a PC of company aoba in the name of that PC's room mate. How many packets arrive,
/// over IPv4 and over IPv6.
fn attack(lab: &Lab, serve: &Program) -> Result<[usize; 2]> {
    let mut deployment = Deployment::open_as(lab, serve, &[])?;
    let victim = deployment.node("victim", "kofu/306", "endpoint")?;
    let mate = deployment.node("mate", "kofu/306", "endpoint")?;
    let attacker = deployment.node("attacker", "gujo/101", "endpoint")?;
    let mut arrived = [0; 2];
    for (count, ipv6) in arrived.iter_mut().zip([false, true]) {
        let [target, borrowed] =
            [&victim, &mate].map(|place: &Place| place.node.socket(ipv6, 0).unwrap().ip());
        assert!(mate.host.pings(target, 2)?, "the rule allows the mate");
        assert!(!attacker.host.pings(target, 2)?, "and stops the attacker's own address");
        let (sent, got) = (Capture::on(&attacker.host, "hn0")?, Capture::on(&victim.host, "hn0")?);
        forge(&attacker.host, borrowed, target)?;
        assert!(from(&sent.stop()?, borrowed) >= FORGED as usize, "the attack took place");
        *count = from(&got.stop()?, borrowed);
    }
    println!("measured: {FORGED} forged packets of each family, {arrived:?} arrived");
    Ok(arrived)
}

fn forge(attacker: &Host, source: IpAddr, target: IpAddr) -> Result<()> {
    let (length, flag) = if source.is_ipv6() { (128, " nodad") } else { (32, "") };
    attacker.sh(&format!("ip address add {source}/{length} dev hn0{flag}"))?;
    attacker.attempt(&format!("ping -n -q -c {FORGED} -i 0.2 -W 1 -I {source} {target}"))?;
    attacker.sh(&format!("ip address del {source}/{length} dev hn0")).map(drop)
}

/// Packets in a capture of a tunnel interface that claim to come from `source`.
fn from(packets: &[Captured], source: IpAddr) -> usize {
    let claims = |packet: &&Captured| match source {
        IpAddr::V4(ip) => packet.bytes.get(12..16) == Some(&ip.octets()[..]),
        IpAddr::V6(ip) => packet.bytes.get(8..24) == Some(&ip.octets()[..]),
    };
    packets.iter().filter(claims).count()
}
