//! `hanare audit history`: an office's reports that are kept here, the oldest first.

use hanare_model::OfficeId;
use serde_json::{Value, json};

use super::office::{Kept, Office};
use super::words;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::table;
use crate::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    office: OfficeId,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let kept = Office::of(context, &self.office).kept()?;
        let documents: Vec<Value> = kept.iter().map(document).collect();
        context.out.result("audit.history", &json!({"reports": documents}), |voice| {
            let row = |kept: &Kept| match &kept.report {
                None => vec![
                    "-".to_owned(),
                    voice.say("audit-damaged"),
                    String::new(),
                    String::new(),
                    kept.file(),
                ],
                Some(report) => vec![
                    times::tell(report.at),
                    voice.say(words::grade(report.grade.without_waivers)),
                    voice.say(words::grade(report.grade.with_waivers)),
                    format!("{} / {}", report.score.points, report.score.most),
                    kept.file(),
                ],
            };
            let headings = ["label-at", "label-grade", "label-grade-waived", "label-score", "label-path"];
            table::rows(voice, &headings, kept.iter().map(row).collect())
        })?;
        Ok(match () {
            () if kept.iter().any(|kept| kept.report.is_none()) => Exit::No,
            () if kept.is_empty() => Exit::Incomplete,
            () => Exit::Good,
        })
    }
}

fn document(kept: &Kept) -> Value {
    let report = kept.report.as_ref();
    json!({
        "path": kept.path, "intact": report.is_some(), "at": report.map(|report| report.at),
        "grade": report.map(|report| &report.grade), "score": report.map(|report| report.score),
        "counts": report.map(|report| &report.counts),
    })
}
