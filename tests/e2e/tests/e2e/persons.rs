//! Persons open their work from a real room, through the tunnel, and nobody else does.

use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Place, Refusal};
use hanare_lab::{Host, Result, inside, until};
use serde_json::Value;

use crate::kept_desk::{Desk, SOON, alone, held};
use crate::person::{add, open};

const LIMIT: Duration = Duration::from_mins(5);
const PASSWORD: &str = "correct horse battery";
const TEMPORARY_GROUPS: usize = 4;

fn work(deployment: &Deployment<'_>, at: &Place) -> Result<(Option<i32>, Value)> {
    let output = deployment.program.attempt(&at.host, &["--json", "work", "status"], "")?;
    Ok((output.code(), output.json()?))
}

fn state(deployment: &Deployment<'_>, at: &Place) -> Result<String> {
    Ok(work(deployment, at)?.1["state"].as_str().unwrap_or_default().to_owned())
}

fn reasons(deployment: &Deployment<'_>, kind: &str, field: &str) -> Result<Vec<String>> {
    let ledger = deployment.hq.ask(&["ledger", "list"])?;
    let records = ledger["records"].as_array().cloned().unwrap_or_default();
    let told = records.iter().filter(|record| record["kind"] == kind);
    Ok(told.map(|record| record["data"][field].as_str().unwrap_or_default().to_owned()).collect())
}

/// A line on the control socket, as a program of root's sends it.
fn control(host: &Host, as_user: &str, line: &str) -> Result<String> {
    let script = format!("echo '{line}' | socat -t 5 - UNIX-CONNECT:/run/hanare/node.sock");
    let mut command = host.command("setpriv");
    command.args(["--reuid", as_user, "--regid", as_user, "--clear-groups", "sh", "-c", &script]);
    hanare_lab::run(&mut command, "", Duration::from_secs(20)).map(|output| output.stdout)
}

#[test]
fn a_person_opens_their_work_and_every_wrong_proof_is_refused() {
    inside("persons::a_person_opens_their_work_and_every_wrong_proof_is_refused", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let before = deployment.hq.daemon.memory();
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        assert_eq!(hanako.temporary.split('-').count(), TEMPORARY_GROUPS);
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let other = deployment.node("other", "gujo/101", "endpoint")?;
        assert_eq!(work(&deployment, &pc)?.0, Some(1));

        let code = hanako.phone.code();
        let temporary = hanako.temporary.clone();
        Refusal(6, "work-must-change").read(&open(&deployment, &pc, &["hanako", &temporary, &code])?);
        let fresh = ["hanako", &temporary, &code, "short"];
        Refusal(3, "work-password").read(&open(&deployment, &pc, &fresh)?);
        let opened = open(&deployment, &pc, &["hanako", &temporary, &code, PASSWORD])?.must()?.json()?;
        assert_eq!((opened["state"].as_str(), opened["person"].as_str()), (Some("open"), Some("hanako")));
        let (exit, status) = work(&deployment, &pc)?;
        assert_eq!(
            (exit, &status["name"], &status["locked_until"]),
            (Some(0), &"山田 花子".into(), &Value::Null)
        );
        let persons = deployment.hq.ask(&["person", "list"])?;
        assert_eq!(persons["persons"][0]["open"][0], "pc", "{persons}");

        // The session is in the daemon's memory, for root, and nowhere else.
        let token = control(&pc.host, "0", "{\"verb\":\"work-today\"}")?;
        let token: Value = serde_json::from_str(&token).unwrap();
        let token = token["today"]["open"]["token"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 64);
        let refused = control(&pc.host, "65534", "{\"verb\":\"work-today\"}")?;
        assert!(refused.contains("forbidden"), "{refused}");
        let places =
            [pc.host.directory(), deployment.hq.host.directory()].map(|path| path.display().to_string());
        for place in places {
            for secret in [token.as_str(), PASSWORD, &temporary] {
                let found = pc.host.run("grep", ["-rl", secret, &place], "", Duration::from_secs(20))?;
                assert_eq!(found.stdout, "", "{secret}");
            }
        }

        // One word for all of these; the ledger knows better.
        let used = hanako.phone.last();
        Refusal(6, "work-proof").read(&open(&deployment, &pc, &["hanako", PASSWORD, &used])?);
        let code = hanako.phone.code();
        let wrong = [
            (&pc, ["hanako", "wrong horse battery", &code]),
            (&pc, ["hanako", PASSWORD, "abcdef"]),
            (&pc, ["nobody", PASSWORD, &code]),
            (&other, ["hanako", PASSWORD, &code]),
        ];
        let mut said = Vec::new();
        for (place, lines) in wrong {
            said.push(Refusal(6, "work-proof").read(&open(&deployment, place, &lines)?));
        }
        assert!(said.iter().all(|document| *document == said[0]), "{said:?}");
        let expected = [
            "must-change",
            "password-unfit",
            "used-code",
            "wrong-password",
            "wrong-code",
            "unknown-person",
            "other-company",
        ];
        assert_eq!(reasons(&deployment, "work.refused", "why")?, expected);
        assert_eq!(state(&deployment, &pc)?, "open", "what is open stays open");

        // Three were hers on this machine; two more lock it, also for the right proof. A reset is the way back.
        // No agent is there that could say what is at headquarters.
        Refusal(7, "work-close-unseen").of(&deployment.program, &pc.host, &["work", "close"], "")?;
        deployment.program.run(&pc.host, &["work", "close", "--abandon"])?;
        assert_eq!(state(&deployment, &pc)?, "closed");
        for _ in 0..2 {
            let lines = ["hanako", "wrong horse battery", &code];
            Refusal(6, "work-proof").read(&open(&deployment, &pc, &lines)?);
        }
        // Ten tries at once are a node's; then one every six seconds.
        std::thread::sleep(Duration::from_secs(7));
        Refusal(6, "work-locked").read(&open(&deployment, &pc, &["hanako", PASSWORD, &code])?);
        assert_eq!(state(&deployment, &pc)?, "locked");
        let reset = deployment.hq.ask(&["person", "reset", "hanako"])?;
        assert_eq!(reset["totp_secret"], Value::Null);
        let temporary = reset["password"].as_str().unwrap();
        std::thread::sleep(Duration::from_secs(7));
        open(&deployment, &pc, &["hanako", temporary, &code, "battery horse correct"])?.must()?;
        assert_eq!(work(&deployment, &pc)?.0, Some(0));

        // Each proof took 19 MiB, and gave them back.
        let (now, peaks) = (deployment.hq.daemon.memory(), deployment.hq.daemon.peaks_of_memory());
        println!(
            "measured: hq serve | {} KiB before, {} KiB after all proofs, peaks {peaks:?}",
            before / 1024,
            now / 1024
        );
        assert!(now < before + (15 << 20), "{before} {now} {peaks:?}");
        Ok(())
    });
}

#[test]
fn on_a_terminal_nobody_reads_along_and_the_tunnels_end_is_the_works() {
    inside("persons::on_a_terminal_nobody_reads_along_and_the_tunnels_end_is_the_works", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let code = hanako.phone.code();
        open(&deployment, &pc, &["hanako", &hanako.temporary.clone(), &code, PASSWORD])?.must()?;

        let code = hanako.phone.code();
        let hanare = deployment.program.command(&pc.host, &["work", "open", "hanako"]);
        let words = std::iter::once(hanare.get_program()).chain(hanare.get_args());
        let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        // What is typed ahead is thrown away: each answer waits for its question.
        let script = format!(
            "(sleep 2; echo 'correct horse battery'; sleep 2; echo {code}; sleep 4) | \
             script --quiet --return --command '{line}' /dev/null"
        );
        let typed = pc.host.run("sh", ["-c", &script], "", Duration::from_secs(40))?.must()?;
        assert!(typed.stdout.contains("Welcome"), "{typed:?}");
        assert!(!typed.stdout.contains("battery") && !typed.stdout.contains(&code), "{typed:?}");
        deployment.program.run(&pc.host, &["down"])?;
        until("headquarters' knowledge of it", Duration::from_secs(10), || {
            reasons(&deployment, "work.closed", "reason").is_ok_and(|told| told == ["next-opening", "closed"])
        })?;
        let persons = deployment.hq.ask(&["person", "list"])?;
        assert_eq!(persons["persons"][0]["open"].as_array().map(Vec::len), Some(0), "{persons}");
        Ok(())
    });
}

#[test]
fn disabling_a_person_closes_their_work_while_they_sit_there() {
    inside("persons::disabling_a_person_closes_their_work_while_they_sit_there", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        add(&deployment, "taro", "aoba")?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let code = hanako.phone.code();
        open(&deployment, &pc, &["hanako", &hanako.temporary.clone(), &code, PASSWORD])?.must()?;

        // A headquarters that is started again knows whose work is open.
        deployment.hq.daemon.kill()?;
        let code = hanako.phone.code();
        let lines = ["hanako", PASSWORD, &code];
        Refusal(5, "work-hq-silent").read(&open(&deployment, &pc, &lines)?);
        deployment.hq.start_again()?;
        deployment.until_it_pings(&pc.host, Duration::from_mins(1))?;
        assert_eq!(deployment.hq.ask(&["person", "list"])?["persons"][0]["open"][0], "pc");
        assert_eq!(state(&deployment, &pc)?, "open");
        // It listens for news again, or it would hear it a moment later.
        until("the events channel", Duration::from_secs(30), || {
            let node = deployment.hq.ask(&["node", "show", "pc"]);
            node.is_ok_and(|node| node["listening"] == true)
        })?;

        let started = Instant::now();
        let ended = deployment.hq.ask(&["person", "disable", "hanako", "--successor", "taro", "--yes"])?;
        until("the end of her work", Duration::from_secs(30), || {
            state(&deployment, &pc).is_ok_and(|state| state == "closed")
        })?;
        println!("measured: disable | closed at the node | {} ms", started.elapsed().as_millis());
        assert_eq!((&ended["closed"][0], &ended["person"]["successor"]), (&"pc".into(), &"taro".into()));
        assert_eq!(reasons(&deployment, "work.closed", "reason")?, ["disabled"]);
        let log = pc.node.daemon.as_ref().map(hanare_lab::Daemon::said).unwrap_or_default();
        assert!(log.contains("headquarters closed this person's work"), "{log}");
        Refusal(6, "work-disabled").read(&open(&deployment, &pc, &lines)?);
        Ok(())
    });
}

/// The same where the agent keeps the volume: her work is not only closed, it is gone from the room.
#[test]
fn disabling_a_person_locks_the_volume_that_they_sit_at() {
    let _alone = alone();
    inside("persons::disabling_a_person_locks_the_volume_that_they_sit_at", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        add(&deployment, "taro", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        assert_eq!(desk.volume()?, "open");
        desk.shell("echo one > one")?;
        until("her work at headquarters", SOON, || held(&deployment).is_ok_and(|held| held == ["one"]))?;
        until("the events channel", SOON, || {
            let node = deployment.hq.ask(&["node", "show", "pc"]);
            node.is_ok_and(|node| node["listening"] == true)
        })?;

        let started = Instant::now();
        deployment.hq.ask(&["person", "disable", "hanako", "--successor", "taro", "--yes"])?;
        until("the end of her work", SOON, || {
            state(&deployment, &desk.place).is_ok_and(|state| state == "closed")
        })?;
        let closed = started.elapsed().as_millis();
        until("a locked volume", SOON, || desk.volume().is_ok_and(|volume| volume == "locked"))?;
        let locked = started.elapsed().as_millis();
        println!("measured: disable | closed at the node {closed} ms | volume locked {locked} ms");
        desk.until_locked("headquarters")?;
        let code = hanako.phone.code();
        Refusal(6, "work-disabled").read(&open(&deployment, &desk.place, &["hanako", PASSWORD, &code])?);
        assert_eq!(desk.volume()?, "locked", "and stays so");
        Ok(())
    });
}

#[test]
fn headquarters_says_no_to_overtime_and_nobody_grants_it_to_themselves_then() {
    let _alone = alone();
    let name = "persons::headquarters_says_no_to_overtime_and_nobody_grants_it_to_themselves_then";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "[day]\nend = \"19:00\"\nlongest_hours = 8\n")?;
        let policy = deployment.hq.host.directory().join("policy.toml");
        std::fs::write(&policy, "version = 1\n[calendar]\novertime_hours = 1\n").unwrap();
        deployment.hq.ask(&["policy", "apply", &policy.display().to_string()])?;
        desk.first(&mut hanako)?;
        let left =
            || desk.ask(&["work", "status"]).map(|status| status["handover"]["ends_in_seconds"].clone());
        until("the day's end", SOON, || left().is_ok_and(|left| left.as_u64() > Some(0)))?;
        let longer = |time: &str| {
            let words = ["--json", "work", "overtime", "--for", time];
            desk.program.attempt(&desk.place.host, &words, "")
        };
        assert_eq!(longer("45m")?.must()?.json()?["seconds"], 2700);
        let before = left()?.as_u64();
        // The machine's own policy would give four hours, and two of them without headquarters.
        Refusal(6, "overtime-enough").read(&longer("30m")?);
        assert!(left()?.as_u64() <= before, "granted all the same");
        assert_eq!(reasons(&deployment, "work.refused", "why")?, ["overtime"]);
        assert_eq!(longer("15m")?.must()?.json()?["seconds"], 900, "what is left of it");
        desk.ask(&["work", "close"]).map(drop)
    });
}

#[test]
fn a_stolen_machine_opens_nothing_and_the_ledger_says_so() {
    inside("persons::a_stolen_machine_opens_nothing_and_the_ledger_says_so", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let code = hanako.phone.code();
        open(&deployment, &pc, &["hanako", &hanako.temporary.clone(), &code, PASSWORD])?.must()?;

        // Its power is cut, and its disk is in another machine.
        if let Some(daemon) = &mut pc.node.daemon {
            daemon.kill()?;
        }
        let mut thief = deployment.place("thief")?;
        let (from, to) = (pc.host.directory().join("state"), thief.host.directory().join("state"));
        let copy = ["-aT", &from.display().to_string(), &to.display().to_string()];
        thief.host.run("cp", copy, "", Duration::from_secs(20))?.must()?;
        thief.node.up(&[])?;
        let session = control(&thief.host, "0", "{\"verb\":\"work-today\"}")?;
        let session: Value = serde_json::from_str(&session).unwrap();
        assert_eq!((&session["reply"], &session["today"]["open"]), (&"work-today".into(), &Value::Null));
        assert_eq!(work(&deployment, &thief)?.0, Some(1));
        for guess in ["password1234", "hanako hanako"] {
            let lines = ["hanako", guess, "000000"];
            Refusal(6, "work-proof").read(&open(&deployment, &thief, &lines)?);
        }
        assert_eq!(reasons(&deployment, "work.refused", "node")?, ["pc", "pc"]);
        deployment.hq.admin(&["node", "revoke", "pc", "--reason", "stolen", "--yes"])?;
        assert_eq!(reasons(&deployment, "work.closed", "reason")?, ["node-gone"]);
        thief.node.wait_for("revoked", Duration::from_secs(20))?;
        let code = hanako.phone.code();
        // Not even with all that she knows.
        Refusal(6, "not-enrolled").read(&open(&deployment, &thief, &["hanako", PASSWORD, &code])?);
        Ok(())
    });
}
