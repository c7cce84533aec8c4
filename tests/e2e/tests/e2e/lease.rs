//! A lease's life: renewed over the channel inside the tunnel, borne through its grace without headquarters, and over in the end.

use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Place, Shifted};
use hanare_lab::{Result, inside, until};

const LIMIT: Duration = Duration::from_mins(4);

fn until_when(place: &Place) -> Result<String> {
    Ok(place.node.status()?["lease_until"].as_str().unwrap_or_default().to_owned())
}

fn warned(place: &Place, code: &str) -> bool {
    let status = place.node.status().unwrap_or_default();
    status["warnings"].as_array().into_iter().flatten().any(|warning| warning["code"] == code)
}

/// Starts headquarters again, `days` later.
fn restart(deployment: &mut Deployment<'_>, clock: &Shifted, days: u32) -> Result<()> {
    deployment.hq.daemon.stop(Duration::from_secs(5))?;
    let host = deployment.hq.host.clone();
    let mut serve = deployment.program.command(&host, &["-v", "hq", "serve"]);
    clock.later(&mut serve, days);
    deployment.hq.daemon = host.spawn(&format!("serve-in-{days}-days"), &mut serve)?;
    until("headquarters again", Duration::from_secs(15), || {
        let asked = deployment.program.attempt(&host, &["hq", "status"], "");
        asked.is_ok_and(|output| output.good())
    })
    .map(drop)
}

#[test]
fn nodes_follow_headquarters_api_to_another_port() {
    inside("lease::nodes_follow_headquarters_api_to_another_port", Duration::from_mins(2), |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let late = deployment.node("late", "kofu/306", "endpoint")?;
        let known = |place: &Place| {
            let file = place.host.directory().join("state").join("kill_switch.json");
            std::fs::read_to_string(file).unwrap_or_default()
        };
        assert!(known(&pc).contains("192.0.2.1:51821"), "{}", known(&pc));
        // One of them misses it: its cable is out while headquarters moves.
        late.link.set_connected(false)?;
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        deployment.hq.start_again_with(&["--api", "0.0.0.0:8443"])?;
        let follows = |place: &Place, limit| {
            until("the kill switch with the new port", Duration::from_secs(limit), || {
                known(place).contains("192.0.2.1:8443") && !known(place).contains(":51821")
            })
        };
        let followed = follows(&pc, 20)?;
        println!("measured: another API port | followed after {} ms", followed.as_millis());
        std::thread::sleep(Duration::from_secs(1));
        late.link.set_connected(true)?;
        follows(&late, 40)?;
        pc.node.wait_for("up", Duration::from_secs(20))?;
        let again = deployment.node("again", "kofu/306", "endpoint")?;
        assert!(known(&again).contains(":8443"));
        // And the channel that tells of a revocation is there.
        deployment.hq.admin(&["node", "revoke", "pc", "--yes"])?;
        pc.node.wait_for("revoked", Duration::from_secs(5))?;
        Ok(())
    });
}

#[test]
fn a_lease_past_its_half_is_renewed_over_the_channel_within_seconds() {
    inside("lease::a_lease_past_its_half_is_renewed_over_the_channel_within_seconds", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let clock = Shifted::build(lab)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let first = until_when(&pc)?;
        // Half of its time has passed while headquarters slept; then it comes back from a wrong month.
        for days in [16, 0] {
            let before = until_when(&pc)?;
            restart(&mut deployment, &clock, days)?;
            let start = Instant::now();
            until("another lease", Duration::from_secs(20), || {
                until_when(&pc).is_ok_and(|now| !now.is_empty() && now != before)
            })?;
            println!(
                "measured: headquarters {days} days ahead: a new lease after {:.1} s",
                start.elapsed().as_secs_f64()
            );
            assert!(pc.host.pings(deployment.hq.socket(false, 0)?.ip(), 2)?);
        }
        assert_eq!(first[..10], until_when(&pc)?[..10], "by the right clock again");
        // Nothing of it needed another session, address or start.
        assert!(!warned(&pc, "lease-over") && !warned(&pc, "lease-grace"));
        Ok(())
    });
}

#[test]
fn a_lease_that_ended_is_borne_through_its_grace_and_no_longer() {
    inside("lease::a_lease_that_ended_is_borne_through_its_grace_and_no_longer", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let clock = Shifted::build(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let hq = deployment.hq.socket(false, 0)?.ip();
        // Nobody at headquarters answers for leases; its data plane goes on.
        let silence = "table inet silence { chain input { type filter hook input priority -10; tcp dport 51821 drop; }; }";
        deployment.hq.host.run("nft", ["-f", "-"], silence, LIMIT)?.must()?;
        for (days, warning, carried) in
            [(29, None, true), (35, Some("lease-grace"), true), (45, Some("lease-over"), false)]
        {
            if let Some(daemon) = &mut pc.node.daemon {
                daemon.stop(Duration::from_secs(6))?;
            }
            let mut up = deployment.program.command(&pc.host, &["-v", "up"]);
            clock.later(&mut up, days);
            pc.node.daemon = Some(pc.host.spawn(&format!("up-in-{days}-days"), &mut up)?);
            until("the daemon's answer", Duration::from_secs(10), || {
                pc.node.status().is_ok_and(|status| status["interface"] == "hn0")
            })?;
            if let Some(code) = warning {
                until(code, Duration::from_secs(10), || warned(&pc, code))?;
            }
            let reached = (0..10).any(|_| pc.host.pings(hq, 1).unwrap_or(false));
            assert_eq!(reached, carried, "{days} days after it was granted: {}", pc.node.status()?);
        }
        // Headquarters speaks again, outside the tunnel: its clock is learnt, and the lease was never over.
        deployment.hq.host.sh("nft delete table inet silence")?;
        let start = Instant::now();
        until("an answer inside the tunnel", Duration::from_secs(90), || {
            pc.host.pings(hq, 1).unwrap_or(false)
        })?;
        println!(
            "measured: a node with a clock 45 days ahead carries again {:.1} s after the API is back",
            start.elapsed().as_secs_f64()
        );
        pc.node.wait_for("up", Duration::from_secs(30))?;
        assert!(!warned(&pc, "lease-over") && warned(&pc, "clock-wrong"));
        Ok(())
    });
}
