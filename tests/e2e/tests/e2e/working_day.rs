//! The agent that owns the day, in a real room: the volume is opened by a person's proof and ended with one receipt that says why.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hanare_e2e::{Deployment, Place, Refusal, Shifted};
use hanare_lab::{Daemon, Lab, Program, Result, inside, until};
use serde_json::Value;

use crate::person::{Person, add};

const LIMIT: Duration = Duration::from_mins(4);
const SOON: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery";
const WORK: &str = "/srv/work";

/// One confined volume at a time: what the kernel does with core dumps is one setting of the whole machine, and two that are
/// open at once would each take the other's for what was there before.
static CONFINED: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    CONFINED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A machine with a work volume in memory and an agent that keeps it.
struct Desk {
    place: Place,
    /// Where confinement does not hide it, wherever this was built.
    program: Program,
    policy: PathBuf,
    agent: Option<Daemon>,
}

impl Desk {
    fn new(deployment: &mut Deployment<'_>, more: &str) -> Result<Self> {
        let place = deployment.node("pc", "kofu/306", "endpoint")?;
        // The machine's own /srv stays as it is.
        place.host.sh("mount -t tmpfs srv /srv")?;
        let path = place.host.directory().join("program");
        fs::write(&path, "").unwrap();
        let built = deployment.program.path().display();
        place.host.sh(&format!("mount --bind {built} {}", path.display()))?;
        let program = Program::at(path)?;
        let create = ["wipe", "volume", "create", "--kind", "ram", "--size", "64M"];
        program.run(&place.host, &create)?;
        let policy = place.host.directory().join("wipe.toml");
        let text = format!(
            "version = 1\nname = \"day\"\n[volume]\nkinds = [\"ram\"]\nsize = \"64M\"\nmount = \"{WORK}\"\n\
             [confine]\nswap = \"as-is\"\n[limits]\ncountdown_seconds = 2\nclose_seconds = 5\n{more}"
        );
        fs::write(&policy, text).unwrap();
        let mut desk = Self { place, program, policy, agent: None };
        desk.start(|_| {})?;
        Ok(desk)
    }

    fn start(&mut self, change: impl FnOnce(&mut Command)) -> Result<()> {
        let policy = self.policy.display().to_string();
        let arguments = ["wipe", "agent", "--policy", &policy];
        let mut command = self.program.command(&self.place.host, &arguments);
        change(&mut command);
        self.agent = Some(self.place.host.spawn("agent", &mut command)?);
        Ok(())
    }

    fn open(&self, lines: &[&str]) -> Result<()> {
        let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let words = ["--json", "work", "open", "--stdin"];
        self.program.attempt(&self.place.host, &words, &input)?.must().map(drop)
    }

    fn first(&self, person: &mut Person) -> Result<()> {
        let code = person.phone.code();
        self.open(&["hanako", &person.temporary, &code, PASSWORD])
    }

    fn ask(&self, words: &[&str]) -> Result<Value> {
        let words: Vec<&str> = ["--json"].into_iter().chain(words.iter().copied()).collect();
        self.program.attempt(&self.place.host, &words, "")?.json()
    }

    fn volume(&self) -> Result<String> {
        let status = self.ask(&["wipe", "volume", "status"])?;
        Ok(status["state"].as_str().unwrap_or_default().to_owned())
    }

    /// In the volume.
    fn shell(&self, script: &str) -> Result<String> {
        let script = format!("cd {WORK} && {script}");
        Ok(self.place.host.run("sh", ["-c", &script], "", SOON)?.must()?.stdout)
    }

    /// The receipts' causes and verdicts, oldest first.
    fn receipts(&self) -> Result<Vec<(String, String)>> {
        let list = self.ask(&["wipe", "receipt", "list"])?;
        let receipts = list["receipts"].as_array().cloned().unwrap_or_default();
        let text = |receipt: &Value, field: &str| receipt[field].as_str().unwrap_or_default().to_owned();
        Ok(receipts.iter().map(|receipt| (text(receipt, "cause"), text(receipt, "verdict"))).collect())
    }

    fn until_locked(&self, cause: &str) -> Result<()> {
        let ended =
            until("the end of the day", SOON, || self.receipts().is_ok_and(|receipts| !receipts.is_empty()));
        let receipts = self.receipts()?;
        assert!(ended.is_ok(), "{receipts:?}: {}", self.agent.as_ref().unwrap().said());
        assert_eq!(receipts, [(cause.to_owned(), "pass".to_owned())]);
        assert_eq!(self.volume()?, "locked");
        Ok(())
    }

    /// A program in the volume that saves when it is asked to end, as an office program does.
    fn saver(&self) -> Child {
        let script = format!(
            "cd {WORK}; trap 'echo saved at the last moment > saved; exit 0' TERM; echo ready > started; \
             while :; do sleep 0.1; done"
        );
        let mut command = self.place.host.command("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a program in the volume")
    }
}

fn held(deployment: &Deployment<'_>) -> Result<Vec<String>> {
    let listed = deployment.hq.ask(&["handover", "list", "kofu/306"])?;
    let files = listed["files"].as_array().cloned().unwrap_or_default();
    let mut paths: Vec<_> =
        files.iter().map(|file| file["path"].as_str().unwrap_or_default().to_owned()).collect();
    paths.sort();
    Ok(paths)
}

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
        let ordered = deployment.hq.ask(&["node", "end-day", "pc", "--reason", "typhoon", "--yes"])?;
        assert_eq!(ordered["person"], "hanako", "{ordered}");
        desk.shell("echo while people see it coming > last")?;
        let counting = || desk.ask(&["work", "status"]);
        until("the countdown", SOON, || {
            counting().is_ok_and(|status| status["handover"]["ending"] == "headquarters")
        })?;
        desk.until_locked("headquarters")?;
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
