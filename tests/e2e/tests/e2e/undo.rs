//! SIGKILL at any moment: the next start or `leave` puts the machine back as it was.

use std::time::Duration;

use hanare_e2e::behind::NETWORKS;
use hanare_e2e::{Deployment, Room, long};
use hanare_lab::{Host, Node, Result, inside};

const LIMIT: Duration = Duration::from_mins(20);

/// Everything of the machine that `up` may touch, as text that can be compared.
pub(crate) fn machine(host: &Host) -> Result<String> {
    let mut all = String::new();
    for line in [
        "ip -j address",
        "ip -j -4 route show table all",
        "ip -j -6 route show table all",
        "ip -j -4 rule",
        "ip -j -6 rule",
        "nft -j list ruleset",
        "cat /etc/resolv.conf",
        "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.all.rp_filter \
         net.ipv4.conf.all.src_valid_mark net.ipv4.conf.eth0.rp_filter",
    ] {
        let output = host.sh(line)?.stdout;
        all.extend(["# ", line, "\n", &output, "\n"]);
    }
    Ok(all)
}

#[test]
fn killed_at_any_moment_and_put_back_by_leave() {
    inside("undo::killed_at_any_moment_and_put_back_by_leave", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let moments = if long() { 60 } else { 12 };
        let mut place = deployment.place("pc")?;
        let before = machine(&place.host)?;
        for moment in 0..moments {
            place.node = Node::new(&place.host, &deployment.program);
            let invite = deployment.hq.invite("kofu/306", "endpoint", &format!("pc-{moment}"))?;
            place.node.join(&invite)?.must()?;
            place.node.start(&[])?;
            std::thread::sleep(Duration::from_millis(moment * 1000 / moments));
            if let Some(daemon) = &mut place.node.daemon {
                daemon.kill()?;
            }
            if moment % 2 == 0 {
                // The next start undoes what the killed one did, and comes up.
                place.node.start(&[])?;
                place.node.wait_for("up", Duration::from_secs(20))?;
                if let Some(daemon) = &mut place.node.daemon {
                    daemon.kill()?;
                }
            }
            deployment.program.run(&place.host, &["leave", "--yes"])?;
            let after = machine(&place.host)?;
            let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
            assert!(before == after, "killed after {} ms: {changed:#?}", moment * 1000 / moments);
        }
        println!("measured: killed at {moments} moments, the machine was as before each time");
        Ok(())
    });
}

/// All settings of all devices of both families, which a gateway's forwarding touches.
pub(crate) fn settings(host: &Host) -> Result<String> {
    let all = host.sh("sysctl -a -r ^net.ipv[46].(conf|ip_forward)")?.stdout;
    let lines = all.lines().filter(|line| !line.contains(".stable_secret"));
    Ok(lines.fold(String::new(), |text, line| text + line + "\n"))
}

#[test]
fn a_gateway_killed_at_any_moment_is_put_back_by_leave() {
    inside("undo::a_gateway_killed_at_any_moment_is_put_back_by_leave", LIMIT, |lab| {
        let init = [&NETWORKS[..], &["--dns", "192.168.10.5"]].concat();
        let mut deployment = Deployment::open_with(lab, &init)?;
        let moments = if long() { 60 } else { 10 };
        let Room { gateway: mut place, .. } = Room::build(&mut deployment, "kofu/306", "gw")?;
        // A side towards the room that `up` has to bring up, and an uplink that lives on router advertisements.
        place.host.sh("ip link set eth1 down")?;
        place.host.sh("sysctl -q -w net.ipv6.conf.eth0.accept_ra=1 net.ipv4.conf.eth0.rp_filter=1")?;
        place.host.run("tee", ["/etc/resolv.conf"], "nameserver 192.0.2.53\n", LIMIT)?.must()?;
        let before = machine(&place.host)? + &settings(&place.host)?;
        for moment in 0..moments {
            let name = format!("gw-{moment}");
            place.node = Node::new(&place.host, &deployment.program);
            place.node.join(&deployment.hq.invite("kofu/306", "gateway", &name)?)?.must()?;
            place.node.start(&["--lan", "eth1"])?;
            std::thread::sleep(Duration::from_millis(moment * 1500 / moments));
            if let Some(daemon) = &mut place.node.daemon {
                daemon.kill()?;
            }
            if moment % 2 == 0 {
                place.node.start(&["--lan", "eth1"])?;
                place.node.wait_for("up", Duration::from_secs(20))?;
                if let Some(daemon) = &mut place.node.daemon {
                    daemon.kill()?;
                }
            }
            deployment.program.run(&place.host, &["leave", "--yes"])?;
            let after = machine(&place.host)? + &settings(&place.host)?;
            let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
            assert!(before == after, "killed after {} ms: {changed:#?}", moment * 1500 / moments);
            deployment.hq.admin(&["node", "revoke", &name, "--yes"])?;
        }
        println!("measured: a gateway killed at {moments} moments, the machine was as before each time");
        Ok(())
    });
}
