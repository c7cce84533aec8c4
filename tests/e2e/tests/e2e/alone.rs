//! Work that is opened while headquarters is away: an empty volume, and what is made in it waits for its person.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{Lab, Result, inside, until};

use crate::kept_desk::{Desk, LIMIT, PASSWORD, SOON, alone, held};
use crate::person::add;

/// A node says that headquarters is away when it has not answered for so long.
const AWAY: Duration = Duration::from_mins(1);

impl Desk {
    fn refused(&self, person: &str, code: &'static str, exit: u8) -> Result<()> {
        let words = ["--json", "work", "open", "--alone", person];
        Refusal(exit.into(), code).read(&self.program.attempt(&self.place.host, &words, "")?);
        Ok(())
    }
}

#[test]
fn without_headquarters_there_is_an_empty_volume_and_what_is_made_waits_for_its_person() {
    let _alone = alone();
    let name = "alone::without_headquarters_there_is_an_empty_volume_and_what_is_made_waits_for_its_person";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        desk.shell("echo yesterday > yesterday")?;
        until("a file at headquarters", SOON, || held(&deployment).is_ok_and(|held| held == ["yesterday"]))?;
        desk.refused("hanako", "work-alone-taken", 6)?;
        desk.ask(&["work", "close"])?;
        desk.refused("hanako", "work-alone-reachable", 6)?;

        deployment.hq.daemon.kill()?;
        until("the node knows that headquarters is away", AWAY, || {
            desk.ask(&["status"]).is_ok_and(|status| status["state"] == "degraded")
        })?;
        // Whoever tries the usual way hears of the other one.
        let code = hanako.phone.code();
        let claim = format!("hanako\n{PASSWORD}\n{code}\n");
        let usual = desk.program.attempt(&desk.place.host, &["work", "open", "--stdin"], &claim)?;
        assert_eq!(usual.code(), Some(5), "{usual:?}");
        assert!(usual.stderr.contains("--alone"), "{}", usual.stderr);
        let opened = desk.ask(&["work", "open", "--alone", "hanako"])?;
        assert_eq!(opened["alone"], true, "{opened}");
        assert_eq!(desk.volume()?, "open");
        assert_eq!(desk.shell("ls")?, "", "something is there that nobody has been proven for");
        desk.shell("echo today > today")?;
        let status = || desk.ask(&["work", "status"]);
        until("it is sealed", SOON, || status().is_ok_and(|status| status["handover"]["sealed"] == 1))?;
        assert_eq!(status()?["handover"]["alone"], true);
        // Nobody else gets into it, and the agent's death changes nothing.
        desk.refused("taro", "work-alone-taken", 6)?;

        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        // The node delivers it alone, and at headquarters it is nobody's yet.
        until("what was sealed at headquarters", AWAY, || {
            let status = deployment.hq.ask(&["handover", "status"]);
            status.is_ok_and(|status| status["companies"][0]["quarantined"] == 1)
        })?;
        assert_eq!(held(&deployment)?, ["yesterday"]);
        let code = hanako.phone.code();
        desk.open(&["hanako", PASSWORD, &code])?;
        // What nobody had proven came into a folder that says so; what lies in the volume is theirs.
        until("both files", SOON, || {
            held(&deployment).is_ok_and(|held| {
                let [aside, today, yesterday] = held.as_slice() else { return false };
                aside.starts_with("from pc ")
                    && aside.ends_with("/today")
                    && (today == "today" && yesterday == "yesterday")
            }) && desk.shell("cat yesterday today").is_ok_and(|said| said == "yesterday\ntoday\n")
        })?;
        until("it is said", SOON, || status().is_ok_and(|status| status["handover"]["alone"] == false))?;
        desk.ask(&["work", "close"]).map(drop)
    });
}
