//! `hanare handover`: work data that headquarters holds.

mod deletions;
mod get;
mod import;
mod place;

use std::path::PathBuf;

use clap::Subcommand;
use hanare_hq::admin::{HandoverFile, HandoverList, HandoverStatus, HandoverTotals};
use hanare_model::Timestamp;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{show, table, times};
use place::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List {
        #[arg(value_name = "ROOM|NODE|PERSON")]
        place: Place,
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
    Get(get::Args),
    Deletions(deletions::Args),
    Status,
    Import {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List { place, at } => list(context, place, at)?,
            Self::Get(args) => return args.run(context),
            Self::Deletions(args) => return args.run(context),
            Self::Status => status(context)?,
            Self::Import { files } => return import::run(context, &files),
        }
        Ok(Exit::Good)
    }
}

fn list(context: &Context, place: Place, at: Option<Timestamp>) -> Result<(), Failure> {
    let source = place.resolve(context)?;
    let mut files = Vec::new();
    let mut after = None;
    loop {
        let page = context.ask(HandoverList { source: source.clone(), at, after })?;
        files.extend(page.files);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    files.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.path.cmp(&b.path)));
    context.out.result("handover.list", &json!({"files": files}), |voice| {
        let headings = ["label-person", "label-path", "label-size", "label-received", "label-node"];
        table::rows(voice, &headings, files.iter().map(row).collect())
    })?;
    Ok(())
}

fn row(file: &HandoverFile) -> Vec<String> {
    vec![
        file.person.to_string(),
        // A name may hold what a terminal would obey.
        String::from_utf8_lossy(file.path.as_bytes()).escape_debug().to_string(),
        show::size(file.size),
        times::tell(file.at),
        file.node.to_string(),
    ]
}

fn status(context: &Context) -> Result<(), Failure> {
    let totals = context.ask(HandoverStatus {})?.items;
    context.out.result("handover.status", &json!({"companies": totals}), |voice| {
        let headings = [
            "label-company",
            "label-persons",
            "label-files",
            "label-versions",
            "label-size",
            "label-stored",
            "label-received",
            "label-sealed",
            "label-quarantined",
        ];
        let mut text = table::rows(voice, &headings, totals.iter().map(total).collect());
        for node in totals.iter().flat_map(|totals| &totals.overfull) {
            text.push_str(&voice.say_with("handover-overfull", &[("node", node)]));
            text.push('\n');
        }
        text
    })?;
    Ok(())
}

fn total(totals: &HandoverTotals) -> Vec<String> {
    let held = &totals.held;
    vec![
        totals.company.clone(),
        held.persons.to_string(),
        held.files.to_string(),
        held.versions.to_string(),
        show::size(held.bytes),
        show::size(held.stored_bytes),
        times::tell_some(held.latest),
        totals.sealed.to_string(),
        totals.quarantined.to_string(),
    ]
}
