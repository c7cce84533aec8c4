//! `hanare company`: tenants.

use clap::Subcommand;
use hanare_hq::admin::{self, CompanyAdd, CompanyList, CompanyQuota, CompanyRemove};
use hanare_model::CompanyId;
use serde_json::json;

use super::person::{Limit, room};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add {
        id: CompanyId,
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    List,
    Quota {
        #[arg(value_name = "ID")]
        id: CompanyId,
        #[arg(value_name = "SIZE|none")]
        size: Option<Limit>,
    },
    Remove {
        id: CompanyId,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add { id, name } => {
                let added = context.ask(CompanyAdd { id, name })?;
                context.out.talk(added_id(added.created), &[("what", &added.item.id)]);
                context.out.result("company.add", &added, |_| String::new())?;
            }
            Self::List => list(context)?,
            Self::Quota { id, size } => quota(context, id, size)?,
            Self::Remove { id, confirmation } => {
                let what = context.out.voice().say_with("what-company", &[("id", &id)]);
                if confirmation.go_on(context, &what)? {
                    let removed = context.ask(CompanyRemove { id })?;
                    context.out.talk("removed", &[("what", &what)]);
                    context.out.result("company.remove", &removed, |_| String::new())?;
                } else {
                    context
                        .out
                        .result("company.remove", &json!({"id": id, "dry_run": true}), |_| String::new())?;
                }
            }
        }
        Ok(Exit::Good)
    }
}

fn quota(context: &Context, id: CompanyId, size: Option<Limit>) -> Result<(), Failure> {
    let space = context.ask(CompanyQuota { id, change: size.map(|Limit(quota)| quota) })?;
    context.out.result("company.quota", &space, |voice| {
        room(voice, ("label-company", space.company.to_string()), space.quota, space.used)
    })?;
    Ok(())
}

/// What to say about something that was added, or was there.
pub(super) const fn added_id(created: bool) -> &'static str {
    if created { "added" } else { "unchanged" }
}

fn list(context: &Context) -> Result<(), Failure> {
    let companies = context.ask(CompanyList {})?.items;
    let row = |company: &admin::Company| {
        vec![company.id.to_string(), company.name.clone(), company.rooms.to_string()]
    };
    context.out.result("company.list", &json!({"companies": companies}), |voice| {
        let rows = companies.iter().map(row).collect();
        table::rows(voice, &["label-company", "label-name", "label-rooms"], rows)
    })?;
    Ok(())
}
