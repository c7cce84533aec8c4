//! Work that headquarters holds, for an admin: lists of it, and copies, which want a reason, are on the ledger and told to the
//! persons before anything is given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hanare_handover::WorkPath;
use hanare_handover::protocol::{Browse, Content, Entry, Fetch, frames};
use hanare_handover::store::{Inherited, Owner, Store, StoreError};
use hanare_model::{CompanyId, NodeName, PersonId, Timestamp};
use serde_json::Value;

use crate::admin::{
    Blob, HandoverChunk, HandoverChunks, HandoverContent, HandoverFile, HandoverGranted, HandoverList,
    HandoverPage, HandoverPlace, HandoverSource, HandoverTake, HandoverTaken, HandoverTakenFile,
    HandoverTakenPage, HandoverTotals, Noun, Passed, Person, PersonEnded, Problem,
};
use crate::answers::{json, list as items};
use crate::api::sealed::release_to;
use crate::grants::{Grant, Many};
use crate::random;
use crate::registry::{Act, Passing, Registry, Taken, Taking};
use crate::shared::Hq;

/// From which node a version came that headquarters itself put there.
const HEADQUARTERS: &str = "headquarters";
/// What comes for somebody whose work has passed is gathered for so long before it passes.
const PASSING: Duration = Duration::from_secs(3);
/// Chunks in one answer: four of the largest size are 4 MiB.
const CHUNKS: usize = 4;

/// A list of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    Person(Owner),
    Node(CompanyId, NodeName),
}

/// What an admin names, as lists of the store. What nobody ever handed over is an empty list.
fn lists(registry: &Registry, source: &HandoverSource) -> Result<Vec<List>, Problem> {
    let missing = |noun, id: String| Problem::Missing { noun, id };
    match source {
        HandoverSource::Person(id) => {
            let row = registry.persons.get(id).ok_or_else(|| missing(Noun::Person, id.to_string()))?;
            Ok(vec![List::Person(Owner { company: row.company.clone(), person: row.id.clone() })])
        }
        HandoverSource::Node(name) => {
            let row = registry.node_or_last(name).ok_or_else(|| missing(Noun::Node, name.to_string()))?;
            Ok(vec![List::Node(row.company.clone(), row.name.clone())])
        }
        HandoverSource::Room(id) => {
            if !registry.rooms.contains_key(id) {
                return Err(missing(Noun::Room, id.to_string()));
            }
            let nodes = registry.nodes.values().filter(|node| node.room == *id);
            let mut nodes: Vec<_> = nodes.map(|node| (node.company.clone(), node.name.clone())).collect();
            nodes.sort();
            nodes.dedup();
            Ok(nodes.into_iter().map(|(company, name)| List::Node(company, name)).collect())
        }
    }
}

/// One page of some lists, one after the other.
async fn page(
    store: &Store,
    lists: &[List],
    at: Option<Timestamp>,
    from: Option<HandoverPlace>,
) -> Result<(Vec<(PersonId, Entry)>, Option<HandoverPlace>), Problem> {
    let from = from.unwrap_or(HandoverPlace { list: 0, after: None });
    let Some(list) = lists.get(from.list) else { return Ok((Vec::new(), None)) };
    let (entries, next) = match list {
        List::Person(owner) => {
            let browse = Browse { at, after: from.after, ..Browse::default() };
            let page = store.browse(owner, &browse).await.map_err(|error| problem(&error))?;
            let whose = |entry| (owner.person.clone(), entry);
            (page.entries.into_iter().map(whose).collect(), page.next)
        }
        List::Node(company, node) => {
            let page = store.browse_node(company, node, at, from.after).await;
            page.map_err(|error| problem(&error))?
        }
    };
    let place = match next {
        Some(after) => HandoverPlace { list: from.list, after: Some(after) },
        None => HandoverPlace { list: from.list.saturating_add(1), after: None },
    };
    Ok((entries, (place.list < lists.len()).then_some(place)))
}

pub(crate) async fn list(hq: &Hq, registry: &Registry, ask: HandoverList) -> Result<Value, Problem> {
    let lists = lists(registry, &ask.source)?;
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let (entries, next) = page(store, &lists, ask.at, ask.after).await?;
    let file = |(person, entry): (PersonId, Entry)| {
        let (size, digest, torn) = match entry.content {
            Content::File { size, digest, torn, .. } => (size, Some(digest), torn),
            Content::Link { .. } | Content::Deleted => (0, None, false),
        };
        let Entry { path, version, at, node, .. } = entry;
        HandoverFile { person, path, version, size, digest, at, node, torn }
    };
    json(&HandoverPage { files: entries.into_iter().map(file).collect(), next })
}

pub(crate) async fn status(hq: &Hq) -> Result<Value, Problem> {
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let totals = store.totals().await.map_err(|error| problem(&error))?;
    let waiting = store.waiting().await.map_err(|error| problem(&error))?;
    let quarantined = store.quarantined().await.map_err(|error| problem(&error))?;
    let overfull = store.at_their_bound().await.map_err(|error| problem(&error))?;
    let full_of = |company: &str| {
        overfull.iter().filter(|(of, _)| of == company).map(|(_, node)| node.clone()).collect()
    };
    items(totals.into_iter().map(|(company, totals)| HandoverTotals {
        sealed: waiting.iter().filter(|(of, _)| *of == company).map(|(_, node)| node.count.items).sum(),
        quarantined: quarantined.iter().filter(|(of, _)| *of == company).map(|(_, items)| items).sum(),
        overfull: full_of(&company),
        company,
        held: totals,
    }))
}

/// Counts what is asked for, writes it down, and only then grants it.
pub(crate) async fn take(
    hq: &Arc<Hq>,
    registry: &Registry,
    uid: u32,
    ask: HandoverTake,
) -> Result<Value, Problem> {
    let HandoverTake { source, path, at, reason } = ask;
    let lists = lists(registry, &source)?;
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    // What comes while an admin copies is not what they were granted.
    let until = at.unwrap_or_else(random::now);
    let grant = Grant { uid, lists, path, at: until };
    let mut persons: BTreeMap<PersonId, (u64, u64)> = BTreeMap::new();
    let mut place = None;
    loop {
        let (entries, next) = page(store, &grant.lists, Some(grant.at), place).await?;
        for (person, entry) in entries.iter().filter(|(_, entry)| grant.covers(&entry.path)) {
            let counted = persons.entry(person.clone()).or_default();
            counted.0 = counted.0.saturating_add(1);
            if let Content::File { size, .. } = &entry.content {
                counted.1 = counted.1.saturating_add(*size);
            }
        }
        place = next;
        if place.is_none() {
            break;
        }
    }
    if persons.is_empty() {
        return Err(Problem::NothingHeld);
    }
    let counted = |(person, (files, bytes)): (&PersonId, &(u64, u64))| Taken {
        person: person.clone(),
        files: *files,
        bytes: *bytes,
    };
    let nodes = |list: &List| match list {
        List::Person(_) => None,
        List::Node(_, name) => Some(name.clone()),
    };
    let taking = Taking {
        reason,
        nodes: grant.lists.iter().map(nodes).collect(),
        at,
        is_part: grant.path.is_some(),
        persons: persons.iter().map(counted).collect(),
    };
    hq.writer.act(&format!("uid {uid}"), Act::Take(Box::new(taking))).await?;
    let (files, bytes) = persons.values().fold((0u64, 0u64), |(files, bytes), counted| {
        (files.saturating_add(counted.0), bytes.saturating_add(counted.1))
    });
    let token = random::bytes::<16>().map_err(|error| Problem::Bug { text: error.to_string() })?;
    let grant = hq.grants.put(hex::encode(&token[..]), grant).map_err(|Many| Problem::Overloaded)?;
    json(&HandoverTaken { grant, persons: persons.into_keys().collect(), files, bytes })
}

pub(crate) async fn granted(hq: &Hq, uid: u32, ask: &HandoverGranted) -> Result<Value, Problem> {
    let grant = hq.grants.find(&ask.grant, uid).ok_or(Problem::GrantOver)?;
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let (entries, next) = page(store, &grant.lists, Some(grant.at), ask.after).await?;
    let file = |(person, entry): (PersonId, Entry)| {
        let content = match entry.content {
            Content::File { digest, size, chunks, mode, modified, .. } => {
                HandoverContent::File { digest, size, chunks: chunks.len(), mode, modified }
            }
            Content::Link { target } => HandoverContent::Link { target: Blob(target) },
            Content::Deleted => return None,
        };
        let covered = grant.covers(&entry.path);
        covered.then_some(HandoverTakenFile { person, path: entry.path, version: entry.version, content })
    };
    json(&HandoverTakenPage { files: entries.into_iter().filter_map(file).collect(), next })
}

pub(crate) async fn chunks(hq: &Hq, uid: u32, ask: &HandoverChunk) -> Result<Value, Problem> {
    let grant = hq.grants.find(&ask.grant, uid).ok_or(Problem::GrantOver)?;
    let row = hq.writer.registry().persons.get(&ask.person).cloned().ok_or(Problem::GrantOver)?;
    let owner = Owner { company: row.company, person: row.id };
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let entry = store.version(&owner, &ask.version).await.map_err(|error| problem(&error))?;
    let entry = entry.filter(|entry| grant.holds(&owner, entry)).ok_or(Problem::GrantOver)?;
    let wanted = match &entry.content {
        Content::File { chunks, .. } => chunks.iter().skip(ask.from).take(CHUNKS).copied().collect(),
        Content::Link { .. } | Content::Deleted => Vec::new(),
    };
    let body = store.fetch(&owner, &Fetch { chunks: wanted }).await.map_err(|error| problem(&error))?;
    let damaged = || Problem::Damaged { text: "chunks of a version are not there".to_owned() };
    let parts = frames(Bytes::from(body.ok_or_else(damaged)?)).map_err(|_| damaged())?;
    json(&HandoverChunks { chunks: parts.iter().map(|part| Blob(part.to_vec())).collect() })
}

/// What a disabled person has becomes their successor's, in a folder that says whose it was. Their sessions have ended by now.
/// Asked again, it goes on where it was cut off.
pub(crate) async fn pass(hq: &Arc<Hq>, uid: u32, answer: Value) -> Result<Value, Problem> {
    let bug = |error: serde_json::Error| Problem::Bug { text: error.to_string() };
    let mut ended: PersonEnded = serde_json::from_value(answer).map_err(bug)?;
    let Person { id, company, successor: Some(heir), .. } = ended.person.clone() else { return json(&ended) };
    let folder = format!("from {id}");
    // Nobody ever handed anything over here: there is no store to look into.
    if !hq.work.is_used() {
        ended.passed = Some(Passed { folder, files: 0, bytes: 0, left: 0 });
        return json(&ended);
    }
    let passed = pass_on(hq, &format!("uid {uid}"), (&id, &company, &heir), None).await?;
    ended.passed = Some(passed);
    json(&ended)
}

/// Gives the heir what a person has, all of it or what came since a time, and writes it down.
async fn pass_on(
    hq: &Hq,
    actor: &str,
    (id, company, heir): (&PersonId, &CompanyId, &PersonId),
    since: Option<Timestamp>,
) -> Result<Passed, Problem> {
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let folder = format!("from {id}");
    let path = WorkPath::new(folder.as_bytes()).map_err(|error| Problem::Bug { text: error.to_string() })?;
    let owner = |person: &PersonId| Owner { company: company.clone(), person: person.clone() };
    let node = HEADQUARTERS.parse().map_err(|_| Problem::Bug { text: HEADQUARTERS.to_owned() })?;
    let passed = store.inherit(&owner(id), &owner(heir), &path, since, (&node, random::now())).await;
    let Inherited { files, bytes, left } = passed.map_err(|error| problem(&error))?;
    let passed = Passed { folder, files, bytes, left };
    if files > 0 || (left > 0 && since.is_none()) {
        let passing = Passing { from: id.clone(), heir: heir.clone(), passed: passed.clone() };
        hq.writer.act(actor, Act::Pass(Box::new(passing))).await?;
    }
    Ok(passed)
}

/// Something came for somebody whose work has passed to another one: it passes too, soon, with all that comes meanwhile.
pub(crate) fn pass_later(hq: &Arc<Hq>, person: PersonId) {
    let hq = Arc::clone(hq);
    let row = hq.writer.registry().persons.get(&person).cloned();
    let Some((Some(heir), Some(since), company)) =
        row.map(|row| (row.successor, row.disabled_at, row.company))
    else {
        return;
    };
    let owner = Owner { company, person };
    let Some(passing) = hq.work.passes(&owner) else { return };
    tokio::spawn(async move {
        tokio::time::sleep(PASSING).await;
        // What comes from here on begins another one.
        drop(passing);
        // They will not prove themselves any more; it is marked as what nobody has proven, and their heir has it.
        if let Err(error) = release_to(&hq, &owner).await {
            tracing::error!(%error, "sealed items of somebody who has gone");
        }
        let passed = pass_on(&hq, "hq", (&owner.person, &owner.company, &heir), Some(since)).await;
        if let Err(error) = passed {
            tracing::error!(?error, "somebody's last work has not passed to their successor");
        }
    });
}

impl Grant {
    /// Whether a path is what was named, or in it.
    fn covers(&self, path: &WorkPath) -> bool {
        self.path.as_ref().is_none_or(|named| path.is_in(named))
    }

    /// Whether a version is part of what was granted. It may have been replaced at its path since it was counted, and then
    /// there are several of one path: each of them is of the person, the node and the time that are on the ledger.
    fn holds(&self, owner: &Owner, entry: &Entry) -> bool {
        let listed = self.lists.iter().any(|list| match list {
            List::Person(person) => person == owner,
            List::Node(company, node) => *company == owner.company && *node == entry.node,
        });
        listed && entry.at <= self.at && self.covers(&entry.path)
    }
}

/// Why the store does not answer, for an admin.
pub(crate) fn problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Full { .. } => Problem::DiskFull,
        StoreError::Closing => Problem::Stopping,
        StoreError::Bucket { bucket, refused, text } => {
            Problem::Bucket { bucket: bucket.clone(), refused: *refused, text: text.clone() }
        }
        StoreError::Newer { .. }
        | StoreError::Older { .. }
        | StoreError::Damaged { .. }
        | StoreError::Access { .. }
        | StoreError::NoRandomness => Problem::Damaged { text: error.to_string() },
    }
}
