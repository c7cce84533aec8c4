//! `hanare handover deletions`: an admin says whether very many deletions at once are meant.

use hanare_hq::admin::{HandoverDecide, HandoverDeletions, HeldDeletions};
use hanare_model::PersonId;
use serde_json::json;

use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::{table, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "PERSON")]
    person: Option<PersonId>,
    #[arg(long, conflicts_with = "put_back", requires = "person")]
    confirm: bool,
    #[arg(long, requires = "person")]
    put_back: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { person, confirm, put_back, confirmation } = self;
        let held = context.ask(HandoverDeletions {})?.items;
        let is_asked = |held: &HeldDeletions| person.as_ref().is_none_or(|person| *person == held.person);
        let held: Vec<HeldDeletions> = held.into_iter().filter(is_asked).collect();
        let files: u64 = held.iter().map(|held| held.files).sum();
        let Some(person) = person.filter(|_| confirm || put_back) else {
            context.out.result("handover.deletions", &json!({"deletions": held}), |voice| {
                let headings = ["label-person", "label-company", "label-node", "label-files", "label-asked"];
                table::rows(voice, &headings, held.iter().map(row).collect())
            })?;
            context.out.talk("deletions-held", &[("files", &files)]);
            return Ok(Exit::Good);
        };
        let what = context.out.voice().say_with("what-deletions", &[("files", &files)]);
        if confirm && files > 0 && !confirmation.go_on(context, &what)? {
            let document = json!({"deletions": held, "dry_run": true});
            context.out.result("handover.deletions", &document, |_| String::new())?;
            return Ok(Exit::Good);
        }
        let decided = context.ask(HandoverDecide { person, confirm })?;
        context.out.result("handover.deletions", &decided, |_| String::new())?;
        let said = match (decided.files, decided.confirmed) {
            (0, _) => "deletions-held",
            (_, true) => "deletions-confirmed",
            (_, false) => "deletions-put-back-there",
        };
        context.out.talk(said, &[("files", &decided.files)]);
        Ok(Exit::Good)
    }
}

fn row(held: &HeldDeletions) -> Vec<String> {
    vec![
        held.person.to_string(),
        held.company.to_string(),
        held.node.to_string(),
        held.files.to_string(),
        times::tell(held.at),
    ]
}
