//! `hanare audit diff`: what got better and what got worse between two reports, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hanare_audit::{BothTexts, MAX_REPORT, Report, Said, Status};
use hanare_facts::View;
use serde_json::{Value, json};

use super::words;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::table;
use crate::voice::Voice;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    old: PathBuf,
    new: PathBuf,
}

/// What each report says of one item from one view.
type Both<'a> = (Option<&'a Said>, Option<&'a Said>);

/// An item from a view that came out differently.
struct Change<'a> {
    id: &'a str,
    view: View,
    from: Option<&'a Said>,
    to: Option<&'a Said>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let (old, new) = (read(&self.old)?, read(&self.new)?);
        let changes = changes(&old, &new);
        let document: Vec<Value> = changes.iter().map(Change::document).collect();
        context.out.result("audit.diff", &json!({"changes": document}), |voice| told(&changes, voice))?;
        Ok(if changes.iter().any(Change::is_worse) { Exit::No } else { Exit::Good })
    }
}

/// A report in a file. Who signed it is for `verify` to say.
pub(super) fn read(path: &Path) -> Result<Report, Failure> {
    let bytes = input::bytes(path, MAX_REPORT)?;
    Report::read(&bytes).ok_or_else(|| Failure::new(Exit::Input, "audit-report").with("path", path.display()))
}

fn changes<'a>(old: &'a Report, new: &'a Report) -> Vec<Change<'a>> {
    let mut both: BTreeMap<(&str, View), Both<'_>> = BTreeMap::new();
    for said in &old.results {
        both.entry((&said.id, said.view)).or_default().0 = Some(said);
    }
    for said in &new.results {
        both.entry((&said.id, said.view)).or_default().1 = Some(said);
    }
    let status = |said: Option<&Said>| said.map(|said| said.status);
    both.into_iter()
        .filter(|(_, (from, to))| status(*from) != status(*to))
        .map(|((id, view), (from, to))| Change { id, view, from, to })
        .collect()
}

impl Change<'_> {
    fn is_worse(&self) -> bool {
        // What is not in a report is what nobody knows.
        let rank = |said: Option<&Said>| said.map_or(Status::Unknown, |said| said.status);
        rank(self.to) < rank(self.from)
    }

    fn document(&self) -> Value {
        let status = |said: Option<&Said>| said.map(|said| said.status);
        json!({
            "id": self.id, "view": self.view, "from": status(self.from), "to": status(self.to),
            "worse": self.is_worse(), "reason": self.to.map(|said| &said.reason),
            "reason_ja": self.to.map(|said| &said.reason_ja),
        })
    }
}

fn told(changes: &[Change<'_>], voice: &Voice) -> String {
    let word = |said: Option<&Said>| {
        said.map_or_else(|| "-".to_owned(), |said| voice.say(words::status(said.status)))
    };
    let row = |change: &Change<'_>| {
        let way = if change.is_worse() { "audit-worse" } else { "audit-better" };
        let reason = change.to.map(|said| BothTexts { ja: said.reason_ja.clone(), en: said.reason.clone() });
        vec![
            voice.say(way),
            change.id.to_owned(),
            change.view.to_string(),
            word(change.from),
            word(change.to),
            reason.map(|reason| words::text(&reason, voice)).unwrap_or_default(),
        ]
    };
    let headings = ["label-change", "label-id", "label-view", "label-from", "label-to", "label-why"];
    table::rows(voice, &headings, changes.iter().map(row).collect())
}
