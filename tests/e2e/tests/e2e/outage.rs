//! Headquarters killed, filtered, unplugged, restarted; a node that moves: traffic comes back by itself, timed from both sides.

use std::time::Duration;

use hanare_e2e::{Deployment, Pinger, Place, long, now};
use hanare_lab::{Lab, Result, inside};

const LIMIT: Duration = Duration::from_mins(8);

/// `cargo xtask test --long` waits longer than boringtun tries by itself (90 s); the shorter outage is for every day.
fn outage() -> Duration {
    Duration::from_secs(if long() { 200 } else { 20 })
}

fn company(lab: &Lab) -> Result<(Deployment<'_>, Place)> {
    let mut deployment = Deployment::open(lab)?;
    let pc = deployment.node("pc", "kofu/306", "endpoint")?;
    Ok((deployment, pc))
}

fn both_views(deployment: &Deployment<'_>, pc: &Place) -> Result<[Pinger; 2]> {
    let node = pc.node.socket(false, 0)?.ip();
    Ok([
        Pinger::start(&pc.host, deployment.hq.socket(false, 0)?.ip())?,
        Pinger::start(&deployment.hq.host, node)?,
    ])
}

fn judge(what: &str, views: &[Pinger], returned: Duration, promise: Duration) -> Result<()> {
    for view in views {
        let took = view.answered_after(returned, promise + Duration::from_secs(30))?;
        println!("measured: {what}, resumed {} ms later, seen from {}", took.as_millis(), view.from);
        assert!(took <= promise, "{what}: {took:?}, promised {promise:?}, seen from {}", view.from);
    }
    Ok(())
}

#[test]
fn after_headquarters_was_killed() {
    inside("outage::after_headquarters_was_killed", LIMIT, |lab| {
        let (mut deployment, pc) = company(lab)?;
        let views = both_views(&deployment, &pc)?;
        deployment.hq.daemon.kill()?;
        std::thread::sleep(outage());
        assert!(!pc.host.pings(deployment.hq.addresses[0], 1)?);
        deployment.hq.start_again()?;
        judge(&format!("killed for {} s", outage().as_secs()), &views, now(), Duration::from_secs(15))
    });
}

#[test]
fn after_a_filter_dropped_everything() {
    inside("outage::after_a_filter_dropped_everything", LIMIT, |lab| {
        let (deployment, pc) = company(lab)?;
        let views = both_views(&deployment, &pc)?;
        let hq = &deployment.hq.host;
        let filter = "table netdev outage { chain in { type filter hook ingress device eth0 priority -400; policy drop; }; }";
        hq.run("nft", ["-f", "-"], filter, LIMIT)?.must()?;
        std::thread::sleep(outage());
        assert!(!pc.host.pings(deployment.hq.addresses[0], 1)?);
        hq.sh("nft delete table netdev outage")?;
        judge(&format!("filtered for {} s", outage().as_secs()), &views, now(), Duration::from_secs(15))
    });
}

#[test]
fn after_the_cable_was_pulled() {
    inside("outage::after_the_cable_was_pulled", LIMIT, |lab| {
        let (deployment, pc) = company(lab)?;
        let views = both_views(&deployment, &pc)?;
        pc.link.set_connected(false)?;
        std::thread::sleep(outage());
        assert!(!pc.host.pings(deployment.hq.addresses[0], 1)?);
        pc.link.set_connected(true)?;
        judge(&format!("unplugged for {} s", outage().as_secs()), &views, now(), Duration::from_secs(15))
    });
}

#[test]
fn after_headquarters_was_restarted() {
    inside("outage::after_headquarters_was_restarted", LIMIT, |lab| {
        let (mut deployment, pc) = company(lab)?;
        let views = both_views(&deployment, &pc)?;
        let asked = now();
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        deployment.hq.start_again()?;
        let restart = now().saturating_sub(asked);
        println!("measured: restart of headquarters took {} ms", restart.as_millis());
        // The restart itself is part of what people wait for.
        judge("headquarters restarted", &views, now(), Duration::from_secs(10).saturating_sub(restart))
    });
}

#[test]
fn after_the_nodes_address_changed() {
    inside("outage::after_the_nodes_address_changed", LIMIT, |lab| {
        let (deployment, pc) = company(lab)?;
        let views = both_views(&deployment, &pc)?;
        pc.host.sh("ip address add 192.0.2.77/24 dev eth0")?;
        pc.host.sh("ip address del 192.0.2.10/24 dev eth0")?;
        let moved = now();
        // Deleting the first address of a prefix takes the others along unless the kernel was told to promote them.
        if !pc.host.sh("ip address show dev eth0")?.stdout.contains("192.0.2.77") {
            pc.host.sh("ip address add 192.0.2.77/24 dev eth0")?;
        }
        judge("address changed", &views, moved, Duration::from_secs(5))
    });
}
