//! What `run` and `report` share: the files that they judge by, the report that comes of it, and where it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hanare_audit::{Asked, Known, NAMESPACE, Report, Site, Status, evaluate};
use hanare_facts::{Facts, View};
use hanare_host::files;
use hanare_ledger::signed::signature_path;
use hanare_ledger::{Hash, private_key, sshsig};
use hanare_model::{SigningKey, Timestamp};
use serde_json::Value;

use super::chain::Remembered;
use super::document::{Made, report};
use super::formats::{self, Format};
use super::office::Office;
use super::{checklist, explain, facts, show};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{input, times};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(super) site: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(super) facts: Vec<PathBuf>,
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    only: Vec<String>,
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    #[arg(long)]
    accept_waivers: bool,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "FORMAT,...", value_delimiter = ',', requires = "out")]
    format: Vec<Format>,
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
}

/// What is judged.
pub(super) struct Subject {
    pub(super) site: Option<Site>,
    pub(super) view: Option<View>,
    pub(super) facts: BTreeMap<View, Facts>,
}

/// What came of it.
pub(super) struct Judged {
    pub(super) exit: Exit,
    pub(super) report: Report,
    pub(super) bytes: Vec<u8>,
}

impl Options {
    /// Judges, prints and writes. The facts are looked for only after what could be wrong with the question was found out.
    pub(super) fn judge(
        &self,
        context: &Context,
        name: &str,
        subject: impl FnOnce() -> Result<Subject, Failure>,
    ) -> Result<Judged, Failure> {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let only: BTreeSet<String> = self.only.iter().cloned().collect();
        if let Some(id) = only.iter().find(|id| checklist.item(id).is_none()) {
            return Err(explain::unknown(id));
        }
        let signer = self.sign.as_deref().map(private).transpose()?;
        let remembered =
            signer.as_ref().map(|key| Remembered::of(&context.state, &key.verify_key())).transpose()?;
        let Subject { site, view, facts } = subject()?;
        let known = known(context, site)?;
        // Judged at the time that they tell, equal facts come out equal.
        let latest = facts.values().map(|facts| facts.at).max();
        let at = self.at.or(latest).unwrap_or_else(times::now);
        let answers = evaluate(&checklist, &facts, &known, &Asked { view, only }, at);
        let report = report(&Made {
            checklist: &checklist,
            facts: &facts,
            known: &known,
            replayed: !self.facts.is_empty(),
            answers: &answers,
            at,
            chain: remembered.as_ref().map(|remembered| remembered.chain.clone()),
        });
        let bytes = report.bytes().map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
        let signer = signer.as_ref().zip(remembered);
        let written = match &self.out {
            Some(directory) => Some(write(directory, &self.rendered(&report, &bytes)?, signer.as_ref())?),
            None => None,
        };
        context.out.result(name, &document(&report)?, |voice| show::told(&report, voice))?;
        if let Some(paths) = written {
            for path in paths {
                context.out.talk("audit-written", &[("path", &path.display())]);
            }
            context.out.talk("audit-head", &[("hash", &Hash::of(&bytes))]);
        }
        Ok(Judged { exit: status(&report, self.accept_waivers), report, bytes })
    }

    /// The report as each file that is written: as JSON, which is what is signed and what the others refer to, and as what was
    /// asked for.
    fn rendered(&self, report: &Report, bytes: &[u8]) -> Result<Vec<(Format, Vec<u8>)>, Failure> {
        let is_wanted = |format: &Format| *format == Format::Json || self.format.contains(format);
        let wanted = Format::ALL.into_iter().filter(is_wanted);
        wanted.map(|format| Ok((format, formats::rendered(format, report, bytes)?))).collect()
    }

    /// Facts by view, of those handed in.
    pub(super) fn replayed(&self) -> Result<BTreeMap<View, Facts>, Failure> {
        let mut found = BTreeMap::new();
        for path in &self.facts {
            let facts = facts::replay(path)?;
            if let Some(other) = found.insert(facts.view, facts) {
                let failure = Failure::new(Exit::Input, "audit-facts-twice").with("path", path.display());
                return Err(failure.with("view", other.view));
            }
        }
        Ok(found)
    }
}

/// What is on record about the site's office.
fn known(context: &Context, site: Option<Site>) -> Result<Known, Failure> {
    let Some(site) = site else { return Ok(Known::default()) };
    let office = Office::of(context, &site.office);
    let statements = office.statements()?;
    let intact = office.intact(&statements)?;
    Ok(Known { site: Some(site), statements, intact })
}

/// The report as a command's document, which has a name of its own.
fn document(report: &Report) -> Result<Value, Failure> {
    let mut document =
        serde_json::to_value(report).map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
    if let Value::Object(members) = &mut document {
        members.remove("schema");
    }
    Ok(document)
}

/// 0 only if all that was looked at is good, and something was, and nothing on record contradicts it.
fn status(report: &Report, accept_waivers: bool) -> Exit {
    let any = |status| report.results.iter().any(|said| said.status == status);
    let is_good = |status: Status| status.is_good() || (accept_waivers && status == Status::Waived);
    match () {
        () if any(Status::Fail) || !report.contradictions.is_empty() => Exit::No,
        () if report.results.is_empty() => Exit::Incomplete,
        () if report.results.iter().all(|said| said.status == Status::NotApplicable) => Exit::Incomplete,
        () if report.results.iter().all(|said| is_good(said.status)) => Exit::Good,
        () => Exit::Incomplete,
    }
}

/// Writes the report; with a key its signature before it, and the chain before both.
fn write(
    directory: &Path,
    rendered: &[(Format, Vec<u8>)],
    signer: Option<&(&SigningKey, Remembered)>,
) -> Result<Vec<PathBuf>, Failure> {
    let put = |path: &Path, bytes: &[u8]| {
        files::write_atomic(path, bytes, 0o644).map_err(|error| input::unwritable(path, &error))
    };
    std::fs::create_dir_all(directory).map_err(|error| input::unwritable(directory, &error))?;
    let mut written = Vec::new();
    for (format, bytes) in rendered {
        let path = directory.join(format.file());
        if *format == Format::Json {
            let signature = signature_path(&path);
            if let Some((key, remembered)) = signer {
                remembered.add(Hash::of(bytes))?;
                put(&signature, sshsig::sign(&sshsig::Digest::of(bytes), NAMESPACE, key).as_bytes())?;
            } else {
                // An earlier report's signature beside this one would only look like forgery.
                files::remove(&signature).map_err(|error| input::unwritable(&signature, &error))?;
            }
        }
        put(&path, bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// A person's private key. One that others can read is refused, as ssh refuses it.
fn private(path: &Path) -> Result<SigningKey, Failure> {
    let metadata = input::open(path)?.metadata().map_err(|error| input::unreadable(path, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Failure::new(Exit::Input, "audit-key-open").with("path", path.display()));
    }
    let text = zeroize::Zeroizing::new(input::text(path)?);
    private_key::parse(&text).map_err(|error| {
        let code = match error {
            private_key::PrivateKeyError::Form => "audit-key",
            private_key::PrivateKeyError::Locked => "audit-key-locked",
        };
        Failure::new(Exit::Input, code).with("path", path.display())
    })
}
