//! Work of a person in a real room comes to headquarters through the tunnel, and back to another machine of the room.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hanare_e2e::{Deployment, Place, Refusal};
use hanare_lab::{Daemon, Result, inside, until};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::person::{Person, add, open};

const LIMIT: Duration = Duration::from_mins(4);
const SOON: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

/// A machine with a folder for work and an agent.
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) work: PathBuf,
    agent: Option<Daemon>,
}

impl Desk {
    pub(crate) fn new(deployment: &mut Deployment<'_>, name: &str) -> Result<Self> {
        let place = deployment.node(name, "kofu/306", "endpoint")?;
        let work = place.host.directory().join("work");
        fs::create_dir(&work).unwrap();
        let mut desk = Self { place, work, agent: None };
        desk.start(deployment)?;
        Ok(desk)
    }

    fn start(&mut self, deployment: &Deployment<'_>) -> Result<()> {
        let work = self.work.display().to_string();
        let mut command = deployment.program.command(&self.place.host, &["wipe", "agent", "--work", &work]);
        self.agent = Some(self.place.host.spawn("agent", &mut command)?);
        Ok(())
    }

    pub(crate) fn open(&self, deployment: &Deployment<'_>, person: &mut Person, first: bool) -> Result<()> {
        let code = person.phone.code();
        let temporary = person.temporary.clone();
        let lines: &[&str] =
            if first { &["hanako", &temporary, &code, PASSWORD] } else { &["hanako", PASSWORD, &code] };
        open(deployment, &self.place, lines)?.must().map(drop)
    }

    fn standing(&self, deployment: &Deployment<'_>) -> Result<Value> {
        let status = deployment.program.attempt(&self.place.host, &["--json", "work", "status"], "")?;
        Ok(status.json()?["handover"].clone())
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.work.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let words = digest(&SHA256, bytes);
    words
        .as_ref()
        .chunks(8)
        .map(|word| format!("{:016x}", u64::from_be_bytes(word.try_into().unwrap())))
        .collect::<Vec<_>>()
        .concat()
}

/// What headquarters lists: paths and digests, in order.
fn held(deployment: &Deployment<'_>, place: &str) -> Result<Vec<(String, String)>> {
    let listed = deployment.hq.ask(&["handover", "list", place])?;
    let files = listed["files"].as_array().cloned().unwrap_or_default();
    let text = |file: &Value, field: &str| file[field].as_str().unwrap_or_default().to_owned();
    let mut held: Vec<_> = files.iter().map(|file| (text(file, "path"), text(file, "digest"))).collect();
    held.sort();
    Ok(held)
}

pub(crate) fn until_held(deployment: &Deployment<'_>, place: &str, expected: &[(&str, &[u8])]) -> Result<()> {
    let mut wanted: Vec<_> = expected.iter().map(|(path, bytes)| ((*path).to_owned(), hex(bytes))).collect();
    wanted.sort();
    let arrived =
        until("the files at headquarters", SOON, || held(deployment, place).is_ok_and(|held| held == wanted));
    assert!(arrived.is_ok(), "{:?} instead of {wanted:?}", held(deployment, place)?);
    Ok(())
}

fn noise(len: usize) -> Vec<u8> {
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
        let close = ["--json", "work", "close"];
        let refused = deployment.program.attempt(&desk.place.host, &close, "")?;
        Refusal(7, "work-left").read(&refused);
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
