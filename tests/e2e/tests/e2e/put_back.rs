//! Headquarters' disk is gone and a backup is put back: what it had acknowledged since is in the rooms still, and comes again
//! before it is wiped there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Result, inside, until};
use serde_json::Value;

use crate::desk::until_held;
use crate::kept_desk::{Desk, LIMIT, PASSWORD, alone};
use crate::person::{Person, add};

const SOON: Duration = Duration::from_mins(1);

/// Headquarters' state directory, and a copy of it.
struct Backup {
    state: PathBuf,
    copy: PathBuf,
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

impl Backup {
    /// Headquarters stops for as long as a copy takes.
    fn made(deployment: &mut Deployment<'_>) -> Result<Self> {
        let folder = deployment.hq.host.directory();
        let backup = Self { state: folder.join("state"), copy: folder.join("backup") };
        deployment.hq.daemon.kill()?;
        run("cp", &["-a", &backup.state.display().to_string(), &backup.copy.display().to_string()]);
        deployment.hq.start_again()?;
        Ok(backup)
    }

    fn put_back(&self, deployment: &mut Deployment<'_>) -> Result<()> {
        deployment.hq.daemon.kill()?;
        fs::remove_dir_all(&self.state).unwrap();
        run("cp", &["-a", &self.copy.display().to_string(), &self.state.display().to_string()]);
        deployment.hq.start_again()
    }
}

fn opened(deployment: &mut Deployment<'_>) -> Result<(Desk, Person)> {
    let mut hanako = add(deployment, "hanako", "aoba")?;
    let desk = Desk::new(deployment, "")?;
    desk.first(&mut hanako)?;
    Ok((desk, hanako))
}

fn put_back_kinds(deployment: &Deployment<'_>) -> Result<Vec<Value>> {
    let listed = deployment.hq.ask(&["ledger", "list"])?;
    let entries = listed["records"].as_array().cloned().unwrap_or_default();
    Ok(entries.into_iter().filter(|entry| entry["kind"] == "handover.put-back").collect())
}

#[test]
fn an_afternoon_that_headquarters_has_forgotten_is_there_again_when_the_day_ends() {
    // Outside: whoever is inside is another process.
    let _alone = alone();
    inside(
        "put_back::an_afternoon_that_headquarters_has_forgotten_is_there_again_when_the_day_ends",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let (desk, _) = opened(&mut deployment)?;
            desk.shell("echo morning > plan; echo early > early")?;
            until_held(&deployment, "pc", &[("plan", b"morning\n"), ("early", b"early\n")])?;
            let backup = Backup::made(&mut deployment)?;
            deployment.until_it_pings(&desk.place.host, SOON)?;
            desk.shell("echo afternoon > plan; echo late > late")?;
            let all: [(&str, &[u8]); 3] =
                [("plan", b"afternoon\n"), ("early", b"early\n"), ("late", b"late\n")];
            until_held(&deployment, "pc", &all)?;
            backup.put_back(&mut deployment)?;
            deployment.until_it_pings(&desk.place.host, SOON)?;
            // Nobody touches anything any more, and the volume goes with its key.
            let close = desk.ask(&["work", "close"])?;
            assert_eq!(close["verdict"], "pass", "{close}");
            desk.until_locked("log-out")?;
            until_held(&deployment, "pc", &all)?;
            let told = put_back_kinds(&deployment)?;
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!((&told[0]["subject"], &told[0]["data"]["forgotten"]), (&"pc".into(), &"index".into()));
            // Its exit status is good once the receipt is there, too.
            until("the word of headquarters", SOON, || {
                let status = deployment.hq.ask(&["hq", "status"]);
                status.is_ok_and(|status| status["put_back"]["nodes"] == 1)
            })?;
            Ok(())
        },
    );
}

#[test]
fn without_the_session_what_was_forgotten_is_sealed_and_reaches_its_person() {
    // Outside: whoever is inside is another process.
    let _alone = alone();
    inside(
        "put_back::without_the_session_what_was_forgotten_is_sealed_and_reaches_its_person",
        LIMIT,
        |lab| {
            let mut deployment = Deployment::open(lab)?;
            let (desk, mut hanako) = opened(&mut deployment)?;
            desk.shell("echo morning > plan")?;
            until_held(&deployment, "pc", &[("plan", b"morning\n")])?;
            desk.ask(&["work", "close"])?;
            desk.until_locked("log-out")?;
            let backup = Backup::made(&mut deployment)?;
            deployment.until_it_pings(&desk.place.host, SOON)?;
            // A session that the backup does not know.
            let code = hanako.phone.code();
            desk.open(&["hanako", PASSWORD, &code])?;
            until("the files", SOON, || desk.shell("cat plan").is_ok_and(|plan| plan == "morning\n"))?;
            desk.shell("echo afternoon > plan; echo late > late")?;
            until_held(&deployment, "pc", &[("plan", b"afternoon\n"), ("late", b"late\n")])?;
            backup.put_back(&mut deployment)?;
            deployment.until_it_pings(&desk.place.host, SOON)?;
            let close = desk.ask(&["work", "close"])?;
            assert_eq!(close["verdict"], "pass", "{close}");
            // It comes by the machine's key alone, and lies where that is said once its person is there.
            let code = hanako.phone.code();
            until("an empty spool", SOON, || {
                desk.ask(&["work", "status"]).is_ok_and(|status| status["handover"]["sealed"] == 0)
            })?;
            desk.open(&["hanako", PASSWORD, &code])?;
            until("the files", SOON, || {
                desk.shell("cat plan from*/plan from*/late")
                    .is_ok_and(|all| all == "morning\nafternoon\nlate\n")
            })?;
            Ok(())
        },
    );
}
