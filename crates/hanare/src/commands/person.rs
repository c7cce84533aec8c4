//! `hanare person`: employees, as headquarters knows them.

use clap::Subcommand;
use hanare_hq::admin::{
    Person, PersonAdd, PersonDisable, PersonGiven, PersonList, PersonQuota, PersonReset, PersonState, Quota,
};
use hanare_model::{CompanyId, PersonId, Secret};
use serde_json::json;

use super::company::added_id;
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sizes::{NotASize, Size};
use crate::voice::Voice;
use crate::{qr, show, table, times};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add {
        id: PersonId,
        #[arg(long, value_name = "ID")]
        company: Option<CompanyId>,
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        #[arg(long)]
        qr: bool,
    },
    List,
    Quota {
        #[arg(value_name = "ID")]
        id: PersonId,
        #[arg(value_name = "SIZE|none")]
        size: Option<Limit>,
    },
    Disable {
        id: PersonId,
        #[arg(long, value_name = "ID")]
        successor: Option<PersonId>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    Reset {
        id: PersonId,
        #[arg(long)]
        totp: bool,
        #[arg(long)]
        qr: bool,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add { id, company, name, qr } => {
                let added = context.ask(PersonAdd { id, company, name })?;
                give(context, "person.add", &added, qr)?;
                context.out.talk(added_id(added.created), &[("what", &added.person.id)]);
                if added.created {
                    context.out.talk("person-once", &[]);
                }
            }
            Self::List => list(context)?,
            Self::Quota { id, size } => quota(context, id, size)?,
            Self::Disable { id, successor, confirmation } => disable(context, id, successor, confirmation)?,
            Self::Reset { id, totp, qr } => {
                let reset = context.ask(PersonReset { id, totp })?;
                give(context, "person.reset", &reset, qr)?;
                context.out.talk("person-reset", &[("person", &reset.person.id)]);
                context.out.talk("person-once", &[]);
            }
        }
        Ok(Exit::Good)
    }
}

/// Shows what is shown once.
fn give(context: &Context, name: &str, given: &PersonGiven, qr: bool) -> Result<(), Failure> {
    let code = match &given.totp_url {
        Some(url) if qr && !context.out.json() => Some(qr::draw(url.expose())?),
        Some(_) | None => None,
    };
    context.out.result(name, given, |voice| {
        let text = |secret: &Option<Secret>| {
            secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default()
        };
        if given.password.is_none() {
            return String::new();
        }
        let fields = table::fields(
            voice,
            vec![
                ("label-person", given.person.id.to_string()),
                ("label-temporary-password", text(&given.password)),
                ("label-totp-secret", text(&given.totp_secret)),
                ("label-totp-url", text(&given.totp_url)),
            ],
        );
        [Some(fields), code].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(())
}

/// A size, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(super) Quota);

impl std::str::FromStr for Limit {
    type Err = NotASize;
    fn from_str(text: &str) -> Result<Self, NotASize> {
        if text == "none" {
            return Ok(Self(Quota::None));
        }
        text.parse().map(|Size(bytes)| Self(Quota::Bytes(bytes)))
    }
}

fn quota(context: &Context, id: PersonId, size: Option<Limit>) -> Result<(), Failure> {
    let space = context.ask(PersonQuota { id, change: size.map(|Limit(quota)| quota) })?;
    context.out.result("person.quota", &space, |voice| {
        room(voice, ("label-person", space.person.to_string()), space.quota, space.used)
    })?;
    Ok(())
}

/// How much somebody may hold, and does.
pub(super) fn room(voice: &Voice, whose: (&str, String), quota: Option<u64>, used: u64) -> String {
    let quota = quota.map_or_else(|| voice.say("quota-none"), show::size);
    table::fields(voice, vec![whose, ("label-quota", quota), ("label-size", show::size(used))])
}

fn list(context: &Context) -> Result<(), Failure> {
    let persons = context.ask(PersonList {})?.items;
    context.out.result("person.list", &json!({"persons": persons}), |voice| {
        let headings = [
            "label-person",
            "label-name",
            "label-company",
            "label-state",
            "label-open-on",
            "label-successor",
        ];
        table::rows(voice, &headings, persons.iter().map(|person| row(person, voice)).collect())
    })?;
    Ok(())
}

fn row(person: &Person, voice: &Voice) -> Vec<String> {
    let state = match (person.state, person.locked_until) {
        (PersonState::Temporary, None) => voice.say("person-temporary"),
        (PersonState::Active, None) => voice.say("person-active"),
        (PersonState::Disabled, _) => voice.say("person-disabled"),
        (PersonState::Temporary | PersonState::Active, Some(until)) => {
            voice.say_with("person-locked", &[("until", &times::tell(until))])
        }
    };
    vec![
        person.id.to_string(),
        person.name.clone(),
        person.company.to_string(),
        state,
        table::list(&person.open),
        person.successor.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

fn disable(
    context: &Context,
    id: PersonId,
    successor: Option<PersonId>,
    confirmation: Confirmation,
) -> Result<(), Failure> {
    let what = context.out.voice().say_with("what-person", &[("id", &id)]);
    if !confirmation.go_on(context, &what)? {
        let document = json!({"id": id, "successor": successor, "dry_run": true});
        context.out.result("person.disable", &document, |_| String::new())?;
        return Ok(());
    }
    let ended = context.ask(PersonDisable { id, successor })?;
    let said = if ended.changed { "person-ended" } else { "person-ended-before" };
    let person = &ended.person.id;
    context.out.talk(said, &[("person", person)]);
    if let (Some(passed), Some(successor)) = (&ended.passed, &ended.person.successor) {
        let (files, size, folder) = (&passed.files, show::size(passed.bytes), &passed.folder);
        context.out.talk(
            "person-passed",
            &[
                ("person", person),
                ("successor", successor),
                ("files", files),
                ("size", &size),
                ("folder", folder),
            ],
        );
        if passed.left > 0 {
            context.out.warn("person-passed-part", &[("files", &passed.left)]);
        }
    }
    context.out.result("person.disable", &ended, |_| String::new())?;
    Ok(())
}
