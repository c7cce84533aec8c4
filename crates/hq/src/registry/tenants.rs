//! Companies, offices and rooms: adding and removing.

use hanare_model::RoomId;
use hanare_model::plan::{PlanError, QUARANTINE, overlap};
use ipnet::IpNet;
use serde_json::json;

use super::rows::{CompanyRow, OfficeRow, PersonRow, RoomRow};
use super::{Change, Context, Decision, Registry, policy};
use crate::admin::{
    Added, BadText, CompanyAdd, CompanyRemove, Field, Noun, OfficeAdd, OfficeRemove, Owner, Problem, Removed,
    RoomAdd, RoomRemove,
};
use crate::show;

/// Checks a text that a person gave and other people will read.
pub(super) fn text(field: Field, text: &str) -> Result<(), Problem> {
    BadText::check(text).map_err(|reason| Problem::Text { field, reason })
}

pub(super) fn exists(noun: Noun, id: &impl ToString) -> Problem {
    Problem::Exists { noun, id: id.to_string() }
}

pub(super) fn missing(noun: Noun, id: &impl ToString) -> Problem {
    Problem::Missing { noun, id: id.to_string() }
}

pub(super) fn company_add(
    registry: &Registry,
    context: &Context,
    ask: CompanyAdd,
) -> Result<Decision, Problem> {
    let name = ask.name.unwrap_or_else(|| ask.id.to_string());
    text(Field::Name, &name)?;
    if let Some(row) = registry.companies.get(&ask.id) {
        return if row.name == name {
            Decision::answer(&Added { created: false, item: show::company(registry, row) })
        } else {
            Err(exists(Noun::Company, &ask.id))
        };
    }
    let row = CompanyRow { id: ask.id, name, created_at: context.now };
    let data = json!({ "name": row.name });
    let added = Decision::answer(&Added { created: true, item: show::company(registry, &row) })?;
    Ok(added.recorded(context, "company.added", row.id.as_str(), data).with(Change::Company(row)))
}

pub(super) fn company_remove(
    registry: &Registry,
    context: &Context,
    ask: &CompanyRemove,
) -> Result<Decision, Problem> {
    if !registry.companies.contains_key(&ask.id) {
        return Err(missing(Noun::Company, &ask.id));
    }
    let room = registry.rooms.values().find(|room| room.company == ask.id);
    let by =
        room.map(|room| Owner::Room(room.id.clone())).or_else(|| policy::names_company(registry, &ask.id));
    let works_there = |person: &&PersonRow| person.company == ask.id && person.disabled_at.is_none();
    let by = by.or_else(|| {
        registry.persons.values().find(works_there).map(|person| Owner::Person(person.id.clone()))
    });
    if let Some(by) = by {
        return Err(Problem::InUse { noun: Noun::Company, id: ask.id.to_string(), by });
    }
    let removed = Decision::answer(&Removed { id: ask.id.to_string() })?;
    Ok(removed
        .recorded(context, "company.removed", ask.id.as_str(), json!({}))
        .with(Change::CompanyGone(ask.id.clone())))
}

pub(super) fn office_add(
    registry: &Registry,
    context: &Context,
    ask: OfficeAdd,
) -> Result<Decision, Problem> {
    let name = ask.name.unwrap_or_else(|| ask.id.to_string());
    text(Field::Name, &name)?;
    for (key, value) in &ask.site {
        text(Field::Site, key)?;
        text(Field::Site, value)?;
    }
    if let Some(row) = registry.offices.get(&ask.id) {
        return if row.name == name && row.site == ask.site {
            Decision::answer(&Added { created: false, item: show::office(registry, row) })
        } else {
            Err(exists(Noun::Office, &ask.id))
        };
    }
    let row = OfficeRow { id: ask.id, name, site: ask.site, created_at: context.now };
    let data = json!({ "name": row.name, "site": row.site });
    let added = Decision::answer(&Added { created: true, item: show::office(registry, &row) })?;
    Ok(added.recorded(context, "office.added", row.id.as_str(), data).with(Change::Office(row)))
}

pub(super) fn office_remove(
    registry: &Registry,
    context: &Context,
    ask: &OfficeRemove,
) -> Result<Decision, Problem> {
    if !registry.offices.contains_key(&ask.id) {
        return Err(missing(Noun::Office, &ask.id));
    }
    if let Some(room) = registry.rooms.keys().find(|room| *room.office() == ask.id) {
        let by = Owner::Room(room.clone());
        return Err(Problem::InUse { noun: Noun::Office, id: ask.id.to_string(), by });
    }
    let removed = Decision::answer(&Removed { id: ask.id.to_string() })?;
    Ok(removed
        .recorded(context, "office.removed", ask.id.as_str(), json!({}))
        .with(Change::OfficeGone(ask.id.clone())))
}

pub(super) fn room_add(registry: &Registry, context: &Context, ask: RoomAdd) -> Result<Decision, Problem> {
    if !registry.companies.contains_key(&ask.company) {
        return Err(missing(Noun::Company, &ask.company));
    }
    if let Some(row) = registry.rooms.get(&ask.id) {
        let same = row.company == ask.company && ask.prefix.is_none_or(|prefix| prefix == row.place.v4);
        return if same {
            Decision::answer(&Added { created: false, item: show::room(registry, row, context.now) })
        } else {
            Err(exists(Noun::Room, &ask.id))
        };
    }
    let held = registry.held(context.now);
    let place = registry
        .settings
        .overlay
        .place_room(ask.prefix, &registry.places(), &held)
        .map_err(|error| plan_problem(registry, &error))?;
    let office = ask.id.office().clone();
    let row = RoomRow { id: ask.id, company: ask.company, place, created_at: context.now };
    let item = show::room(registry, &row, context.now);
    let data = json!({ "company": row.company, "prefixes": registry.settings.overlay.room(place) });
    let mut added = Decision::answer(&Added { created: true, item })?;
    if !registry.offices.contains_key(&office) {
        let name = office.to_string();
        let data = json!({ "name": name, "site": {} });
        let office =
            OfficeRow { id: office, name, site: std::collections::BTreeMap::new(), created_at: context.now };
        added =
            added.recorded(context, "office.added", office.id.as_str(), data).with(Change::Office(office));
    }
    Ok(added.recorded(context, "room.added", &row.id.to_string(), data).with(Change::Room(row)))
}

pub(super) fn room_remove(
    registry: &Registry,
    context: &Context,
    ask: &RoomRemove,
) -> Result<Decision, Problem> {
    let Some(row) = registry.rooms.get(&ask.id) else {
        return Err(missing(Noun::Room, &ask.id));
    };
    let node = registry.nodes_of(&ask.id).next().map(|node| Owner::Node(node.name.clone()));
    if let Some(by) = node.or_else(|| policy::names_room(registry, &ask.id)) {
        return Err(Problem::InUse { noun: Noun::Room, id: ask.id.to_string(), by });
    }
    let removed = Decision::answer(&Removed { id: ask.id.to_string() })?;
    Ok(room_gone(registry, context, removed, row))
}

/// A room's end: its open invites end, its addresses rest if anybody lived there.
pub(super) fn room_gone(
    registry: &Registry,
    context: &Context,
    mut removed: Decision,
    row: &RoomRow,
) -> Decision {
    for invite in registry.invites.values().filter(|invite| invite.room == row.id && invite.open(context.now))
    {
        let closed = super::InviteRow { closed: true, ..invite.clone() };
        removed = removed.recorded(context, "invite.closed", &closed.id, json!({ "room": row.id }));
        removed = removed.with(Change::Invite(closed));
    }
    let lived_in = registry.nodes.values().any(|node| node.room == row.id);
    if lived_in {
        let until = context.now.after(QUARANTINE);
        for prefix in registry.settings.overlay.room(row.place) {
            removed = removed.with(Change::Quarantine(prefix, until));
        }
    }
    removed
        .recorded(context, "room.removed", &row.id.to_string(), json!({ "quarantined": lived_in }))
        .with(Change::RoomGone(row.id.clone()))
}

/// Says whose the prefix in the way is.
pub(super) fn plan_problem(registry: &Registry, error: &PlanError) -> Problem {
    match *error {
        PlanError::Overlap { prefix, with } => {
            Problem::Overlap { prefix, with, owner: owner(registry, &with) }
        }
        PlanError::Unusable { prefix, reason } => Problem::Prefix { prefix, reason },
        PlanError::Full(prefix) => Problem::Full { place: prefix.to_string() },
    }
}

fn owner(registry: &Registry, with: &IpNet) -> Owner {
    let overlay = &registry.settings.overlay;
    let room: Option<&RoomId> = registry
        .rooms
        .values()
        .find(|room| overlay.room(room.place).iter().any(|prefix| overlap(prefix, with)))
        .map(|room| &room.id);
    match room {
        Some(room) => Owner::Room(room.clone()),
        None if overlay.hq().iter().any(|own| with.contains(own)) => Owner::Headquarters,
        None => Owner::Quarantine,
    }
}
