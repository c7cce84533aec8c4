//! Days that are cut off in the middle of their end, and such that nobody can tell whose they are.

use hanare_e2e::Deployment;
use hanare_lab::{Lab, Result, inside, until};
use serde_json::Value;

use crate::kept_desk::{Desk, LIMIT, SOON, alone};
use crate::person::add;

#[test]
fn an_end_that_is_cut_off_goes_on_in_the_next_agent() {
    let _alone = alone();
    inside("broken_day::an_end_that_is_cut_off_goes_on_in_the_next_agent", LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "handover_seconds = 20\n")?;
        desk.first(&mut hanako)?;
        // The end waits for a headquarters that is not there.
        desk.place.link.set_connected(false)?;
        desk.shell("echo of today > work")?;
        deployment.hq.daemon.stop(SOON)?;
        let state = desk.place.host.directory().join("state").display().to_string();
        let program = desk.program.path().display().to_string();
        let order = format!("{program} --state {state} work close --abandon > /dev/null 2>&1 &");
        desk.place.host.run("sh", ["-c", &order], "", SOON)?.must()?;
        until("an end that has begun", SOON, || {
            desk.place.host.sh("grep -q ending....trigger /run/hanare/wipe/day.json").is_ok()
        })?;
        desk.agent.as_mut().unwrap().kill()?;
        assert_eq!(desk.volume()?, "open", "it was cut off");
        desk.start(|_| {})?;
        desk.until_locked("log-out")?;
        // The receipt is there a moment before the sentence for people.
        let last = || -> Result<Value> { Ok(desk.ask(&["work", "status"])?["handover"]["last"].clone()) };
        let told = until("the end on the record", SOON, || last().is_ok_and(|last| !last["end"].is_null()));
        assert!(told.is_ok_and(|_| last().is_ok_and(|last| last["end"]["lost"] == 0)), "{:?}", last());
        assert_eq!(desk.ask(&["wipe", "sealed", "list"])?["items"].as_array().map(Vec::len), Some(1));
        Ok(())
    });
}

#[test]
fn a_day_that_nobody_wrote_down_is_sealed_in_the_name_of_its_person() {
    let _alone = alone();
    let name = "broken_day::a_day_that_nobody_wrote_down_is_sealed_in_the_name_of_its_person";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        let record = desk.place.host.directory().join("state/wipe/day.json");
        until("the record on the disk", SOON, || record.exists())?;
        desk.agent.as_mut().unwrap().kill()?;
        desk.shell("echo of today > work")?;
        desk.place.host.sh("echo '{' > /run/hanare/wipe/day.json")?;
        desk.start(|_| {})?;
        until("an agent that knows whose day this is", SOON, || {
            desk.ask(&["work", "status"]).is_ok_and(|status| status["handover"]["active"] == true)
        })?;
        let closed = desk.ask(&["work", "close"])?;
        assert_eq!(closed["verdict"], "pass", "{closed}");
        desk.until_locked("log-out")?;
        let last = desk.ask(&["work", "status"])?["handover"]["last"].clone();
        assert_eq!((&last["person"], &last["end"]["lost"]), (&"hanako".into(), &0.into()), "{last}");
        Ok(())
    });
}
