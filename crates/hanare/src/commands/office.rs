//! `hanare office`: satellite office buildings.

use clap::Subcommand;
use hanare_hq::admin::{self, OfficeAdd, OfficeList, OfficeRemove, OfficeShow};
use hanare_model::OfficeId;
use serde_json::json;

use super::company::added_id;
use super::site_keys::SiteKeys;
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::table;
use crate::times;
use crate::voice::Voice;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add {
        id: OfficeId,
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        #[command(flatten)]
        site: SiteKeys,
    },
    List,
    Show {
        id: OfficeId,
    },
    Remove {
        id: OfficeId,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add { id, name, site } => {
                let site = site.read()?;
                let added = context.ask(OfficeAdd { id, name, site })?;
                context.out.talk(added_id(added.created), &[("what", &added.item.id)]);
                context.out.result("office.add", &added, |_| String::new())?;
            }
            Self::List => {
                let offices = context.ask(OfficeList {})?.items;
                context.out.result("office.list", &json!({"offices": offices}), |voice| {
                    let headings = ["label-office", "label-name", "label-rooms"];
                    let row = |office: &admin::Office| {
                        vec![office.id.to_string(), office.name.clone(), table::list(&office.rooms)]
                    };
                    table::rows(voice, &headings, offices.iter().map(row).collect())
                })?;
            }
            Self::Show { id } => {
                let office = context.ask(OfficeShow { id })?;
                context.out.result("office.show", &office, |voice| show(&office, voice))?;
            }
            Self::Remove { id, confirmation } => {
                let what = context.out.voice().say_with("what-office", &[("id", &id)]);
                if confirmation.go_on(context, &what)? {
                    let removed = context.ask(OfficeRemove { id })?;
                    context.out.talk("removed", &[("what", &what)]);
                    context.out.result("office.remove", &removed, |_| String::new())?;
                } else {
                    context
                        .out
                        .result("office.remove", &json!({"id": id, "dry_run": true}), |_| String::new())?;
                }
            }
        }
        Ok(Exit::Good)
    }
}

fn show(office: &admin::Office, voice: &Voice) -> String {
    let site: Vec<String> = office.site.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    table::fields(
        voice,
        vec![
            ("label-office", office.id.to_string()),
            ("label-name", office.name.clone()),
            ("label-rooms", table::list(&office.rooms)),
            ("label-site", site.join("\n")),
            ("label-created", times::tell(office.created_at)),
        ],
    )
}
