//! `leave` tells headquarters, if it can, and never waits long for it.

use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Result, inside, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

fn shown(deployment: &Deployment<'_>, name: &str) -> Result<Value> {
    deployment.hq.ask(&["node", "show", name])
}

/// Leaves, and says what the command answered and how long it took.
fn leave(deployment: &Deployment<'_>, place: &Place) -> Result<(Value, Duration)> {
    let started = Instant::now();
    let output = deployment.program.attempt(&place.host, &["--json", "leave", "--yes"], "")?;
    assert_eq!(output.code(), Some(0), "{output:?}");
    Ok((output.json()?, started.elapsed()))
}

fn has_left(deployment: &Deployment<'_>, name: &str) -> Result<()> {
    assert_eq!(shown(deployment, name)?["state"], "left");
    let ledger = deployment.hq.admin(&["--json", "ledger", "list"])?.stdout;
    assert!(ledger.contains("node.left") && ledger.contains(&format!("node {name}")), "{ledger}");
    Ok(())
}

#[test]
fn headquarters_hears_of_a_node_that_leaves_and_forgets_its_key() {
    inside("leaving::headquarters_hears_of_a_node_that_leaves_and_forgets_its_key", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        let mut pc = deployment.place("pc")?;
        pc.node.join(&invite)?.must()?;
        pc.node.up(&[])?;
        let before = shown(&deployment, "pc")?;
        let key = before["public_key"].as_str().unwrap().to_owned();
        let peers = |deployment: &Deployment<'_>| {
            deployment.hq.host.sh("wg show hnhq0 peers").map(|output| output.stdout)
        };
        assert!(peers(&deployment)?.contains(&key));

        let (answer, took) = leave(&deployment, &pc)?;
        assert_eq!(answer["headquarters_told"], true, "{answer}");
        println!("measured: leave | told | {} ms", took.as_millis());
        has_left(&deployment, "pc")?;
        until("the peer's end", Duration::from_secs(3), || {
            peers(&deployment).is_ok_and(|peers| !peers.contains(&key))
        })?;

        // The invite was this machine's once, and its keys are gone: only a new one lets it in, under other addresses.
        let again = pc.node.join(&invite)?;
        assert_eq!(again.code(), Some(6), "{again:?}");
        deployment.program.run(&pc.host, &["leave", "--yes"])?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        pc.node.up(&[])?;
        let after = shown(&deployment, "pc")?;
        assert_eq!(after["state"], "enrolled");
        let addresses = |node: &Value| node["addresses"].as_array().cloned().unwrap_or_default();
        assert!(addresses(&before).iter().all(|old| !addresses(&after).contains(old)), "{before} {after}");
        assert_ne!(after["public_key"], before["public_key"]);

        // The daemon is gone, the kill switch closed: the API outside is told.
        if let Some(daemon) = &mut pc.node.daemon {
            daemon.kill()?;
        }
        let (answer, took) = leave(&deployment, &pc)?;
        assert_eq!(answer["headquarters_told"], true, "{answer}");
        println!("measured: leave | told without a daemon | {} ms", took.as_millis());
        has_left(&deployment, "pc")?;
        // Nothing more to leave.
        let (answer, _) = leave(&deployment, &pc)?;
        assert_eq!(answer["headquarters_told"], Value::Null, "{answer}");
        Ok(())
    });
}

#[test]
fn a_node_leaves_without_headquarters_and_says_so() {
    inside("leaving::a_node_leaves_without_headquarters_and_says_so", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let dark = deployment.node("dark", "kofu/306", "endpoint")?;
        let mut mute = deployment.place("mute")?;
        mute.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        let mut dead = deployment.node("dead", "kofu/306", "endpoint")?;
        if let Some(daemon) = &mut dead.node.daemon {
            daemon.kill()?;
        }
        // A network that swallows everything: the slowest way not to answer.
        deployment.hq_link.set_connected(false)?;
        for (place, way) in [(&dark, "with a daemon"), (&dead, "without")] {
            let (answer, took) = leave(&deployment, place)?;
            println!("measured: leave | nobody answers, {way} | {} ms", took.as_millis());
            assert_eq!(
                (&answer["left"], &answer["headquarters_told"]),
                (&true.into(), &false.into()),
                "{answer}"
            );
            assert!(took < Duration::from_secs(12), "{took:?}");
            assert!(
                !place.host.sh("nft list tables")?.stdout.contains("hanare"),
                "the machine is given back"
            );
        }
        // And to a person it is said.
        let plain = deployment.program.attempt(&mute.host, &["leave", "--yes"], "")?;
        assert_eq!(plain.code(), Some(0));
        assert!(plain.stderr.contains("could not be told"), "{plain:?}");
        deployment.hq_link.set_connected(true)?;
        assert_eq!(shown(&deployment, "dark")?["state"], "enrolled");
        // The admin's way is there as before.
        deployment.hq.admin(&["node", "revoke", "dark", "--yes"])?;
        assert_eq!(shown(&deployment, "dark")?["state"], "revoked");
        Ok(())
    });
}
