//! A machine with a folder for work and an agent, and what headquarters holds of it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Daemon, Result, until};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::person::{Person, open};

const SOON: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

/// A machine with a folder for work and an agent.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) work: PathBuf,
    pub(crate) agent: Option<Daemon>,
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

    pub(crate) fn start(&mut self, deployment: &Deployment<'_>) -> Result<()> {
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

    pub(crate) fn standing(&self, deployment: &Deployment<'_>) -> Result<Value> {
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
pub(crate) fn held(deployment: &Deployment<'_>, place: &str) -> Result<Vec<(String, String)>> {
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
