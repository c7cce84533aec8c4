//! A machine whose agent keeps the work volume by a policy.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Daemon, Program, Result, Settings, until};
use serde_json::Value;

use crate::person::Person;

pub(crate) const LIMIT: Duration = Duration::from_mins(4);
pub(crate) const SOON: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const WORK: &str = "/srv/work";

/// One confined volume at a time: what the kernel does with core dumps is one setting of the whole machine, and two that are
/// open at once would each take the other's for what was there before.
static CONFINED: Mutex<()> = Mutex::new(());

/// Nobody else's volume is open, and a volume that is open in the end leaves nothing set.
pub(crate) fn alone() -> (Settings, MutexGuard<'static, ()>) {
    let lock = CONFINED.lock().unwrap_or_else(PoisonError::into_inner);
    (Settings::keep(), lock)
}

/// A machine with a work volume in memory and an agent that keeps it.
pub(crate) struct Desk {
    pub(crate) place: Place,
    /// Where confinement does not hide it, wherever this was built.
    pub(crate) program: Program,
    pub(crate) policy: PathBuf,
    pub(crate) agent: Option<Daemon>,
    pub(crate) reserve: Option<&'static str>,
}

impl Desk {
    pub(crate) fn new(deployment: &mut Deployment<'_>, more: &str) -> Result<Self> {
        let mut place = deployment.node("pc", "kofu/306", "endpoint")?;
        // The machine's own /srv stays as it is.
        place.host.sh("mount -t tmpfs srv /srv")?;
        let path = place.host.directory().join("program");
        fs::write(&path, "").unwrap();
        let built = deployment.program.path().display();
        place.host.sh(&format!("mount --bind {built} {}", path.display()))?;
        let program = Program::at(path)?;
        place.node.program = program.clone();
        let create = ["wipe", "volume", "create", "--kind", "ram", "--size", "64M"];
        program.run(&place.host, &create)?;
        let policy = place.host.directory().join("wipe.toml");
        let text = format!(
            "version = 1\nname = \"day\"\n[volume]\nkinds = [\"ram\"]\nsize = \"64M\"\nmount = \"{WORK}\"\n\
             [confine]\nswap = \"as-is\"\n[limits]\ncountdown_seconds = 2\nclose_seconds = 5\n{more}"
        );
        fs::write(&policy, text).unwrap();
        let mut desk = Self { place, program, policy, agent: None, reserve: None };
        desk.start(|_| {})?;
        Ok(desk)
    }

    /// The agent anew, with so much room for sealed items.
    pub(crate) fn with_reserve(mut self, size: &'static str) -> Result<Self> {
        self.agent.as_mut().unwrap().kill()?;
        self.reserve = Some(size);
        self.start(|_| {})?;
        Ok(self)
    }

    pub(crate) fn start(&mut self, change: impl FnOnce(&mut Command)) -> Result<()> {
        let policy = self.policy.display().to_string();
        let mut arguments = vec!["wipe", "agent", "--policy", &policy];
        arguments.extend(self.reserve.iter().flat_map(|size| ["--reserve", size]));
        let mut command = self.program.command(&self.place.host, &arguments);
        change(&mut command);
        self.agent = Some(self.place.host.spawn("agent", &mut command)?);
        Ok(())
    }

    pub(crate) fn open(&self, lines: &[&str]) -> Result<()> {
        let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let words = ["--json", "work", "open", "--stdin"];
        self.program.attempt(&self.place.host, &words, &input)?.must().map(drop)
    }

    pub(crate) fn first(&self, person: &mut Person) -> Result<()> {
        let code = person.phone.code();
        self.open(&["hanako", &person.temporary, &code, PASSWORD])
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Result<Value> {
        let words: Vec<&str> = ["--json"].into_iter().chain(words.iter().copied()).collect();
        self.program.attempt(&self.place.host, &words, "")?.json()
    }

    pub(crate) fn volume(&self) -> Result<String> {
        let status = self.ask(&["wipe", "volume", "status"])?;
        Ok(status["state"].as_str().unwrap_or_default().to_owned())
    }

    /// In the volume.
    pub(crate) fn shell(&self, script: &str) -> Result<String> {
        let script = format!("cd {WORK} && {script}");
        Ok(self.place.host.run("sh", ["-c", &script], "", SOON)?.must()?.stdout)
    }

    /// The receipts' causes and verdicts, oldest first.
    pub(crate) fn receipts(&self) -> Result<Vec<(String, String)>> {
        let list = self.ask(&["wipe", "receipt", "list"])?;
        let receipts = list["receipts"].as_array().cloned().unwrap_or_default();
        let text = |receipt: &Value, field: &str| receipt[field].as_str().unwrap_or_default().to_owned();
        Ok(receipts.iter().map(|receipt| (text(receipt, "cause"), text(receipt, "verdict"))).collect())
    }

    pub(crate) fn until_locked(&self, cause: &str) -> Result<()> {
        let ended =
            until("the end of the day", SOON, || self.receipts().is_ok_and(|receipts| !receipts.is_empty()));
        let receipts = self.receipts()?;
        assert!(ended.is_ok(), "{receipts:?}: {}", self.agent.as_ref().unwrap().said());
        assert_eq!(receipts, [(cause.to_owned(), "pass".to_owned())]);
        assert_eq!(self.volume()?, "locked");
        Ok(())
    }

    /// A program in the volume that saves when it is asked to end, as an office program does.
    pub(crate) fn saver(&self) -> Child {
        let script = format!(
            "cd {WORK}; trap 'echo saved at the last moment > saved; exit 0' TERM; echo ready > started; \
             while :; do sleep 0.1; done"
        );
        let mut command = self.place.host.command("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a program in the volume")
    }
}

pub(crate) fn held(deployment: &Deployment<'_>) -> Result<Vec<String>> {
    let listed = deployment.hq.ask(&["handover", "list", "kofu/306"])?;
    let files = listed["files"].as_array().cloned().unwrap_or_default();
    let mut paths: Vec<_> =
        files.iter().map(|file| file["path"].as_str().unwrap_or_default().to_owned()).collect();
    paths.sort();
    Ok(paths)
}
