//! What people wish undone: an older version back, and very many deletions at once confirmed or put back, by the person and by
//! the admin.

use std::fs;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Result, inside, until};

use crate::desk::{Desk, held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(5);
const SOON: Duration = Duration::from_mins(1);
/// Files besides the one that is edited; half of them are deleted at once.
const OTHERS: usize = 40;

fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    hanare_model::Timestamp::from_seconds(now.as_secs().cast_signed()).to_string()
}

fn files(deployment: &Deployment<'_>) -> Result<usize> {
    Ok(held(deployment, "kofu/306")?.len())
}

fn until_files(deployment: &Deployment<'_>, count: usize) -> Result<()> {
    until("the files at headquarters", SOON, || files(deployment).is_ok_and(|found| found == count)).map(drop)
}

fn delete_half(desk: &Desk, deployment: &Deployment<'_>) -> Result<()> {
    // What was said of the deletions before these is over.
    until("no deletions held", SOON, || {
        desk.standing(deployment).is_ok_and(|standing| standing["deletions_held"] == 0)
    })?;
    for n in 0..OTHERS / 2 {
        fs::remove_file(desk.work.join(format!("other/{n}"))).unwrap();
    }
    until("the deletions held", SOON, || {
        desk.standing(deployment).is_ok_and(|standing| standing["deletions_held"] == OTHERS / 2)
    })?;
    Ok(())
}

#[test]
fn an_older_version_comes_back_and_many_deletions_wait_for_a_word() {
    inside("second_thoughts::an_older_version_comes_back_and_many_deletions_wait_for_a_word", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "pc")?;
        let work = |arguments: &[&str]| {
            deployment.program.attempt(&desk.place.host, &[&["--json", "work"], arguments].concat(), "")
        };
        until("an agent that knows of no work", SOON, || {
            work(&["restore"]).is_ok_and(|output| output.code() == Some(1))
        })?;
        desk.open(&deployment, &mut hanako, true)?;
        for n in 0..OTHERS {
            desk.write(&format!("other/{n}"), format!("{n}").as_bytes());
        }
        desk.write("plan.txt", b"of this morning");
        until_files(&deployment, OTHERS + 1)?;
        std::thread::sleep(Duration::from_secs(2));
        let then = now();
        std::thread::sleep(Duration::from_secs(2));
        desk.write("plan.txt", b"of this afternoon");
        let second = |deployment: &Deployment<'_>| {
            deployment.hq.ask(&["handover", "status"]).ok()?["companies"][0]["versions"].as_u64()
        };
        until("the second version", SOON, || second(&deployment) == Some(OTHERS as u64 + 2))?;

        let came = work(&["restore", "plan.txt", "--at", &then])?.must()?.json()?;
        assert_eq!((&came["files"], &came["beside"]), (&0.into(), &1.into()), "{came}");
        let beside = fs::read_dir(&desk.work).unwrap().flatten();
        let beside: Vec<_> =
            beside.filter(|entry| entry.file_name().to_string_lossy().starts_with("plan (")).collect();
        assert_eq!(beside.len(), 1);
        assert_eq!(fs::read(beside[0].path()).unwrap(), b"of this morning");
        assert_eq!(fs::read(desk.work.join("plan.txt")).unwrap(), b"of this afternoon");
        until_files(&deployment, OTHERS + 2)?;
        assert_eq!(work(&["restore", "plan.txt", "--at", "2020-01-01T00:00:00Z"])?.code(), Some(1));
        assert_eq!(work(&["restore", "../plan.txt"])?.code(), Some(3));

        // Deleted at once; the admin says that it was not meant,
        delete_half(&desk, &deployment)?;
        let listed = deployment.hq.ask(&["handover", "deletions"])?;
        let listed = &listed["deletions"][0];
        assert_eq!(
            (&listed["person"], &listed["files"]),
            (&"hanako".into(), &(OTHERS / 2).into()),
            "{listed}"
        );
        deployment.hq.admin(&["handover", "deletions", "hanako", "--put-back"])?;
        until("the files back", SOON, || (0..OTHERS).all(|n| desk.work.join(format!("other/{n}")).exists()))?;
        assert_eq!(files(&deployment)?, OTHERS + 2);
        // the person, that it was not,
        delete_half(&desk, &deployment)?;
        work(&["deletions", "--put-back"])?.must()?;
        until("the files back", SOON, || (0..OTHERS).all(|n| desk.work.join(format!("other/{n}")).exists()))?;
        assert_eq!(files(&deployment)?, OTHERS + 2);
        // and that it was.
        delete_half(&desk, &deployment)?;
        assert_eq!(work(&["deletions", "--confirm"])?.code(), Some(2), "nobody can be asked");
        let confirmed = work(&["deletions", "--confirm", "--yes"])?.must()?.json()?;
        assert_eq!(confirmed["confirmed"], OTHERS / 2);
        assert_eq!(files(&deployment)?, OTHERS / 2 + 2);
        // What was deleted comes back too.
        let came = work(&["restore", "other/0", "--at", &then])?.must()?.json()?;
        assert_eq!(came["files"], 1);
        until_files(&deployment, OTHERS / 2 + 3)?;
        let ledger = deployment.hq.admin(&["ledger", "list"])?.stdout;
        assert!(ledger.contains("handover.deletions-put-back"), "{ledger}");
        Ok(())
    });
}
