//! `hanare ledger`: what happened, and whether anybody changed the record of it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_hq::admin::{self, LedgerExport, LedgerExported, LedgerLines, LedgerList};
use hanare_ledger::record::MAX_LINE;
use hanare_ledger::{ExportVerifier, Gap, Verdict, sshsig};
use hanare_model::{Timestamp, VerifyKey};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, NewFile};
use crate::table;
use crate::times;
use crate::voice::Voice;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List {
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
    },
    Verify {
        file: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    Export {
        file: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List { since } => list(context, since),
            Self::Verify { file, key } => verify(context, file.as_deref(), key.as_deref()),
            Self::Export { file } => export(context, &file),
        }
    }
}

/// Page by page: a table or a part of the one document for each, so that a long ledger is never in memory.
fn list(context: &Context, since: Option<Timestamp>) -> Outcome {
    let headings = ["label-seq", "label-time", "label-actor", "label-act", "label-subject", "label-details"];
    let mut printed = context.out.list("ledger.list", "records");
    let mut after = 0;
    loop {
        let page = context.ask(LedgerList { after, since })?.items;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        printed.page(&page, |voice| table::rows(voice, &headings, page.iter().map(row).collect()))?;
    }
    printed.end(|voice| table::rows(voice, &headings, Vec::new()))?;
    Ok(Exit::Good)
}

fn row(record: &admin::LedgerEntry) -> Vec<String> {
    vec![
        record.sequence.to_string(),
        times::tell(record.at),
        record.actor.clone(),
        record.kind.clone(),
        record.subject.clone(),
        details(&record.data),
    ]
}

/// An object's members as words; anything else as JSON.
fn details(data: &Value) -> String {
    let Value::Object(members) = data else { return data.to_string() };
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}={value}")
        }
    };
    // A node's own signed record repeats what stands beside it; `--json` and the export have it.
    members.iter().filter(|(name, _)| *name != "record").map(word).collect::<Vec<_>>().join(" ")
}

/// The signature's file beside an export, as `ssh-keygen -Y sign` would name it.
fn signature_path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".sig");
    PathBuf::from(name)
}

fn export(context: &Context, file: &Path) -> Outcome {
    let signature_file = signature_path(file);
    let (mut text, signature) = (NewFile::create(file, 0o644)?, NewFile::create(&signature_file, 0o644)?);
    let exported = context.ask(LedgerExport {})?;
    lines(context, &exported, |line| text.add(line))?;
    text.complete()?;
    signature.keep(exported.signature.as_bytes())?;
    let key = sshsig::openssh_key(&exported.signing_key, "hanare-hq");
    let document = json!({
        "path": file, "signature": signature_file, "records": exported.records, "head": exported.head, "key": key,
    });
    context.out.result("ledger.export", &document, |_| String::new())?;
    let (shown, count) = (file.display(), exported.records);
    context.out.talk("ledger-exported", &[("path", &shown), ("records", &count), ("key", &key)]);
    Ok(Exit::Good)
}

fn verify(context: &Context, file: Option<&Path>, key: Option<&Path>) -> Outcome {
    let key = key.map(read_key).transpose()?;
    let verdict = if let Some(file) = file { verify_file(file, key)? } else { verify_own(context, key)? };
    let (exit, document) = judged(verdict);
    context.out.result("ledger.verify", &document, |voice| said(verdict, voice))?;
    Ok(exit)
}

/// Headquarters' own ledger, exported for the purpose and verified while it comes.
fn verify_own(context: &Context, key: Option<VerifyKey>) -> Result<Verdict, Failure> {
    let exported = context.ask(LedgerExport {})?;
    let mut verifier = ExportVerifier::new(key);
    lines(context, &exported, |line| {
        verifier.feed(line);
        Ok(())
    })?;
    Ok(verifier.finish(Some(&exported.signature)))
}

/// Shows an export's lines to `take`, each with its newline, as headquarters hands them out: a page at a time.
fn lines(
    context: &Context,
    exported: &LedgerExported,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    take(exported.header.as_bytes())?;
    let mut after = 0;
    while after < exported.records {
        let page = context.ask(LedgerLines { after })?.items;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        // What was appended meanwhile is no part of it.
        for line in page.into_iter().filter(|line| line.sequence <= exported.records) {
            let mut text = line.line;
            text.push('\n');
            take(text.as_bytes())?;
        }
    }
    Ok(())
}

fn read_key(path: &Path) -> Result<VerifyKey, Failure> {
    sshsig::parse_openssh_key(&input::text(path)?)
        .map_err(|error| Failure::new(Exit::Input, "key").with("path", path.display()).because(&error))
}

fn verify_file(file: &Path, key: Option<VerifyKey>) -> Result<Verdict, Failure> {
    let signature_file = signature_path(file);
    let signature = if signature_file.exists() { Some(input::text(&signature_file)?) } else { None };
    let mut verifier = ExportVerifier::new(key);
    let mut reader = BufReader::new(input::open(file)?);
    // One byte more than the longest line with its newline: what is longer cannot be a record.
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(2);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.by_ref().take(limit).read_until(b'\n', &mut line);
        if length.map_err(|error| input::unreadable(file, &error))? == 0 {
            return Ok(verifier.finish(signature.as_deref()));
        }
        verifier.feed(&line);
    }
}

fn judged(verdict: Verdict) -> (Exit, Value) {
    match verdict {
        Verdict::Valid { head } => {
            (Exit::Good, json!({"verdict": "valid", "records": head.seq, "head": head.hash}))
        }
        Verdict::Incomplete { head, gap } => {
            let missing = match gap {
                Gap::KeyFromElsewhere => "key",
                Gap::Signature => "signature",
            };
            let document =
                json!({"verdict": "incomplete", "records": head.seq, "head": head.hash, "missing": missing});
            (Exit::Incomplete, document)
        }
        Verdict::Broken(broken) => {
            let document =
                json!({"verdict": "broken", "line": broken.line, "fault": broken.fault.to_string()});
            (Exit::No, document)
        }
    }
}

fn said(verdict: Verdict, voice: &Voice) -> String {
    match verdict {
        Verdict::Valid { head } => {
            voice.say_with("ledger-valid", &[("records", &head.seq), ("head", &head.hash)])
        }
        Verdict::Incomplete { head, gap } => {
            let id = match gap {
                Gap::KeyFromElsewhere => "ledger-needs-key",
                Gap::Signature => "ledger-needs-signature",
            };
            voice.say_with(id, &[("records", &head.seq), ("head", &head.hash)])
        }
        Verdict::Broken(broken) => {
            let fault = voice.say(fault_id(broken.fault));
            voice.say_with("ledger-broken", &[("line", &broken.line), ("fault", &fault)])
        }
    }
}

const fn fault_id(fault: hanare_ledger::Fault) -> &'static str {
    use hanare_ledger::Fault;
    match fault {
        Fault::Form => "fault-form",
        Fault::Sequence => "fault-sequence",
        Fault::Link => "fault-link",
        Fault::Signature => "fault-signature",
        Fault::End => "fault-end",
        Fault::Export => "fault-export",
    }
}
