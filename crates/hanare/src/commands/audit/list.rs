//! `hanare audit list`: the checklist's items in a table.

use std::path::PathBuf;

use hanare_audit::Item;
use hanare_facts::View;
use serde_json::{Value, json};

use super::{checklist, words};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::table;
use crate::voice::Voice;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let items: Vec<Value> = checklist.items.iter().map(fields).collect();
        context.out.result("audit.list", &json!({"items": items}), |voice| {
            let headings = ["label-id", "label-tier", "label-views", "label-checked", "label-item"];
            table::rows(voice, &headings, checklist.items.iter().map(|item| row(item, voice)).collect())
        })?;
        Ok(if items.is_empty() { Exit::Incomplete } else { Exit::Good })
    }
}

/// An item as JSON.
pub(super) fn fields(item: &Item) -> Value {
    let checks: Vec<View> = item.checks.keys().copied().collect();
    json!({
        "id": item.id, "tier": item.tier, "confidence": item.confidence, "sources": item.sources,
        "official_ref": item.official_ref, "views": item.views, "responsible": item.responsible,
        "effort": item.effort, "evidence_days": item.evidence_days, "requires": item.requires,
        "title": item.title, "measure": item.measure, "remedy": item.remedy,
        "attestation": item.attestation, "checked_from": checks,
    })
}

fn row(item: &Item, voice: &Voice) -> Vec<String> {
    let checked = match (item.checks.is_empty(), item.attestation.is_some()) {
        (false, _) => "audit-by-machine",
        (true, true) => "audit-by-person",
        (true, false) => "audit-by-nobody",
    };
    vec![
        item.id.clone(),
        voice.say(words::tier(item.tier)),
        table::list(&item.views),
        voice.say(checked),
        words::text(&item.title, voice),
    ]
}
