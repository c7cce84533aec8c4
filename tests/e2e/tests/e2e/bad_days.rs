//! Bad days: what happened, why, what to do, and the exit status that the interface promises.

use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Headquarters, Output, Program, Result, inside};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

/// An error on the record: its status, and a document with all four parts.
#[track_caller]
fn assert_error(output: &Output, status: i32) {
    assert_eq!(output.code(), Some(status), "{output:?}");
    let document: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"));
    assert_eq!(document["schema"], "hanare.error/1", "{document}");
    for part in ["code", "text", "cause", "fix"] {
        assert!(document[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {document}");
    }
}

#[test]
fn headquarters_refuses_what_it_cannot_do() {
    inside("bad_days::headquarters_refuses_what_it_cannot_do", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let init = ["--json", "hq", "init", "--company", "aoba", "--endpoint", "192.0.2.1:51820"];
        program.run(&host, &init)?;
        assert_error(&program.attempt(&host, &init, "")?, 6);
        assert_error(&program.attempt(&host, &["--json", "hq", "status"], "")?, 5);
        assert_error(
            &program.attempt(&host, &["--json", "room", "add", "Kofu", "--company", "aoba"], "")?,
            2,
        );
        // The port is in use.
        let blocker = host.within(|| std::net::UdpSocket::bind("[::]:51820"))?.unwrap();
        assert_error(&program.attempt(&host, &["--json", "hq", "serve"], "")?, 4);
        drop(blocker);
        // An interface name that is too long, and one that is taken.
        assert_error(
            &program.attempt(
                &host,
                &["--json", "hq", "serve", "--interface", "a-name-that-is-too-long"],
                "",
            )?,
            3,
        );
        host.sh("ip link add taken type bridge")?;
        assert_error(&program.attempt(&host, &["--json", "hq", "serve", "--interface", "taken"], "")?, 4);
        // A database from the future.
        let database = host.directory().join("state/hq.sqlite3");
        assert!(database.exists());
        std::fs::write(&database, b"this is not a database, it is a text that is long enough").unwrap();
        let corrupt = program.attempt(&host, &["--json", "hq", "serve"], "")?;
        assert!(matches!(corrupt.code(), Some(3 | 4)), "{corrupt:?}");
        Ok(())
    });
}

#[test]
fn an_acknowledged_command_survives_kill_9() {
    inside("bad_days::an_acknowledged_command_survives_kill_9", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let mut hq = Headquarters::open(
            &host,
            &program,
            &["--company", "aoba", "--endpoint", "192.0.2.1:51820"],
            &[],
        )?;
        for round in 0..5 {
            hq.admin(&["room", "add", &format!("kofu/{round}"), "--company", "aoba"])?;
            hq.daemon.kill()?;
            hq.start_again()?;
            let rooms = hq.ask(&["room", "list"])?.to_string();
            assert!(rooms.contains(&format!("kofu/{round}")), "{rooms}");
        }
        Ok(())
    });
}

#[test]
fn a_duplicate_or_an_overlap_is_refused() {
    inside("bad_days::a_duplicate_or_an_overlap_is_refused", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let attempt = |arguments: &[&str]| -> Result<Output> {
            deployment.program.attempt(&deployment.hq.host, &[&["--json"], arguments].concat(), "")
        };
        attempt(&["company", "add", "aoba"])?.must()?;
        assert_error(&attempt(&["room", "add", "kofu/306", "--company", "midori"])?, 3);
        attempt(&["room", "add", "kofu/400", "--company", "aoba", "--prefix", "10.88.200.0/24"])?.must()?;
        assert_error(
            &attempt(&["room", "add", "kofu/401", "--company", "aoba", "--prefix", "10.88.200.0/25"])?,
            3,
        );
        assert_error(&attempt(&["invite", "kofu/999", "--kind", "endpoint"])?, 3);
        assert_error(&attempt(&["node", "revoke", "nobody"])?, 2);
        Ok(())
    });
}

#[test]
fn a_node_says_what_it_lacks() {
    inside("bad_days::a_node_says_what_it_lacks", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        assert_error(&program.attempt(&pc.host, &["--json", "up"], "")?, 4);
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        assert_error(
            &program.attempt(&pc.host, &["--json", "up", "--interface", "a-name-that-is-too-long"], "")?,
            3,
        );
        // Without CAP_NET_ADMIN.
        let mut command = pc.host.command("setpriv");
        command.args(["--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]).arg(program.path());
        command.args(["--json", "--state"]).arg(pc.host.directory().join("state")).args([
            "--runtime",
            "/run/hanare",
            "up",
        ]);
        assert_error(&hanare_lab::run(&mut command, "", LIMIT)?, 4);
        pc.node.up(&[])?;
        // Two at once.
        assert_error(&program.attempt(&pc.host, &["--json", "up", "--interface", "hn1"], "")?, 4);
        assert!(pc.host.pings(deployment.hq.addresses[0], 2)?, "the first one notices nothing");
        Ok(())
    });
}

#[test]
fn sigterm_ends_both_sides_at_once_and_cleanly() {
    inside("bad_days::sigterm_ends_both_sides_at_once_and_cleanly", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let status = pc.node.daemon.as_mut().unwrap().stop(Duration::from_secs(5))?;
        assert!(status.success(), "up: {status}");
        assert!(!pc.host.attempt("ip link show hn0")?.good(), "its interface is gone");
        assert!(pc.host.sh("nft list tables")?.stdout.contains("hanare"), "its kill switch is not");
        let status = deployment.hq.daemon.stop(Duration::from_secs(5))?;
        assert!(status.success(), "serve: {status}");
        assert!(!deployment.hq.host.attempt("ip link show hnhq0")?.good());
        Ok(())
    });
}
