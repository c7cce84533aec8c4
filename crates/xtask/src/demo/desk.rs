//! An employee's day on one PC: a work volume in memory, files that come to headquarters, the end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hanare_lab::{Authenticator, Daemon, Error, Headquarters, Host, Program, Result, until};
use serde_json::Value;

use super::cast::COMPANIES;
use super::report::{Digests, Handover, Wipe};

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

    /// The admin enrols an employee, who opens their work here and writes files; what they wrote is read back from
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
        until("the files at headquarters", Duration::from_secs(30), || {
            let listed = headquarters.ask(&["handover", "list", self.pc.name()]).unwrap_or_default();
            listed.get("files").and_then(Value::as_array).map_or(0, Vec::len) >= written.len()
        })?;
        self.program.run(self.pc, &["work", "close"])?;
        agent.stop(Duration::from_secs(10))?;
        let (held, bytes) = copied(headquarters)?;
        let waiting = self.program.attempt(self.pc, &["--json", "wipe", "sealed", "list"], "")?.json()?;
        let sealed = waiting.get("sealed").and_then(Value::as_u64).unwrap_or(u64::MAX);
        Ok(Handover::compare(&written, &held, bytes, sealed))
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

    /// Writes files of noise; their names and digests.
    fn write(&self) -> Result<Digests> {
        let script = format!(
            "cd {} && for n in $(seq {FILES}); do head -c {SIZE} /dev/urandom > report-$n; done",
            self.volume.display()
        );
        self.pc.run("sh", ["-c", &script], "", Duration::from_secs(20))?.must()?;
        let written = digests(self.pc, &self.volume)?;
        if written.len() == FILES {
            Ok(written)
        } else {
            Err(Error::Content { what: "sha256sum".to_owned(), why: format!("{written:?}") })
        }
    }
}

/// An admin copies the person's work from headquarters; what comes back, byte for byte, and how much that is. What
/// headquarters lists is only what the PC has said.
fn copied(headquarters: &Headquarters) -> Result<(Digests, u64)> {
    let folder = headquarters.host.directory().join("copies");
    let to = folder.to_string_lossy();
    headquarters.ask(&["handover", "get", PERSON, &to, "--reason", "demo"])?;
    let read = std::fs::read_dir(&folder).map_err(|source| Error::Path { path: folder.clone(), source })?;
    let bytes = read.flatten().filter_map(|entry| entry.metadata().ok()).map(|entry| entry.len()).sum();
    Ok((digests(&headquarters.host, &folder)?, bytes))
}

/// Digests of the files in a folder, by a program that is not ours.
fn digests(host: &Host, folder: &Path) -> Result<Digests> {
    let script = format!("cd {} && sha256sum *", folder.display());
    let said = host.run("sh", ["-c", &script], "", Duration::from_secs(20))?.must()?.stdout;
    let read = |line: &str| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()));
    Ok(said.lines().filter_map(read).collect())
}
