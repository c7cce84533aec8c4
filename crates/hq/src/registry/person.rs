//! Persons: adding, resetting, disabling.

use hanare_model::CompanyId;
use hanare_model::work::WorkEnd;
use serde_json::json;

use super::rows::PersonRow;
use super::tenants::{exists, missing, text};
use super::{Change, Context, Decision, Registry, tries, work};
use crate::admin::{Field, Noun, PersonAdd, PersonDisable, PersonEnded, PersonGiven, PersonReset, Problem};
use crate::identity::{Account, Credentials};
use crate::show;

/// What an admin asks about a person that needs secrets: they were made beforehand, because that takes time.
#[derive(Debug)]
pub(crate) enum PersonAct {
    /// A new person.
    Add(PersonAdd, Credentials),
    /// A new temporary password.
    Reset(PersonReset, Credentials),
}

pub(super) fn act(registry: &Registry, context: &Context, act: PersonAct) -> Result<Decision, Problem> {
    match act {
        PersonAct::Add(ask, made) => add(registry, context, ask, made),
        PersonAct::Reset(ask, made) => reset(registry, context, &ask, made),
    }
}

fn add(
    registry: &Registry,
    context: &Context,
    ask: PersonAdd,
    made: Credentials,
) -> Result<Decision, Problem> {
    let company = company(registry, ask.company)?;
    let name = ask.name.unwrap_or_else(|| ask.id.to_string());
    text(Field::Name, &name)?;
    if let Some(row) = registry.persons.get(&ask.id) {
        if row.name != name || row.company != company || row.disabled_at.is_some() {
            return Err(exists(Noun::Person, &ask.id));
        }
        let person = show::person(registry, row, context.now);
        let (password, totp_secret, totp_url) = (None, None, None);
        return Decision::answer(&PersonGiven { created: false, person, password, totp_secret, totp_url });
    }
    let Credentials { password, account } = made;
    let row = PersonRow {
        id: ask.id,
        company,
        name,
        created_at: context.now,
        disabled_at: None,
        successor: None,
        account,
        must_change: true,
        totp_step: 0,
    };
    let given = PersonGiven {
        created: true,
        person: show::person(registry, &row, context.now),
        password: Some(password),
        totp_secret: Some(row.account.totp.base32()),
        totp_url: Some(row.account.totp.url(row.id.as_str())),
    };
    let data = json!({ "company": row.company, "name": row.name });
    Ok(Decision::answer(&given)?
        .recorded(context, "person.added", row.id.as_str(), data)
        .with(Change::Person(Box::new(row))))
}

/// The company that is meant, or the only one.
fn company(registry: &Registry, asked: Option<CompanyId>) -> Result<CompanyId, Problem> {
    match asked {
        Some(id) if registry.companies.contains_key(&id) => Ok(id),
        Some(id) => Err(missing(Noun::Company, &id)),
        None => {
            let mut ids = registry.companies.keys();
            match (ids.next(), ids.next()) {
                (Some(only), None) => Ok(only.clone()),
                (_, _) => Err(Problem::CompanyWanted),
            }
        }
    }
}

fn reset(
    registry: &Registry,
    context: &Context,
    ask: &PersonReset,
    made: Credentials,
) -> Result<Decision, Problem> {
    let row = registry.persons.get(&ask.id).ok_or_else(|| missing(Noun::Person, &ask.id))?;
    if row.disabled_at.is_some() {
        return Err(Problem::PersonDisabled { id: ask.id.clone() });
    }
    let Credentials { password, account: Account { password: hash, totp } } = made;
    let (totp, totp_step) = if ask.totp { (totp, 0) } else { (row.account.totp.clone(), row.totp_step) };
    let row =
        PersonRow { account: Account { password: hash, totp }, totp_step, must_change: true, ..row.clone() };
    let mut person = show::person(registry, &row, context.now);
    (person.open, person.locked_until) = (Vec::new(), None);
    let given = PersonGiven {
        created: false,
        person,
        password: Some(password),
        totp_secret: ask.totp.then(|| row.account.totp.base32()),
        totp_url: ask.totp.then(|| row.account.totp.url(row.id.as_str())),
    };
    let data = json!({ "totp": ask.totp });
    let mut decision = Decision::answer(&given)?.recorded(context, "person.reset", row.id.as_str(), data);
    decision.changes.extend(tries::forgive(registry, &row.id, context.now));
    decision = work::end_all(registry, context, decision, &row.id, WorkEnd::Reset);
    Ok(decision.with(Change::Person(Box::new(row))))
}

pub(super) fn disable(
    registry: &Registry,
    context: &Context,
    ask: &PersonDisable,
) -> Result<Decision, Problem> {
    let row = registry.persons.get(&ask.id).ok_or_else(|| missing(Noun::Person, &ask.id))?;
    if let Some(successor) = &ask.successor {
        let heir = registry.persons.get(successor).ok_or_else(|| missing(Noun::Person, successor))?;
        if heir.id == row.id || heir.company != row.company || heir.disabled_at.is_some() {
            let (id, successor) = (row.id.clone(), successor.clone());
            return Err(Problem::Successor { id, successor });
        }
    }
    let successor = ask.successor.clone().or_else(|| row.successor.clone());
    let changed = row.disabled_at.is_none() || successor != row.successor;
    let closed = show::person(registry, row, context.now).open;
    let disabled_at = row.disabled_at.or(Some(context.now));
    let row = PersonRow { disabled_at, successor, ..row.clone() };
    let mut person = show::person(registry, &row, context.now);
    person.open = Vec::new();
    let decision = Decision::answer(&PersonEnded { person, changed, closed, passed: None })?;
    if !changed {
        return Ok(decision);
    }
    let data = json!({ "successor": row.successor });
    let decision = decision.recorded(context, "person.disabled", row.id.as_str(), data);
    let decision = work::end_all(registry, context, decision, &row.id, WorkEnd::Disabled);
    Ok(decision.with(Change::Person(Box::new(row))))
}
