//! What a wipe tells at its end: one document, or a few lines for a person.

use std::path::Path;
use std::time::Duration;

use hanare_wipe::tree::Ended;
use hanare_wipe::{Outcome as WipeOutcome, Verdict};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table;
use crate::voice::Voice;

/// Tells it, and gives the exit status that says the same.
pub(super) fn tell(context: &Context, name: &str, ended: &Ended) -> Result<Exit, Failure> {
    let Ended { outcome, verifying, receipt } = ended;
    tell_outcome(context, name, outcome, Some(*verifying), receipt)
}

/// Tells what came of a wipe of any kind; how long the verification took, where that is known apart.
pub(super) fn tell_outcome(
    context: &Context,
    name: &str,
    outcome: &WipeOutcome,
    verifying: Option<Duration>,
    receipt: &Path,
) -> Result<Exit, Failure> {
    let verifying = verifying.unwrap_or_default();
    let mut document = serde_json::to_value(outcome).unwrap_or(Value::Null);
    if let Value::Object(members) = &mut document {
        members.insert("receipt".to_owned(), json!(receipt));
        if let Some(Value::Object(verified)) = members.get_mut("verified") {
            verified.insert("seconds".to_owned(), json!(verifying.as_secs_f64()));
        }
    }
    context.out.result(name, &document, |voice| {
        let seconds = (outcome.seconds - verifying.as_secs_f64()).max(0.0);
        let reread = if outcome.verified.sampled { "label-reread-sampled" } else { "label-reread" };
        table::fields(
            voice,
            vec![
                ("label-verdict", verdict(voice, outcome.verdict)),
                ("label-erased-files", outcome.files.to_string()),
                ("label-overwritten", outcome.bytes.to_string()),
                ("label-erasing", format!("{seconds:.1}")),
                ("label-verifying", format!("{:.1}", verifying.as_secs_f64())),
                (reread, outcome.verified.reread_bytes.to_string()),
                ("label-remnants", outcome.verified.remnants.to_string()),
                ("label-receipt", receipt.display().to_string()),
            ],
        )
    })?;
    for line in skipped(context.out.voice(), outcome) {
        context.out.talk("wipe-skipped", &[("count", &line.0), ("reason", &line.1)]);
    }
    if outcome.absent > 0 {
        context.out.talk("wipe-absent", &[("count", &outcome.absent)]);
    }
    Ok(status(outcome.verdict))
}

/// The worse of a status and a verdict's: a failure before anything partial.
pub(super) fn worse(status: Exit, verdict: Verdict) -> Exit {
    if status == Exit::No || verdict == Verdict::Pass { status } else { self::status(verdict) }
}

/// The exit status of a verdict.
pub(crate) const fn status(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Pass => Exit::Good,
        Verdict::Partial => Exit::Incomplete,
        Verdict::Fail => Exit::No,
    }
}

fn verdict(voice: &Voice, verdict: Verdict) -> String {
    voice.say(match verdict {
        Verdict::Pass => "ended-pass",
        Verdict::Partial => "ended-partial",
        Verdict::Fail => "ended-fail",
    })
}

fn skipped(voice: &Voice, outcome: &WipeOutcome) -> Vec<(u64, String)> {
    let words = |code: &str| voice.say(&format!("skip-{code}"));
    outcome.skipped.iter().map(|entry| (entry.count, words(entry.reason.as_str()))).collect()
}
