//! An employee's day on one PC: a work volume in memory, files that come to headquarters, the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hanare_lab::{Authenticator, Daemon, Error, Headquarters, Host, Program, Result, until};
use serde_json::Value;

use super::cast::COMPANIES;
use super::report::{Handover, Wipe};

const PERSON: &str = "hanako";
const FILES: usize = 5;
/// Bytes of each.
const SIZE: usize = 1_000_000;

/// A PC with its volume open.
pub(super) struct Desk<'a> {
    program: &'a Program,
    pc: &'a Host,
    volume: PathBuf,
}

impl<'a> Desk<'a> {
    pub(super) fn open(program: &'a Program, pc: &'a Host) -> Result<Self> {
        let volume = pc.directory().join("work");
        let mount = volume.to_string_lossy();
        program.run(pc, &["wipe", "volume", "create", "--kind", "ram", "--size", "64M"])?;
        program.run(pc, &["wipe", "volume", "open", "--mount", &mount])?;
        drop(mount);
        Ok(Self { program, pc, volume })
    }

    /// The admin enrols an employee, who opens their work here and writes files; what they wrote is looked for at
    /// headquarters.
    pub(super) fn work(&self, headquarters: &Headquarters) -> Result<Handover> {
        let company = COMPANIES.first().copied().unwrap_or_default();
        let given = headquarters.ask(&["person", "add", PERSON, "--company", company])?;
        let text = |field: &str| given.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut phone = Authenticator::new(&text("totp_secret"))?;
        let mut agent = self.agent()?;
        // A password of their own in place of the temporary one.
        let (temporary, code) = (text("password"), phone.code());
        let claim = format!("{PERSON}\n{temporary}\n{code}\nten oranges on a tray\n");
        self.program.attempt(self.pc, &["work", "open", "--stdin"], &claim)?.must()?;
        let written = self.write()?;
        let mut held = BTreeMap::new();
        let mut bytes = 0;
        until("the files at headquarters", Duration::from_secs(30), || {
            let listed = headquarters.ask(&["handover", "list", self.pc.name()]).unwrap_or_default();
            (held, bytes) = read(&listed);
            held.len() >= written.len()
        })?;
        self.program.run(self.pc, &["work", "close"])?;
        agent.stop(Duration::from_secs(10))?;
        let files = u64::try_from(held.len()).unwrap_or(u64::MAX);
        let waiting = self.program.attempt(self.pc, &["--json", "wipe", "sealed", "list"], "")?.json()?;
        let sealed = waiting.get("sealed").and_then(Value::as_u64).unwrap_or(u64::MAX);
        Ok(Handover { files, bytes, digest_ok: held == written, sealed })
    }

    /// The volume's key goes, and with it everything that was in it.
    pub(super) fn end_the_day(&self) -> Result<Wipe> {
        let ended = self.program.attempt(self.pc, &["--json", "wipe", "run", "--yes"], "")?.json()?;
        let verdict = ended.get("verdict").and_then(Value::as_str).unwrap_or("none").to_owned();
        Ok(Wipe { verdict, remnants: ended.pointer("/verified/remnants").and_then(Value::as_u64) })
    }

    fn agent(&self) -> Result<Daemon> {
        let volume = self.volume.to_string_lossy();
        let mut command = self.program.command(self.pc, &["wipe", "agent", "--work", &volume]);
        self.pc.spawn("agent", &mut command)
    }

    /// Writes files of noise; their names and digests, by a program that is not ours.
    fn write(&self) -> Result<BTreeMap<String, String>> {
        let script = format!(
            "cd {} && for n in $(seq {FILES}); do head -c {SIZE} /dev/urandom > report-$n; done && sha256sum report-*",
            self.volume.display()
        );
        let said = self.pc.run("sh", ["-c", &script], "", Duration::from_secs(20))?.must()?.stdout;
        let read =
            |line: &str| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()));
        let written: BTreeMap<_, _> = said.lines().filter_map(read).collect();
        if written.len() == FILES {
            Ok(written)
        } else {
            Err(Error::Content { what: "sha256sum".to_owned(), why: said })
        }
    }
}

/// Names and digests in a list of headquarters', and their bytes together.
fn read(listed: &Value) -> (BTreeMap<String, String>, u64) {
    let files = listed.get("files").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text =
        |file: &Value, field: &str| file.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let held = files.iter().map(|file| (text(file, "path"), text(file, "digest"))).collect();
    let bytes = files.iter().filter_map(|file| file.get("size")?.as_u64()).sum();
    (held, bytes)
}
