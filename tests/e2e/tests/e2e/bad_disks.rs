//! Headquarters' disk and database on bad days: refused, nothing half-written, and good again afterwards.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal, Stranger};
use hanare_lab::{Headquarters, Host, Lab, Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(4);
const INIT: [&str; 4] = ["--company", "aoba", "--endpoint", "192.0.2.1:51820"];

#[test]
fn a_full_disk_refuses_and_headquarters_goes_on() {
    inside("bad_disks::a_full_disk_refuses_and_headquarters_goes_on", LIMIT, |lab| {
        let program = Program::built()?;
        let segment = lab.segment("net")?;
        let (host, pc) = (lab.host("hq")?, lab.host("pc")?);
        lab.plug(&host, &segment, "eth0", &["192.0.2.1/24"])?;
        lab.plug(&pc, &segment, "eth0", &["192.0.2.10/24"])?;
        let state = host.directory().join("state");
        let state = state.to_string_lossy();
        host.sh(&format!("mount -t tmpfs -o size=3m hanare {state}"))?;
        let hq = Headquarters::open(&host, &program, &INIT, &[])?;
        hq.admin(&["room", "add", "kofu/1", "--company", "aoba"])?;
        let invite = hq.invite("kofu/1", "endpoint", "pc")?;
        let before = records(&hq)?;
        fill(&host, &state)?;
        let add = ["room", "add", "kofu/2", "--company", "aoba"];
        for _ in 0..3 {
            Refusal(4, "disk-full").of(&program, &host, &add, "")?;
        }
        // A node is told that headquarters cannot answer now: nobody refused it, and its invite stays good.
        let join = program.attempt(&pc, &["--json", "join", "-"], &invite)?;
        Refusal(5, "unreachable").read(&join);
        hq.ask(&["hq", "status"])?;
        assert!(!hq.ask(&["room", "list"])?.to_string().contains("kofu/2"), "nothing of it is there");
        host.sh(&format!("rm {state}/fill"))?;
        hq.admin(&add)?;
        program.attempt(&pc, &["join", "-"], &invite)?.must()?;
        assert_eq!(records(&hq)?, before + 2, "one record for the room, one for the node");
        assert_eq!(
            program.attempt(&host, &["ledger", "verify"], "")?.code(),
            Some(7),
            "whole, by its own key"
        );
        Ok(())
    });
}

fn records(hq: &Headquarters) -> Result<usize> {
    Ok(hq.ask(&["ledger", "list"])?["records"].as_array().unwrap().len())
}

/// Fills the disk to its last block.
fn fill(host: &Host, state: &str) -> Result<()> {
    for block in ["64k", "4k", "1"] {
        host.attempt(&format!(
            "dd if=/dev/zero of={state}/fill bs={block} oflag=append conv=notrunc status=none"
        ))?;
    }
    Ok(())
}

#[test]
fn a_disk_that_is_full_from_the_start_leaves_no_half_headquarters() {
    inside("bad_disks::a_disk_that_is_full_from_the_start_leaves_no_half_headquarters", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let state = host.directory().join("state");
        let state = state.to_string_lossy();
        host.sh(&format!("mount -t tmpfs -o size=64k hanare {state}"))?;
        let init = [&["hq", "init"], &INIT[..]].concat();
        let output = program.attempt(&host, &[&["--json"], &init[..]].concat(), "")?;
        assert_eq!(output.code(), Some(4), "{output:?}");
        assert!(!host.attempt(&format!("test -e {state}/hq.sqlite3"))?.good());
        host.sh(&format!("mount -o remount,size=8m {state}"))?;
        program.run(&host, &init).map(drop)
    });
}

fn stopped(lab: &Lab) -> Result<(Host, Program)> {
    let mut deployment = Deployment::open(lab)?;
    deployment.hq.daemon.stop(Duration::from_secs(10))?;
    Ok((deployment.hq.host.clone(), deployment.program.clone()))
}

#[test]
fn a_database_that_somebody_else_holds_is_said_and_waited_for() {
    inside("bad_disks::a_database_that_somebody_else_holds_is_said_and_waited_for", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let (host, program) = (deployment.hq.host.clone(), deployment.program.clone());
        let database = host.directory().join("state/hq.sqlite3");
        let add = ["room", "add", "kofu/2", "--company", "aoba"];
        let holding = Stranger::run(&database, "BEGIN IMMEDIATE")?;
        Refusal(4, "database-locked").of(&program, &host, &add, "")?;
        deployment.hq.ask(&["hq", "status"])?;
        drop(holding);
        deployment.hq.admin(&add)?;
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        let holding = Stranger::run(&database, "BEGIN EXCLUSIVE")?;
        Refusal(4, "database-locked").of(&program, &host, &["hq", "serve"], "")?;
        drop(holding);
        deployment.hq.start_again()
    });
}

#[test]
fn a_damaged_database_is_not_served() {
    inside("bad_disks::a_damaged_database_is_not_served", LIMIT, |lab| {
        let (host, program) = stopped(lab)?;
        let database = host.directory().join("state/hq.sqlite3");
        let good = std::fs::read(&database).unwrap();
        let mut middle = good.clone();
        middle.iter_mut().skip(4096).take(40_000).for_each(|byte| *byte = 0xa5);
        let text =
            b"this is not a database, it is a text that is long enough to be taken for a header of one"
                .to_vec();
        let cut = good[..good.len() / 2].to_vec();
        for bad in [text, middle, cut] {
            std::fs::write(&database, &bad).unwrap();
            Refusal(4, "database-damaged").of(&program, &host, &["hq", "serve"], "")?;
            assert!(std::fs::read(&database).unwrap() == bad, "it is not touched");
        }
        std::fs::write(&database, &good).unwrap();
        Headquarters::open_again(&host, &program).map(drop)
    });
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    inside("bad_disks::a_newer_database_is_refused_and_not_touched", LIMIT, |lab| {
        let (host, program) = stopped(lab)?;
        let database = host.directory().join("state/hq.sqlite3");
        drop(Stranger::run(
            &database,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99990101000000, 'of a later time', 1, x'00', 0)",
        )?);
        let before = std::fs::read(&database).unwrap();
        Refusal(4, "hq-newer").of(&program, &host, &["hq", "serve"], "")?;
        assert_eq!(std::fs::read(&database).unwrap(), before);
        Ok(())
    });
}
