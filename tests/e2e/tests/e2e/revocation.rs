//! A revoked node: its traffic ends at once, and it stays revoked.

use std::time::Duration;

use hanare_e2e::{Deployment, Pinger, now};
use hanare_lab::inside;

const LIMIT: Duration = Duration::from_mins(2);
/// From the admin's command to the last packet.
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
        let asked = now();
        deployment.hq.admin(&["node", "revoke", "stolen", "--reason", "盗難", "--yes"])?;
        std::thread::sleep(Duration::from_secs(5));
        for view in &views {
            let after = view.last().saturating_sub(asked);
            println!("measured: revoke, last answer seen from {} after {} ms", view.from, after.as_millis());
            assert!(after <= PROMISE, "{} still had an answer {after:?} later", view.from);
        }
        assert!(other.host.pings(hq, 3)?, "others notice nothing");
        let took = stolen.node.wait_for("revoked", Duration::from_secs(10))?;
        println!("measured: revoke, status shows revoked {} ms after the wait began", took.as_millis());

        deployment.hq.daemon.kill()?;
        deployment.hq.start_again()?;
        if let Some(daemon) = &mut stolen.node.daemon {
            // It may have ended by itself: it has nothing more to do.
            let _status = daemon.stop(Duration::from_secs(10));
        }
        stolen.node.start(&[])?;
        stolen.node.wait_for("revoked", Duration::from_secs(15))?;
        assert!(!stolen.host.pings(hq, 3)?, "nor does a restart of both sides bring it back");
        let invite = deployment.hq.invite("kofu/306", "endpoint", "again")?;
        assert_ne!(stolen.node.join(&invite)?.code(), Some(0), "its key never comes back");
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        assert!(ledger.contains("revoke") && ledger.contains("盗難"), "{ledger}");
        Ok(())
    });
}
