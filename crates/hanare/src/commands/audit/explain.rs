//! `hanare audit explain`: what an item wants, how it is known, how it is checked, what to do.

use std::path::PathBuf;

use hanare_audit::Item;

use super::{checklist, list, words};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table;
use crate::voice::Voice;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    id: String,
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let item = checklist.item(&self.id).ok_or_else(|| unknown(&self.id))?;
        context.out.result("audit.explain", &list::fields(item), |voice| told(item, voice))?;
        Ok(Exit::Good)
    }
}

/// No item of that id: wrong usage.
pub(super) fn unknown(id: &str) -> Failure {
    Failure::new(Exit::Usage, "audit-no-item").with("id", id)
}

fn told(item: &Item, voice: &Voice) -> String {
    let text = |texts| words::text(texts, voice);
    let checks: Vec<String> = item
        .views
        .iter()
        .map(|view| {
            let by = if item.checks.contains_key(view) { "audit-by-machine" } else { "audit-by-nobody" };
            format!("{view}: {}", voice.say(by))
        })
        .collect();
    table::fields(
        voice,
        vec![
            ("label-id", item.id.clone()),
            ("label-item", text(&item.title)),
            ("label-measure", text(&item.measure)),
            ("label-tier", voice.say(words::tier(item.tier))),
            ("label-confidence", voice.say(words::confidence(item.confidence))),
            ("label-sources", item.sources.join(", ")),
            ("label-official", item.official_ref.clone()),
            ("label-responsible", voice.say(words::responsible(item.responsible))),
            ("label-checked", checks.join(", ")),
            ("label-attestation", item.attestation.as_ref().map(text).unwrap_or_default()),
            ("label-evidence-days", item.evidence_days.to_string()),
            ("label-requires", item.requires.join(", ")),
            ("label-remedy", text(&item.remedy)),
        ],
    )
}
