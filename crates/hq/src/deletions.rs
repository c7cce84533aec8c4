//! Deletions of very many files at once, which are held until the person or an admin has said whether they are meant.

use hanare_handover::store::Owner;
use hanare_ledger::Entry;
use serde_json::Value;

use crate::admin::{DeletionsDecided, HandoverDecide, HeldDeletions, Noun, Problem};
use crate::answers::{json, list as items};
use crate::held::problem;
use crate::random;
use crate::registry::{Act, Registry};
use crate::shared::Hq;

pub(crate) async fn list(hq: &Hq) -> Result<Value, Problem> {
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let held = store.vanishing(random::now()).await.map_err(|error| problem(&error))?;
    items(held.into_iter().map(|held| HeldDeletions {
        company: held.company,
        person: held.person,
        node: held.node,
        files: held.files,
        at: held.at,
    }))
}

/// Once it is on the ledger.
pub(crate) async fn decide(
    hq: &Hq,
    registry: &Registry,
    uid: u32,
    ask: &HandoverDecide,
) -> Result<Value, Problem> {
    let missing = || Problem::Missing { noun: Noun::Person, id: ask.person.to_string() };
    let row = registry.persons.get(&ask.person).ok_or_else(missing)?;
    let owner = Owner { company: row.company.clone(), person: row.id.clone() };
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let now = random::now();
    let held = store.vanishing(now).await.map_err(|error| problem(&error))?;
    let of_theirs = held.iter().filter(|held| held.company == owner.company && held.person == owner.person);
    let files: u64 = of_theirs.map(|held| held.files).sum();
    let mut decided = 0;
    if files > 0 {
        let kind = if ask.confirm { "handover.deletions-confirmed" } else { "handover.deletions-put-back" };
        let entry = Entry {
            at: now,
            actor: format!("uid {uid}"),
            kind: kind.to_owned(),
            subject: row.id.to_string(),
            data: serde_json::json!({ "files": files }),
        };
        hq.writer.act("hq", Act::Note(entry)).await?;
        decided = store.decide(&owner, ask.confirm, now).await.map_err(|error| problem(&error))?;
    }
    json(&DeletionsDecided { person: owner.person, confirmed: ask.confirm, files: decided })
}
