//! `hanare audit verify`: offline, whether a report is exactly what was signed, and extends what was taken home.

use std::path::{Path, PathBuf};

use hanare_audit::{MAX_REPORT, Report, verify};
use hanare_ledger::signed::{Refused, signature_path};
use hanare_ledger::{Hash, sshsig};
use hanare_model::Timestamp;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{input, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    report: PathBuf,
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    #[arg(long, value_name = "TIME")]
    not_before: Option<Timestamp>,
}

/// What came of it.
enum Judged {
    Good(Box<Report>, Hash),
    Old(Box<Report>, Hash),
    Apart(Hash),
    Bad(Refused),
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let head = self.head.as_deref().map(hash).transpose()?;
        let judged = judge(&self.report, &self.key, head, self.not_before)?;
        let (exit, document) = match &judged {
            Judged::Good(report, hash) => {
                (Exit::Good, json!({"valid": true, "office": report.office, "at": report.at, "hash": hash}))
            }
            Judged::Old(report, hash) => {
                let document = json!({"valid": true, "office": report.office, "at": report.at, "hash": hash, "reason": "old"});
                (Exit::Incomplete, document)
            }
            Judged::Apart(hash) => (Exit::No, json!({"valid": false, "reason": "head", "hash": hash})),
            Judged::Bad(why) => (Exit::No, json!({"valid": false, "reason": why})),
        };
        context.out.result("audit.verify", &document, |voice| match &judged {
            Judged::Good(report, hash) => {
                voice.say_with("audit-valid", &[("at", &times::tell(report.at)), ("hash", hash)])
            }
            Judged::Old(report, _) => voice.say_with("audit-old", &[("at", &times::tell(report.at))]),
            Judged::Apart(_) => voice.say("audit-apart"),
            Judged::Bad(why) => voice.say_with("audit-invalid", &[("why", &voice.say(refused(*why)))]),
        })?;
        Ok(exit)
    }
}

fn judge(
    path: &Path,
    key: &Path,
    head: Option<Hash>,
    not_before: Option<Timestamp>,
) -> Result<Judged, Failure> {
    let key = sshsig::parse_openssh_key(&input::text(key)?).map_err(|error| {
        Failure::new(Exit::Input, "audit-public-key").with("path", key.display()).because(&error)
    })?;
    let bytes = input::bytes(path, MAX_REPORT)?;
    let Some(signature) = input::bytes_if_any(&signature_path(path), MAX_REPORT)? else {
        return Ok(Judged::Bad(Refused::Unsigned));
    };
    let report = match verify(&bytes, &signature, &key) {
        Ok(report) => Box::new(report),
        Err(why) => return Ok(Judged::Bad(why)),
    };
    let own = Hash::of(&bytes);
    Ok(match (head, not_before) {
        (Some(head), _) if !report.extends(own, head) => Judged::Apart(own),
        (_, Some(time)) if report.at < time => Judged::Old(report, own),
        _ => Judged::Good(report, own),
    })
}

fn hash(text: &str) -> Result<Hash, Failure> {
    text.parse().map_err(|_| Failure::new(Exit::Usage, "audit-hash").with("what", text))
}

const fn refused(why: Refused) -> &'static str {
    match why {
        Refused::Unsigned => "receipt-unsigned",
        Refused::Form => "report-form",
        Refused::Changed => "receipt-changed",
        Refused::Signer => "report-signer",
        Refused::Content => "report-content",
    }
}
