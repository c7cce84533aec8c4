//! What is wrong with a checklist, as a failure that points at its place.

use std::path::Path;

use hanare_audit::{ChecklistError, Fault, MAX_LEN, VERSION};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A checklist that cannot be used: `FILE:LINE:COLUMN`.
pub(crate) fn checklist_error(error: &ChecklistError, file: &Path) -> Failure {
    let place = format!("{}:{}:{}", file.display(), error.position.line, error.position.column);
    Failure::new(Exit::Input, "checklist").with("place", place).with_phrase("cause", fault(&error.fault))
}

fn fault(fault: &Fault) -> Phrase {
    let about = |id, what: &dyn std::fmt::Display| Phrase::new(id).with("what", what);
    match fault {
        Fault::Form(text) => super::toml::form(text),
        Fault::TooLong(bytes) => about("checklist-too-long", bytes).with("most", MAX_LEN),
        Fault::Version(version) => about("policy-version", version).with("known", VERSION),
        Fault::Id(id) => about("checklist-id", id),
        Fault::Twice(id) => about("checklist-twice", id),
        Fault::NoItem(id) => about("checklist-no-item", id),
        Fault::Cycle(id) => about("checklist-cycle", id),
        Fault::NoView => Phrase::new("checklist-no-view"),
        Fault::StrayView(view) => about("checklist-stray-view", view),
        Fault::Empty => Phrase::new("checklist-empty"),
        Fault::Wants(what) => about("checklist-wants", what),
        Fault::Stray(what) => about("checklist-stray", what),
        Fault::Number { given, most } => about("checklist-number", given).with("most", most),
        Fault::Day(day) => about("checklist-day", day),
    }
}
