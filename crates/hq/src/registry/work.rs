//! Opening work: a proof that was looked at becomes a session, or a refusal that counts.

use std::time::Duration;

use hanare_ledger::Entry;
use hanare_model::work::{Notice, WorkEnd, WorkRefusal};
use hanare_model::{PersonId, PublicKey, Timestamp};
use serde_json::json;

use super::notice::{self, notices};
use super::rows::{NodeRow, PersonRow, SessionRow, TryKey};
use super::tries::{self, Tried};
use super::{Change, Context, Decision, Outcome, Registry, receipts};
use crate::identity::{Account, Proof};

/// How long a session lives if nothing ends it before.
const LIFE: Duration = Duration::from_hours(24);
/// Machines on which one person's work is open at a time: the PC that they forgot to close, and the one they sit at.
const MACHINES: usize = 2;

/// A person's proof on a node, looked at by the identity provider.
#[derive(Debug)]
pub(crate) struct Opening {
    pub node: PublicKey,
    pub person: PersonId,
    /// What the proof was compared with; it may have changed since.
    pub account: Option<Account>,
    pub proof: Proof,
    /// SHA-256 of the token that will be given out.
    pub fingerprint: [u8; 32],
}

/// What became of an opening.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    /// It is open.
    Open { name: String, until: Timestamp, notices: Vec<Notice> },
    /// It is not.
    Refused(WorkRefusal),
}

/// What a proof of this name on this node is to be compared with, or how long it must wait for that.
pub(crate) fn account(
    registry: &Registry,
    node: &NodeRow,
    person: &PersonId,
    now: Timestamp,
) -> Result<Option<Account>, WorkRefusal> {
    let here = tries::key(&node.company, person, node.public_key);
    match Tried::new(registry, &here, now).wait() {
        Some(retry_after_seconds) => Err(WorkRefusal::Locked { retry_after_seconds }),
        None => Ok(colleague(registry, node, person).map(|row| row.account.clone())),
    }
}

/// The person, if they work for the node's company: on another one's node they are nobody.
fn colleague<'a>(registry: &'a Registry, node: &NodeRow, person: &PersonId) -> Option<&'a PersonRow> {
    registry.persons.get(person).filter(|row| row.company == node.company)
}

pub(super) fn open(registry: &Registry, context: &Context, opening: Opening) -> Decision {
    let enrolled = registry.nodes.get(&opening.node).filter(|node| node.revoked_at.is_none());
    let Some(node) = enrolled else {
        return refused(WorkRefusal::NotHere);
    };
    let here = tries::key(&node.company, &opening.person, node.public_key);
    // Another proof may have locked it since this one was let through.
    if let Some(retry_after_seconds) = Tried::new(registry, &here, context.now).wait() {
        let subject = colleague(registry, node, &here.person).map_or("", |person| person.id.as_str());
        let locked = refused(WorkRefusal::Locked { retry_after_seconds });
        return locked.recorded(context, "work.refused", subject, told(node, "locked"));
    }
    let Some(person) = colleague(registry, node, &opening.person) else {
        let why =
            if registry.persons.contains_key(&opening.person) { "other-company" } else { "unknown-person" };
        return wrong(registry, context, node, &here, why);
    };
    let (step, new) = match opening.proof {
        Proof::Wrong(why) => return wrong(registry, context, node, &here, why),
        Proof::Right { step, new } => (step, new),
    };
    let compared = opening.account.as_ref();
    if compared
        .is_none_or(|with| with.password != person.account.password || with.totp != person.account.totp)
    {
        return wrong(registry, context, node, &here, "changed-meanwhile");
    }
    if step <= person.totp_step {
        return wrong(registry, context, node, &here, "used-code");
    }
    // From here on the person has proven themselves. What is refused now uses no code up: they come again with the same one.
    let proven = |refusal, why| {
        refused(refusal).recorded(context, "work.refused", person.id.as_str(), told(node, why))
    };
    if person.disabled_at.is_some() {
        return proven(WorkRefusal::Disabled, "disabled");
    }
    let password = match new {
        Some(Err(fault)) => return proven(WorkRefusal::Password { fault }, "password-unfit"),
        Some(Ok(hash)) => Some(hash),
        None if person.must_change => return proven(WorkRefusal::MustChange, "must-change"),
        None => None,
    };
    let mut row = PersonRow { totp_step: step, ..person.clone() };
    let until = context.now.after(LIFE);
    let (_, notices) = notices(registry, &person.id, context.now);
    let opened = Opened::Open { name: person.name.clone(), until, notices };
    let mut decision = Decision::nothing(Outcome::Opened(opened));
    decision.changes.extend(notice::told(registry, &person.id, context.now));
    if let Some(hash) = password {
        (row.account.password, row.must_change) = (hash, false);
        decision = decision.recorded(context, "person.password-changed", row.id.as_str(), json!({}));
    }
    if let Some(before) = registry.sessions.get(&node.public_key) {
        decision = end(registry, context, decision, before, WorkEnd::NextOpening);
    }
    for session in too_many(registry, &row.id, node, context.now) {
        decision = end(registry, context, decision, session, WorkEnd::Elsewhere);
    }
    let data = json!({ "node": node.name, "until": until });
    decision = decision.recorded(context, "work.opened", row.id.as_str(), data);
    decision.changes.extend(Tried::new(registry, &here, context.now).opened());
    let session = SessionRow {
        node: node.public_key,
        person: row.id.clone(),
        company: row.company.clone(),
        fingerprint: opening.fingerprint,
        opened_at: context.now,
        until,
        ended: None,
    };
    decision = decision.with(receipts::expect(registry, &session));
    decision.with(Change::Session(session)).with(Change::Person(Box::new(row)))
}

/// The person's oldest sessions on other machines, as many as leave too few places for one more.
fn too_many<'a>(
    registry: &'a Registry,
    person: &PersonId,
    node: &NodeRow,
    now: Timestamp,
) -> Vec<&'a SessionRow> {
    let mut open: Vec<_> =
        registry.open_sessions(person, now).filter(|session| session.node != node.public_key).collect();
    open.sort_by_key(|session| session.opened_at);
    let most = open.len().saturating_add(1).saturating_sub(MACHINES);
    open.truncate(most);
    open
}

const fn refused(refusal: WorkRefusal) -> Decision {
    Decision::nothing(Outcome::Opened(Opened::Refused(refusal)))
}

fn told(node: &NodeRow, why: &str) -> serde_json::Value {
    json!({ "why": why, "node": node.name, "public_key": node.public_key })
}

/// A proof that does not hold: one answer, whatever was wrong with it. A name that nobody has here is not written down: what
/// somebody types in its place may be a password.
fn wrong(registry: &Registry, context: &Context, node: &NodeRow, here: &TryKey, why: &str) -> Decision {
    let subject = colleague(registry, node, &here.person).map_or("", |person| person.id.as_str());
    let mut decision =
        refused(WorkRefusal::Proof).recorded(context, "work.refused", subject, told(node, why));
    decision.changes.extend(Tried::new(registry, here, context.now).failed());
    decision
}

/// What was refused before it reached the registry, for the record.
pub(crate) fn refused_before(
    registry: &Registry,
    node: &NodeRow,
    person: Option<&PersonId>,
    (actor, why): (String, &str),
    at: Timestamp,
) -> Entry {
    let known = person.and_then(|person| colleague(registry, node, person));
    let subject = known.map_or_else(String::new, |person| person.id.to_string());
    Entry { at, actor, kind: "work.refused".to_owned(), subject, data: told(node, why) }
}

/// The node's word that work is over.
pub(super) fn close(
    registry: &Registry,
    context: &Context,
    node: &PublicKey,
    fingerprint: &[u8; 32],
) -> Decision {
    let done = Decision::nothing(Outcome::Done);
    match registry.sessions.get(node).filter(|session| session.fingerprint == *fingerprint) {
        Some(session) => end(registry, context, done, session, WorkEnd::Closed),
        None => done,
    }
}

/// Sessions whose day is over.
pub(super) fn lapse(registry: &Registry, context: &Context) -> Decision {
    let over = registry.sessions.values().filter(|session| session.until <= context.now);
    over.fold(Decision::nothing(Outcome::Done), |decision, session| {
        end(registry, context, decision, session, WorkEnd::Expired)
    })
}

/// Everything that a person has open.
pub(super) fn end_all(
    registry: &Registry,
    context: &Context,
    decision: Decision,
    person: &PersonId,
    why: WorkEnd,
) -> Decision {
    let open = registry.sessions.values().filter(|session| session.person == *person);
    open.fold(decision, |decision, session| end(registry, context, decision, session, why))
}

/// Ends a session, once; its node hears of it from its row.
pub(super) fn end(
    registry: &Registry,
    context: &Context,
    decision: Decision,
    session: &SessionRow,
    why: WorkEnd,
) -> Decision {
    if session.ended.is_some() {
        return decision;
    }
    let node = registry.nodes.get(&session.node).map(|node| &node.name);
    let data = json!({ "node": node, "reason": why });
    let row = SessionRow { ended: Some((context.now, why)), ..session.clone() };
    decision.recorded(context, "work.closed", row.person.as_str(), data).with(Change::Session(row))
}
