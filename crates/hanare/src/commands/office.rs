//! `hanare office`: satellite office buildings.

use std::collections::BTreeMap;

use clap::Subcommand;
use hanare_hq::admin::{self, OfficeAdd, OfficeList, OfficeRemove, OfficeShow};
use hanare_model::OfficeId;
use serde_json::json;

use super::company::added_id;
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table;
use crate::times;
use crate::voice::Voice;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add {
        id: OfficeId,
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Facts about the building for the audit: a key and its value, in one word or two, as often as needed.
        #[arg(long, num_args = 1..=2, value_names = ["KEY=VALUE"], action = clap::ArgAction::Append)]
        site_key: Vec<String>,
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
            Self::Add { id, name, site_key } => {
                let site = site(site_key)?;
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

/// Keys and their values from words: `KEY=VALUE`, or a key and then its value.
fn site(words: Vec<String>) -> Result<BTreeMap<String, String>, Failure> {
    let mut words = words.into_iter();
    let mut site = BTreeMap::new();
    while let Some(word) = words.next() {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => match words.next() {
                Some(value) => (word, value),
                None => return Err(Failure::new(Exit::Usage, "office-site-key").with("key", word)),
            },
        };
        if key.is_empty() {
            return Err(Failure::new(Exit::Usage, "office-site-key").with("key", format!("={value}")));
        }
        site.insert(key, value);
    }
    Ok(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<Vec<(String, String)>> {
        site(words.iter().map(ToString::to_string).collect()).ok().map(|site| site.into_iter().collect())
    }

    #[test]
    fn a_fact_is_one_word_or_two() {
        let both =
            [("address", "a=b, c"), ("floor", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read(&["floor", "3", "address", "a=b, c"]).unwrap(), both);
        assert_eq!(read(&["floor=3", "address=a=b, c"]).unwrap(), both);
        assert_eq!(read(&["floor=3", "address", "a=b, c"]).unwrap(), both);
        assert!(read(&["floor=3", "roof"]).is_none() && read(&["=3"]).is_none());
    }
}
