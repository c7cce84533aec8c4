//! `hanare audit run`: look, judge, tell, and write a report that can be signed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hanare_audit::{Asked, NAMESPACE, Report, Status, evaluate};
use hanare_facts::{Facts, View};
use hanare_host::files;
use hanare_ledger::signed::signature_path;
use hanare_ledger::{Hash, private_key, sshsig};
use hanare_model::{SigningKey, Timestamp};
use serde_json::Value;

use super::chain::Remembered;
use super::document::{Made, report};
use super::{checklist, explain, facts, show};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{input, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
    #[arg(long, value_name = "endpoint|gateway|hq")]
    view: Option<View>,
    #[arg(long, value_name = "DIR", conflicts_with = "facts")]
    root: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    facts: Vec<PathBuf>,
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    only: Vec<String>,
    #[arg(long)]
    passive: bool,
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "json", value_delimiter = ',', requires = "out")]
    format: Vec<Format>,
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let only: BTreeSet<String> = self.only.iter().cloned().collect();
        if let Some(id) = only.iter().find(|id| checklist.item(id).is_none()) {
            return Err(explain::unknown(id));
        }
        let signer = self.sign.as_deref().map(private).transpose()?;
        let remembered =
            signer.as_ref().map(|key| Remembered::of(&context.state, &key.verify_key())).transpose()?;
        let facts = self.facts()?;
        // Judged at the time that they tell, equal facts come out equal.
        let latest = facts.values().map(|facts| facts.at).max();
        let at = self.at.or(latest).unwrap_or_else(times::now);
        let answers = evaluate(&checklist, &facts, &Asked { view: self.view, only }, at);
        let report = report(Made {
            checklist: &checklist,
            facts: &facts,
            replayed: !self.facts.is_empty(),
            answers: &answers,
            at,
            chain: remembered.as_ref().map(|remembered| remembered.chain.clone()),
        });
        let written = match &self.out {
            Some(directory) if self.wants(Format::Json) => {
                Some(write(directory, &report, signer.as_ref().zip(remembered))?)
            }
            Some(_) | None => None,
        };
        context.out.result("audit.run", &document(&report)?, |voice| show::told(&report, voice))?;
        if self.passive {
            context.out.talk("audit-passive", &[]);
        }
        if let Some((path, hash)) = written {
            context.out.talk("audit-written", &[("path", &path.display())]);
            context.out.talk("audit-head", &[("hash", &hash)]);
        }
        Ok(status(&report))
    }

    fn wants(&self, format: Format) -> bool {
        self.format.is_empty() || self.format.contains(&format)
    }

    /// Facts by view: those handed in, or what is here.
    fn facts(&self) -> Result<BTreeMap<View, Facts>, Failure> {
        let mut found = BTreeMap::new();
        for path in &self.facts {
            let facts = facts::replay(path)?;
            if let Some(other) = found.insert(facts.view, facts) {
                let failure = Failure::new(Exit::Input, "audit-facts-twice").with("path", path.display());
                return Err(failure.with("view", other.view));
            }
        }
        if self.facts.is_empty() {
            let view = self.view.unwrap_or(View::Endpoint);
            found.insert(view, facts::collect(self.root.as_deref(), view, times::now())?);
        }
        Ok(found)
    }
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

/// 0 only if all that was looked at is good, and something was.
fn status(report: &Report) -> Exit {
    let any = |status| report.results.iter().any(|said| said.status == status);
    match () {
        () if any(Status::Fail) => Exit::No,
        () if report.results.is_empty() => Exit::Incomplete,
        () if report.results.iter().all(|said| said.status == Status::NotApplicable) => Exit::Incomplete,
        () if report.results.iter().all(|said| said.status.is_good()) => Exit::Good,
        () => Exit::Incomplete,
    }
}

/// Writes the report; with a key its signature before it, and the chain before both.
fn write(
    directory: &Path,
    report: &Report,
    signer: Option<(&SigningKey, Remembered)>,
) -> Result<(PathBuf, Hash), Failure> {
    let bytes = report.bytes().map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
    let (path, hash) = (directory.join("report.json"), Hash::of(&bytes));
    let put = |path: &Path, bytes: &[u8]| {
        files::write_atomic(path, bytes, 0o644).map_err(|error| input::unwritable(path, &error))
    };
    std::fs::create_dir_all(directory).map_err(|error| input::unwritable(directory, &error))?;
    let signature = signature_path(&path);
    if let Some((key, remembered)) = signer {
        remembered.add(hash)?;
        put(&signature, sshsig::sign(&sshsig::Digest::of(&bytes), NAMESPACE, key).as_bytes())?;
    } else {
        // An earlier report's signature beside this one would only look like forgery.
        files::remove(&signature).map_err(|error| input::unwritable(&signature, &error))?;
    }
    put(&path, &bytes)?;
    Ok((path, hash))
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
