//! What is on record about an office, below the state directory: statements with their evidence, and reports.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use hanare_audit::{EvidenceFile, MAX_REPORT, Report, Stated, Statement, Statements};
use hanare_host::files;
use hanare_ledger::Hash;
use hanare_model::OfficeId;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::input;

/// What the file of statements calls itself.
const SCHEMA: &str = "hanare.audit.statements/1";
/// No file of statements is longer (8 MiB).
const MAX_STATEMENTS: usize = 8 * 1024 * 1024;
/// No file of evidence is longer (64 MiB): a plan, a photo, a contract.
const MAX_EVIDENCE: u64 = 64 * 1024 * 1024;

/// An office's records.
pub(super) struct Office {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    statements: Statements,
}

/// A report that is kept.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// `None` if it is not what its name says.
    pub(super) report: Option<Report>,
}

impl Kept {
    fn read(path: PathBuf) -> Result<Self, Failure> {
        let bytes = input::bytes(&path, MAX_REPORT)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_it = name.rsplit_once('-').is_some_and(|(_, hash)| hash == Hash::of(&bytes).to_string());
        let report = if is_it { Report::read(&bytes) } else { None };
        Ok(Self { path, report })
    }

    /// The file, as a person names it to `diff`.
    pub(super) fn file(&self) -> String {
        self.path.display().to_string()
    }
}

impl Office {
    /// Where an office's records are.
    pub(super) fn path(context: &Context, office: &OfficeId) -> PathBuf {
        context.state.join("audit").join(office.as_str())
    }

    /// The office's records.
    pub(super) fn of(context: &Context, office: &OfficeId) -> Self {
        Self { directory: Self::path(context, office) }
    }

    /// What was stated about it.
    pub(super) fn statements(&self) -> Result<Statements, Failure> {
        let path = self.file();
        let damaged = || Failure::new(Exit::Input, "audit-statements").with("path", path.display());
        let Some(text) = input::text_up_to_if_any(&path, MAX_STATEMENTS)? else {
            return Ok(Statements::default());
        };
        let file: File = serde_json::from_str(&text).map_err(|error| damaged().because(&error))?;
        if file.schema == SCHEMA {
            return Ok(file.statements);
        }
        let version = Phrase::new("cause-version").with("found", file.schema).with("known", SCHEMA);
        Err(damaged().with_phrase("cause", version))
    }

    /// Adds one.
    pub(super) fn add(&self, statement: Statement) -> Result<(), Failure> {
        made(&self.directory)?;
        let _held = files::lock(&self.directory, "lock")
            .map_err(|error| input::unwritable(&self.directory, &error))?;
        let mut statements = self.statements()?;
        statements.0.push(statement);
        let path = self.file();
        let file = File { schema: SCHEMA.to_owned(), statements };
        let text = serde_json::to_string_pretty(&file)
            .map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
        files::write_atomic(&path, text.as_bytes(), 0o600).map_err(|error| input::unwritable(&path, &error))
    }

    /// Keeps a copy of a file as evidence, under its hash.
    pub(super) fn keep(&self, path: &Path) -> Result<EvidenceFile, Failure> {
        let refused = |code| Failure::new(Exit::Input, code).with("path", path.display());
        let metadata = std::fs::metadata(path).map_err(|error| input::unreadable(path, &error))?;
        // Asked before it is opened: to open a pipe is to wait for whoever writes into it.
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(refused("audit-evidence"));
        }
        let bytes = input::bytes(path, MAX_EVIDENCE)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_EVIDENCE) {
            return Err(refused("too-long").with("limit", MAX_EVIDENCE));
        }
        let hash = Hash::of(&bytes);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        made(&self.evidence())?;
        let copy = self.evidence().join(hash.to_string());
        files::write_atomic(&copy, &bytes, 0o600).map_err(|error| input::unwritable(&copy, &error))?;
        Ok(EvidenceFile { name, hash })
    }

    /// The evidence of those statements that is there and is what it was.
    pub(super) fn intact(&self, statements: &Statements) -> Result<BTreeSet<Hash>, Failure> {
        let mut intact = BTreeSet::new();
        for statement in &statements.0 {
            let Stated::Attestation { evidence, .. } = &statement.stated else { continue };
            for EvidenceFile { hash, .. } in evidence {
                let path = self.evidence().join(hash.to_string());
                let bytes = input::bytes_if_any(&path, MAX_EVIDENCE)?;
                if bytes.is_some_and(|bytes| Hash::of(&bytes) == *hash) {
                    intact.insert(*hash);
                }
            }
        }
        Ok(intact)
    }

    /// Keeps a report. Its name sorts by time and says what it must hash to.
    pub(super) fn remember(&self, report: &Report, bytes: &[u8]) -> Result<(), Failure> {
        let directory = self.reports();
        made(&directory)?;
        let path = directory.join(format!("{:012}-{}.json", report.at.seconds().max(0), Hash::of(bytes)));
        files::write_atomic(&path, bytes, 0o600).map_err(|error| input::unwritable(&path, &error))
    }

    /// The reports that are kept, the oldest first.
    pub(super) fn kept(&self) -> Result<Vec<Kept>, Failure> {
        let directory = self.reports();
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| input::unreadable(&directory, &error))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| input::unreadable(&directory, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.into_iter().map(Kept::read).collect()
    }

    fn reports(&self) -> PathBuf {
        self.directory.join("reports")
    }

    fn file(&self) -> PathBuf {
        self.directory.join("statements.json")
    }

    fn evidence(&self) -> PathBuf {
        self.directory.join("evidence")
    }
}

fn made(directory: &Path) -> Result<(), Failure> {
    files::create_private_directory(directory).map_err(|error| input::unwritable(directory, &error))
}
