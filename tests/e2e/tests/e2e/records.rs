//! Whoever opens a kill switch is on headquarters' ledger, also if headquarters was away, with the line that the node signed.

use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Result, inside, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

/// Unlocks by the nodes that headquarters' ledger holds, oldest first.
fn unlocks(deployment: &Deployment<'_>) -> Result<Vec<Value>> {
    let ledger = deployment.hq.ask(&["ledger", "list"])?;
    let entries = ledger["records"].as_array().cloned().unwrap_or_default();
    Ok(entries.into_iter().filter(|entry| entry["kind"] == "node.unlocked").collect())
}

fn reasons(unlocks: &[Value]) -> Vec<&str> {
    unlocks.iter().filter_map(|entry| entry["data"]["reason"].as_str()).collect()
}

fn unlock(deployment: &Deployment<'_>, place: &Place, reason: &str) -> Result<()> {
    let words = ["unlock", "--reason", reason, "--for", "1s"];
    deployment.program.run(&place.host, &words).map(drop)
}

fn leave(deployment: &Deployment<'_>, place: &Place) -> Result<Value> {
    deployment.program.attempt(&place.host, &["--json", "leave", "--yes"], "")?.json()
}

/// Waits until headquarters has all of them.
fn wait_for(deployment: &Deployment<'_>, expected: &[&str]) -> Result<Vec<Value>> {
    let waited = until("the unlocks at headquarters", Duration::from_secs(40), || {
        unlocks(deployment).is_ok_and(|unlocks| unlocks.len() >= expected.len())
    });
    let found = unlocks(deployment)?;
    assert_eq!(reasons(&found), expected, "{waited:?}");
    Ok(found)
}

#[test]
fn an_unlock_reaches_headquarters_whenever_it_was_made() {
    inside("records::an_unlock_reaches_headquarters_whenever_it_was_made", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        unlock(&deployment, &pc, "portal")?;
        let found = wait_for(&deployment, &["portal"])?;
        assert_eq!((&found[0]["subject"], &found[0]["data"]["by"]), (&"pc".into(), &"uid 0".into()));
        assert_eq!(found[0]["data"]["seconds"], 1);
        let own = pc.host.directory().join("state/node/ledger.jsonl");
        let signed = std::fs::read_to_string(&own).unwrap();
        assert_eq!(found[0]["data"]["record"].as_str(), Some(signed.trim_end()), "byte for byte");

        // Headquarters is away, and so is the daemon that knew of it.
        deployment.hq_link.set_connected(false)?;
        unlock(&deployment, &pc, "away")?;
        if let Some(daemon) = &mut pc.node.daemon {
            daemon.kill()?;
        }
        deployment.hq_link.set_connected(true)?;
        pc.node.up(&[])?;
        wait_for(&deployment, &["portal", "away"])?;

        // It leaves before its next look at the clock.
        unlock(&deployment, &pc, "last")?;
        deployment.program.run(&pc.host, &["leave", "--yes"])?;
        wait_for(&deployment, &["portal", "away", "last"])?;
        assert!(!own.exists());

        // And without a daemon, past the tunnel.
        let pc2 = deployment.node("pc2", "kofu/306", "endpoint")?;
        deployment.hq_link.set_connected(false)?;
        unlock(&deployment, &pc2, "unheard")?;
        let Place { mut node, host, .. } = pc2;
        if let Some(daemon) = &mut node.daemon {
            daemon.kill()?;
        }
        deployment.hq_link.set_connected(true)?;
        deployment.program.run(&host, &["leave", "--yes"])?;
        wait_for(&deployment, &["portal", "away", "last", "unheard"])?;
        Ok(())
    });
}

#[test]
fn root_unlocks_on_the_record_without_a_daemon() {
    inside("records::root_unlocks_on_the_record_without_a_daemon", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        deployment.program.run(&pc.host, &["down"])?;
        let (host, program) = (pc.host.clone(), deployment.program.clone());
        let neighbour = deployment.hq_link.host.clone();
        let reaches = || -> Result<bool> {
            let server = neighbour.within(|| std::net::TcpListener::bind("192.0.2.1:80"))?.unwrap();
            let reached = host.connects("192.0.2.1:80".parse().unwrap());
            drop(server);
            reached
        };
        assert!(!reaches()?, "locked");
        for wrong in [["--reason", " ", "--for", "1m"], ["--reason", "x", "--for", "31m"]] {
            let refused = program.attempt(&host, &[&["unlock"], &wrong[..]].concat(), "")?;
            assert_eq!(refused.code(), Some(3), "{refused:?}");
        }
        // Nobody but root: a local account cannot do without the daemon.
        let mut person = host.command("setpriv");
        person.args(["--reuid", "1234", "--regid", "1234", "--clear-groups"]).arg(program.path());
        person.args(["--json", "--runtime", "/run/hanare", "--state"]).arg(host.directory().join("state"));
        person.args(["unlock", "--reason", "x", "--for", "1m"]);
        hanare_e2e::Refusal(4, "node-not-running").read(&hanare_lab::run(&mut person, "", LIMIT)?);
        assert!(!reaches()?, "still locked");

        program.run(&host, &["unlock", "--reason", "no daemon", "--for", "3s"])?;
        assert!(reaches()?, "root's own programs are the system's");
        assert_eq!(pc.node.status()?["kill_switch"], "unlocked");
        until("the end of the unlock", Duration::from_secs(10), || reaches().is_ok_and(|reached| !reached))?;
        pc.node.up(&[])?;
        wait_for(&deployment, &["no daemon"]).map(drop)
    });
}

#[test]
fn what_does_not_arrive_is_counted_when_a_node_leaves() {
    inside("records::what_does_not_arrive_is_counted_when_a_node_leaves", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let (pc, mut rotten) = (
            deployment.node("pc", "kofu/306", "endpoint")?,
            deployment.node("rotten", "kofu/306", "endpoint")?,
        );
        unlock(&deployment, &pc, "heard")?;
        wait_for(&deployment, &["heard"])?;
        // Who may gain no privileges may not have the machine back, and headquarters is not told that they tried.
        let mut confined = pc.host.command("setpriv");
        confined.arg("--no-new-privs").arg(deployment.program.path());
        confined
            .args(["--json", "--runtime", "/run/hanare", "--state"])
            .arg(pc.host.directory().join("state"));
        let refused = hanare_lab::run(confined.args(["leave", "--yes"]), "", LIMIT)?;
        hanare_e2e::Refusal(6, "hands-refused").read(&refused);
        assert_eq!(deployment.hq.ask(&["node", "show", "pc"])?["state"], "enrolled");
        deployment.until_it_pings(&pc.host, Duration::from_secs(5))?;

        deployment.hq_link.set_connected(false)?;
        for (place, reason) in [(&pc, "one"), (&pc, "two"), (&rotten, "rotten")] {
            unlock(&deployment, place, reason)?;
        }
        let left = leave(&deployment, &pc)?;
        assert_eq!(
            (&left["headquarters_told"], &left["records_missing"]),
            (&false.into(), &2.into()),
            "{left}"
        );

        // What rotted on the disk is not what was signed.
        if let Some(daemon) = &mut rotten.node.daemon {
            daemon.kill()?;
        }
        let own = rotten.host.directory().join("state/node/ledger.jsonl");
        let text = std::fs::read_to_string(&own).unwrap();
        std::fs::write(&own, text.replace("\"rotten\"", "\"rotteN\"")).unwrap();
        deployment.hq_link.set_connected(true)?;
        let left = leave(&deployment, &rotten)?;
        assert_eq!(
            (&left["headquarters_told"], &left["records_missing"]),
            (&true.into(), &1.into()),
            "{left}"
        );
        let ledger = deployment.hq.ask(&["ledger", "list"])?;
        let lost =
            ledger["records"].as_array().into_iter().flatten().find(|entry| entry["kind"] == "records.lost");
        assert_eq!(lost.map(|entry| &entry["data"]["missing"]), Some(&1.into()), "{ledger}");
        // Of a ledger whose end is no record it is known how many there were, and how many headquarters holds.
        let mut torn = deployment.node("torn", "kofu/306", "endpoint")?;
        unlock(&deployment, &torn, "whole")?;
        wait_for(&deployment, &["heard", "whole"])?;
        deployment.hq_link.set_connected(false)?;
        unlock(&deployment, &torn, "torn")?;
        if let Some(daemon) = &mut torn.node.daemon {
            daemon.kill()?;
        }
        let own = torn.host.directory().join("state/node/ledger.jsonl");
        let text = std::fs::read_to_string(&own).unwrap();
        let torn_line = text.lines().last().unwrap();
        std::fs::write(&own, text.replace(torn_line, &torn_line.replace('{', "x"))).unwrap();
        deployment.hq_link.set_connected(true)?;
        let left = leave(&deployment, &torn)?;
        assert_eq!(
            (&left["headquarters_told"], &left["records_missing"]),
            (&true.into(), &1.into()),
            "{left}"
        );
        Ok(())
    });
}

#[test]
fn a_revoked_node_still_says_what_it_has_on_record() {
    inside("records::a_revoked_node_still_says_what_it_has_on_record", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        deployment.hq_link.set_connected(false)?;
        unlock(&deployment, &pc, "unheard")?;
        deployment.hq.admin(&["node", "revoke", "pc", "--yes"])?;
        deployment.hq_link.set_connected(true)?;
        pc.node.wait_for("revoked", Duration::from_mins(1))?;
        wait_for(&deployment, &["unheard"]).map(drop)
    });
}

#[test]
fn a_backlog_beyond_what_is_taken_at_once_arrives() {
    inside("records::a_backlog_beyond_what_is_taken_at_once_arrives", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        deployment.program.run(&pc.host, &["down"])?;
        // Headquarters takes 400 of one node, and then one in five seconds.
        let reasons: Vec<String> = (0..410).map(|number| number.to_string()).collect();
        for reason in &reasons {
            unlock(&deployment, &pc, reason)?;
        }
        pc.node.up(&[])?;
        let begun = std::time::Instant::now();
        until("all of them at headquarters", Duration::from_mins(2), || {
            std::thread::sleep(Duration::from_secs(1));
            unlocks(&deployment).is_ok_and(|unlocks| unlocks.len() >= reasons.len())
        })?;
        let said = pc.node.daemon.as_ref().map(hanare_lab::Daemon::said).unwrap_or_default();
        assert!(said.contains("did not take this node's records"), "headquarters never said to wait: {said}");
        println!("measured: 410 records arrived {} s after `up`", begun.elapsed().as_secs());
        assert_eq!(super::records::reasons(&unlocks(&deployment)?), reasons);
        Ok(())
    });
}
