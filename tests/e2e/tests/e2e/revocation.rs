//! A revoked node: its traffic ends at once, it is told so, and it stays revoked.

use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Pinger, now};
use hanare_lab::inside;

const LIMIT: Duration = Duration::from_mins(3);
/// From the admin's command to the last packet, and to the word on the node's own screen.
const PROMISE: Duration = Duration::from_secs(2);

#[test]
fn traffic_ends_within_two_seconds_and_the_tombstone_outlives_restarts() {
    inside("revocation::traffic_ends_within_two_seconds_and_the_tombstone_outlives_restarts", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut stolen = deployment.node("stolen", "kofu/306", "endpoint")?;
        let other = deployment.node("other", "kofu/306", "endpoint")?;
        let hq = deployment.hq.socket(false, 0)?.ip();
        let views = [
            Pinger::start(&stolen.host, hq)?,
            Pinger::start(&deployment.hq.host, stolen.node.socket(false, 0)?.ip())?,
            Pinger::start(&stolen.host, deployment.hq.socket(true, 0)?.ip())?,
        ];
        let (asked, clock) = (now(), Instant::now());
        let revoked = deployment.hq.ask(&["node", "revoke", "stolen", "--reason", "盗難", "--yes"])?;
        let answered = clock.elapsed();
        stolen.node.wait_for("revoked", Duration::from_secs(30))?;
        let shown = clock.elapsed();
        println!(
            "measured: revoke, answered after {} ms, acknowledged {}, status shows revoked after {} ms",
            answered.as_millis(),
            revoked["acknowledged"],
            shown.as_millis()
        );
        assert_eq!(revoked["acknowledged"], true, "the node had the notice through the tunnel: {revoked}");
        assert!(shown <= PROMISE, "{shown:?}");
        std::thread::sleep(Duration::from_secs(4));
        for view in &views {
            let after = view.last().saturating_sub(asked);
            println!("measured: revoke, last answer seen from {} after {} ms", view.from, after.as_millis());
            assert!(after <= PROMISE, "{} still had an answer {after:?} later", view.from);
        }
        assert!(other.host.pings(hq, 3)?, "others notice nothing");

        deployment.hq.daemon.kill()?;
        deployment.hq.start_again()?;
        if let Some(daemon) = &mut stolen.node.daemon {
            daemon.stop(Duration::from_secs(10))?;
        }
        let again = stolen.node.program.attempt(&stolen.host, &["--json", "up"], "")?;
        assert_eq!(again.code(), Some(6), "{again:?}");
        assert_eq!(again.json()?["code"], "revoked");
        stolen.node.wait_for("revoked", Duration::from_secs(1))?;
        assert!(!stolen.host.pings(hq, 3)?, "nor does a restart of both sides bring it back");
        let invite = deployment.hq.invite("kofu/306", "endpoint", "again")?;
        assert_eq!(stolen.node.join(&invite)?.code(), Some(6), "its key never comes back");
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        assert!(ledger.contains("revoke") && ledger.contains("盗難"), "{ledger}");
        Ok(())
    });
}

#[test]
fn without_a_tunnel_the_public_api_tells_it() {
    inside("revocation::without_a_tunnel_the_public_api_tells_it", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut stolen = deployment.node("stolen", "kofu/306", "endpoint")?;
        let mut asleep = deployment.node("asleep", "kofu/306", "endpoint")?;
        if let Some(daemon) = &mut asleep.node.daemon {
            daemon.stop(Duration::from_secs(10))?;
        }
        // The tunnel's datagrams are lost; TCP to the API is not.
        let filter = "table inet lossy { chain in { type filter hook input priority -10; udp dport 51820 drop; }; \
                      chain out { type filter hook output priority -10; udp sport 51820 drop; }; }";
        deployment.hq.host.run("nft", ["-f", "-"], filter, LIMIT)?.must()?;
        let clock = Instant::now();
        for name in ["stolen", "asleep"] {
            let revoked = deployment.hq.ask(&["node", "revoke", name, "--yes"])?;
            assert_eq!(revoked["acknowledged"], false, "{revoked}");
        }
        assert!(clock.elapsed() < Duration::from_secs(5), "an admin does not wait for a stolen PC");
        stolen.node.wait_for("revoked", Duration::from_mins(1))?;
        println!("measured: revoke without a tunnel, shown after {} s", clock.elapsed().as_secs());
        // One that was switched off hears it when it comes back.
        let clock = Instant::now();
        asleep.node.start(&[])?;
        asleep.node.wait_for("revoked", Duration::from_mins(1))?;
        println!("measured: revoked while it was off, shown {} s after `up`", clock.elapsed().as_secs());
        if let Some(daemon) = &mut asleep.node.daemon {
            daemon.stop(Duration::from_secs(10))?;
        }
        asleep.node.wait_for("revoked", Duration::from_secs(1))?;
        Ok(())
    });
}
