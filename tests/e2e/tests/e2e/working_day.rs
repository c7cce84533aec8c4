//! The agent that owns the day, in a real room: the volume is opened by a person's proof and ended with one receipt that says why.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal, Shifted};
use hanare_lab::{Lab, Result, inside, until};

use crate::kept_desk::{Desk, LIMIT, PASSWORD, SOON, alone, held};
use crate::person::add;

#[test]
fn a_day_is_opened_by_a_person_and_closed_by_them_with_all_that_programs_save_at_its_end() {
    let _alone = alone();
    let name =
        "working_day::a_day_is_opened_by_a_person_and_closed_by_them_with_all_that_programs_save_at_its_end";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?;
        assert_eq!(desk.volume()?, "locked", "nobody has proven themselves");
        desk.first(&mut hanako)?;
        assert_eq!(desk.volume()?, "open");
        // Who may not look into it is not told that nothing is open, or left over.
        let state = desk.place.host.directory().join("state");
        for words in ["volume lock --yes", "volume status", "resume"] {
            let user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
            let hanare =
                format!("{} --state {} wipe {words}", desk.program.path().display(), state.display());
            let told = desk.place.host.run("sh", ["-c", &format!("{user} {hanare}")], "", SOON)?;
            assert_eq!(told.code(), Some(4), "{words}: {} {}", told.stdout, told.stderr);
        }
        let mut saver = desk.saver();
        let started = until("the program's first file at headquarters", SOON, || {
            held(&deployment).is_ok_and(|held| held == ["started"])
        });
        let closed = desk.ask(&["work", "close"]);
        if !closed.as_ref().is_ok_and(|closed| closed["verdict"] == "pass") {
            saver.kill().unwrap();
        }
        let ended = saver.wait().unwrap();
        started?;
        let closed = closed?;
        assert_eq!(closed["verdict"], "pass", "{closed}: {}", desk.agent.as_ref().unwrap().said());
        assert!(ended.success(), "it was not asked to end");
        desk.until_locked("log-out")?;
        assert_eq!(
            held(&deployment)?,
            ["saved", "started"],
            "what was saved at the end is not at headquarters"
        );
        let status = desk.ask(&["work", "status"])?;
        assert_eq!(status["state"], "closed", "{status}");
        let last = &status["handover"]["last"];
        assert_eq!((&last["person"], &last["end"]["lost"]), (&"hanako".into(), &0.into()), "{status}");
        // In the morning it is all there again.
        let code = hanako.phone.code();
        desk.open(&["hanako", PASSWORD, &code])?;
        let back = || desk.shell("cat saved");
        until("the files of yesterday", SOON, || back().is_ok_and(|said| said.contains("last moment")))?;
        // Not left open: what the kernel does with core dumps is the whole machine's.
        desk.ask(&["work", "close"]).map(drop)
    });
}

#[test]
fn whoever_kills_the_agent_opens_no_gap_and_headquarters_word_ends_the_day() {
    let _alone = alone();
    let name = "working_day::whoever_kills_the_agent_opens_no_gap_and_headquarters_word_ends_the_day";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        desk.shell("echo one > one")?;
        desk.agent.as_mut().unwrap().kill()?;
        desk.shell("echo two > two")?;
        deployment.hq.ask(&["person", "disable", "hanako", "--yes"])?;
        desk.start(|_| {})?;
        desk.until_locked("headquarters")?;
        // Nobody's session was left to hand the second file over by: it is sealed, and waits at headquarters for its person.
        let last = desk.ask(&["work", "status"])?["handover"]["last"].clone();
        assert_eq!(last["end"]["lost"], 0, "{last}");
        until("what was sealed at headquarters", SOON, || {
            let status = deployment.hq.ask(&["handover", "status"]);
            status.is_ok_and(|status| status["companies"][0]["quarantined"].as_u64() > Some(0))
        })?;
        Ok(())
    });
}

#[test]
fn an_order_of_headquarters_ends_the_day_after_a_countdown_and_takes_what_is_left() {
    let _alone = alone();
    let name = "working_day::an_order_of_headquarters_ends_the_day_after_a_countdown_and_takes_what_is_left";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        // The bus of a session, and somebody who listens to it.
        let place = "mkdir -p /run/user && mount -t tmpfs run /run/user && mkdir -m 700 /run/user/0";
        desk.place.host.run("sh", ["-c", place], "", SOON)?.must()?;
        let mut bus = desk.place.host.command("dbus-daemon");
        bus.args(["--session", "--nofork", "--nopidfile", "--address=unix:path=/run/user/0/bus"]);
        let _bus = desk.place.host.spawn("bus", &mut bus)?;
        let mut listener = desk.place.host.command("sh");
        listener.args(["-c", "until [ -S /run/user/0/bus ]; do sleep 0.1; done; exec dbus-monitor --address unix:path=/run/user/0/bus \
             \"interface='org.freedesktop.Notifications'\""]);
        let listener = desk.place.host.spawn("listener", &mut listener)?;
        until("a listener on the bus", SOON, || listener.said().contains("NameAcquired"))?;
        let ordered = deployment.hq.ask(&["node", "end-day", "pc", "--reason", "typhoon", "--yes"])?;
        assert_eq!(ordered["person"], "hanako", "{ordered}");
        desk.shell("echo while people see it coming > last")?;
        let counting = || desk.ask(&["work", "status"]);
        until("the countdown", SOON, || {
            counting().is_ok_and(|status| status["handover"]["ending"] == "headquarters")
        })?;
        desk.until_locked("headquarters")?;
        let shown = listener.said();
        assert!(shown.contains("member=Notify") && shown.contains("Your work on this machine"), "{shown}");
        assert_eq!(held(&deployment)?, ["last"]);
        let again = ["--json", "node", "end-day", "pc", "--yes"];
        let again = deployment.program.attempt(&deployment.hq.host, &again, "")?;
        assert_eq!(again.code(), Some(1), "there is none to end any more");
        Ok(())
    });
}

#[test]
fn a_revoked_machine_keeps_no_work() {
    let _alone = alone();
    inside("working_day::a_revoked_machine_keeps_no_work", LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        desk.shell("echo one > one")?;
        deployment.hq.ask(&["node", "revoke", "pc", "--yes"])?;
        desk.until_locked("revoked")
    });
}

#[test]
fn a_clock_that_jumps_ends_no_day_and_the_boot_clock_does() {
    let _alone = alone();
    inside("working_day::a_clock_that_jumps_ends_no_day_and_the_boot_clock_does", LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "[day]\nend = \"19:00\"\nlongest_hours = 1\n")?;
        desk.first(&mut hanako)?;
        let left = |desk: &Desk| -> Result<u64> {
            let status = desk.ask(&["work", "status"])?;
            Ok(status["handover"]["ends_in_seconds"].as_u64().unwrap_or_default())
        };
        until("the day's end", SOON, || left(&desk).is_ok_and(|left| left > 0))?;
        let before = left(&desk)?;
        assert!(before <= 3600, "{before}");
        // Nine days ahead for the agent: the day ends when it would have ended.
        let shifted = Shifted::build(lab)?;
        desk.agent.as_mut().unwrap().kill()?;
        desk.start(|command| shifted.later(command, 9))?;
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(desk.volume()?, "open", "{}", desk.agent.as_ref().unwrap().said());
        let after = left(&desk)?;
        assert!(after <= before && before - after < 60, "{before} s, then {after} s");
        // Overtime: on headquarters' record, and without headquarters once.
        let given = desk.ask(&["work", "overtime", "--for", "10m"])?;
        assert_eq!(given["seconds"], 600, "{given}");
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        assert!(ledger.contains("work.overtime") && ledger.contains("600"), "{ledger}");
        deployment.hq.daemon.kill()?;
        let given = desk.ask(&["work", "overtime", "--for", "20m"])?;
        assert_eq!(given["seconds"], 1200, "{given}");
        let again = ["--json", "work", "overtime", "--for", "20m"];
        let again = desk.program.attempt(&desk.place.host, &again, "")?;
        Refusal(6, "overtime-again").read(&again);
        // An hour and more of the boot clock later, the overtime included.
        desk.agent.as_mut().unwrap().kill()?;
        let policy = desk.policy.display().to_string();
        let mut command = desk.place.host.command("unshare");
        command.args(["--time", "--boottime", "5500", "--fork", "--kill-child"]);
        command
            .arg(desk.program.path())
            .args(["--runtime", "/run/hanare", "--state"])
            .arg(desk.place.host.directory().join("state"));
        command.args(["wipe", "agent", "--policy", &policy]);
        desk.agent = Some(desk.place.host.spawn("agent", &mut command)?);
        desk.until_locked("end-of-day")
    });
}
