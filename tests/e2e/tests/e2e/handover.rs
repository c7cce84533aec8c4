//! Work of a person in a real room comes to headquarters through the tunnel, and back to another machine of the room.

use std::fs;
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{inside, until};

use crate::desk::{Desk, until_held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(4);
const SOON: Duration = Duration::from_mins(1);

pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
    bytes
}

#[test]
fn work_comes_to_headquarters_and_back_to_another_machine() {
    inside("handover::work_comes_to_headquarters_and_back_to_another_machine", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        let large = noise(9 << 20);
        desk.write("before", b"made while nobody was logged in");
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("見積/第1版.xlsx", &large);
        desk.write("memo", b"one");
        let mut expected: Vec<(&str, &[u8])> = vec![
            ("before", b"made while nobody was logged in"),
            ("見積/第1版.xlsx", &large),
            ("memo", b"one"),
        ];
        until_held(&deployment, "kofu/306", &expected)?;

        // Headquarters is killed while work goes on; then the agent, too.
        deployment.hq.daemon.kill()?;
        desk.write("memo", b"two");
        desk.write("during", b"nobody was there");
        std::thread::sleep(Duration::from_secs(3));
        let standing = desk.standing(&deployment)?;
        assert!(standing["waiting"].as_u64().unwrap() > 0, "{standing}");
        // The agent dies, and the next one finds what it has to do. (Closing without a line: `sealing`.)
        desk.agent.as_mut().unwrap().kill()?;
        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.start(&deployment)?;
        expected[2] = ("memo", b"two");
        expected.push(("during", b"nobody was there"));
        until_held(&deployment, "pc", &expected)?;

        // The end of the day waits for all of it.
        desk.write("last", b"a moment before");
        deployment.program.run(&desk.place.host, &["work", "close"])?;
        expected.push(("last", b"a moment before"));
        until_held(&deployment, "pc", &expected)?;
        let totals = deployment.hq.ask(&["handover", "status"])?;
        assert_eq!(totals["companies"][0]["files"], 5, "{totals}");

        // On any machine of the room the files are back.
        let other = Desk::new(&mut deployment, "pc-2")?;
        other.open(&deployment, &mut hanako, false)?;
        until("the files on the other machine", SOON, || {
            expected
                .iter()
                .all(|(path, bytes)| fs::read(other.work.join(path)).is_ok_and(|read| read == *bytes))
        })?;
        fs::remove_file(other.work.join("last")).unwrap();
        expected.pop();
        until("the deletion at headquarters", SOON, || {
            let status = deployment.hq.ask(&["handover", "status"]);
            status.is_ok_and(|status| status["companies"][0]["files"] == 4)
        })?;
        // No name of a file is on the ledger, nor in a log.
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        let logs = [deployment.hq.daemon.said(), desk.agent.as_ref().unwrap().said()].concat();
        for name in ["memo", "during", "xlsx", "見積"] {
            assert!(!ledger.contains(name) && !logs.contains(name), "{name}");
        }
        Ok(())
    });
}

#[test]
fn a_node_without_its_person_gets_nothing_of_the_work() {
    inside("handover::a_node_without_its_person_gets_nothing_of_the_work", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("secret", b"CANARY of a day's work");
        until_held(&deployment, "pc", &[("secret", b"CANARY of a day's work")])?;
        deployment.program.run(&desk.place.host, &["work", "close"])?;

        // Its disk in another machine: the agent runs, in the tunnel, with the node's key. The API's answers to it are
        // headquarters' own tests.
        let Desk { mut place, mut agent, .. } = desk;
        agent.as_mut().unwrap().kill()?;
        place.node.daemon.as_mut().unwrap().kill()?;
        let mut thief = deployment.place("thief")?;
        let (from, to) = (place.host.directory().join("state"), thief.host.directory().join("state"));
        let copy = ["-aT", &from.display().to_string(), &to.display().to_string()];
        thief.host.run("cp", copy, "", Duration::from_secs(20))?.must()?;
        thief.node.up(&[])?;
        let work = thief.host.directory().join("work");
        fs::create_dir(&work).unwrap();
        let mut stolen = Desk { place: thief, work: work.clone(), agent: None };
        stolen.start(&deployment)?;
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
        assert_eq!(stolen.standing(&deployment)?["active"], false);
        // And on headquarters' disk nothing of it is in the clear.
        let state = deployment.hq.host.directory();
        for canary in ["CANARY", "secret"] {
            let found = stolen.place.host.run(
                "grep",
                ["-rla", canary, &state.join("state/work").display().to_string()],
                "",
                Duration::from_secs(20),
            )?;
            assert_eq!(found.stdout, "", "{canary}");
        }
        Ok(())
    });
}
