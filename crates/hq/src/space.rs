//! How much work a person, or a whole company, may hold at headquarters, and does. What is there already stays, also above a
//! new limit.

use hanare_handover::store::Owner;
use hanare_ledger::Entry;
use serde_json::Value;

use crate::admin::{CompanyQuota, CompanySpace, Noun, PersonQuota, Problem, Quota, Space};
use crate::answers::json;
use crate::held::problem;
use crate::random;
use crate::registry::{Act, Registry};
use crate::shared::Hq;

pub(crate) async fn person(
    hq: &Hq,
    registry: &Registry,
    uid: u32,
    ask: &PersonQuota,
) -> Result<Value, Problem> {
    let missing = || Problem::Missing { noun: Noun::Person, id: ask.id.to_string() };
    let row = registry.persons.get(&ask.id).ok_or_else(missing)?;
    let owner = Owner { company: row.company.clone(), person: row.id.clone() };
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    if let Some(change) = ask.change {
        let bytes = noted(hq, uid, change, ("person.quota", row.id.to_string())).await?;
        store.limit(&owner, bytes).await.map_err(|error| problem(&error))?;
    }
    let (quota, used) = store.space(&owner).await.map_err(|error| problem(&error))?;
    json(&Space { person: owner.person, quota, used })
}

pub(crate) async fn company(
    hq: &Hq,
    registry: &Registry,
    uid: u32,
    ask: &CompanyQuota,
) -> Result<Value, Problem> {
    if !registry.companies.contains_key(&ask.id) {
        return Err(Problem::Missing { noun: Noun::Company, id: ask.id.to_string() });
    }
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    if let Some(change) = ask.change {
        let bytes = noted(hq, uid, change, ("company.quota", ask.id.to_string())).await?;
        store.limit_company(&ask.id, bytes).await.map_err(|error| problem(&error))?;
    }
    let (quota, used) = store.company_space(&ask.id).await.map_err(|error| problem(&error))?;
    json(&CompanySpace { company: ask.id.clone(), quota, used })
}

/// A limit, once it is on the ledger.
async fn noted(
    hq: &Hq,
    uid: u32,
    change: Quota,
    (kind, subject): (&str, String),
) -> Result<Option<u64>, Problem> {
    let bytes = match change {
        Quota::None => None,
        Quota::Bytes(bytes) => Some(bytes),
    };
    let data = serde_json::json!({ "bytes": bytes });
    let (at, actor) = (random::now(), format!("uid {uid}"));
    let entry = Entry { at, actor, kind: kind.to_owned(), subject, data };
    hq.writer.act("hq", Act::Note(entry)).await?;
    Ok(bytes)
}
