//! Headquarters' store in a guest: writes versions and marks each acknowledgement in the disk's log, and reads after a cut
//! what had been acknowledged by then.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use hanare_handover::chunk::cut;
use hanare_handover::protocol::{Browse, Commit, Content, Fetch, NewVersion, Placed, VersionId, frames};
use hanare_handover::store::{Owner, Store, prepare};
use hanare_handover::{Digest, WorkPath};
use hanare_lab::Random;
use hanare_model::Timestamp;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Files that get versions in turn.
const FILES: u64 = 6;

fn owner() -> Result<Owner, Failure> {
    Ok(Owner { company: "aoba".parse()?, person: "hanako".parse()? })
}

/// The path and content of a version; each has a content of its own.
fn version(seed: u64, number: u64) -> Result<(WorkPath, Vec<u8>), Failure> {
    let mut random = Random::of(seed.wrapping_mul(1_000_003).wrapping_add(2 * number));
    let len = if random.below(6) == 0 { 700_000 } else { 2000 };
    let len = usize::try_from(len + random.below(len))?;
    let path = format!("見積/{}", number % FILES);
    Ok((WorkPath::new(path.as_bytes())?, random.bytes(len)))
}

/// The endpoint's clock of a version: a second for each.
fn at(number: u64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + number.cast_signed())
}

/// Hands `count` versions over to a new store, and marks each in the log of `device` once it is acknowledged.
///
/// # Errors
/// If anything fails.
pub async fn write(folder: &Path, device: &str, seed: u64, count: u64) -> Result<Value, Failure> {
    prepare(folder)?;
    let store = Store::open(folder).await?;
    let owner = owner()?;
    let mut parents: std::collections::BTreeMap<WorkPath, VersionId> = std::collections::BTreeMap::new();
    for number in 0..count {
        let (path, bytes) = version(seed, number)?;
        let mut chunks = Vec::new();
        let whole = cut::<std::io::Error>(bytes.as_slice(), |chunk| {
            chunks.push(chunk);
            Ok(())
        })?;
        let content = Content::File {
            digest: whole.digest,
            size: whole.size,
            chunks: chunks.iter().map(|chunk| chunk.digest).collect(),
            mode: 0o644,
            modified: at(number),
            torn: false,
        };
        store.put_chunks(&owner, chunks.into_iter().map(Bytes::from).collect(), at(number)).await?;
        let parent = parents.get(&path).copied();
        let new = NewVersion {
            path: path.clone(),
            parent,
            class: hanare_handover::protocol::Class::Work,
            again: false,
            moved: false,
            content,
        };
        let commit = Commit { versions: vec![new], ..Commit::default() };
        let placed = store.commit(&owner, &"pc-1".parse()?, commit, at(number)).await?.placed;
        let Some(Placed::Kept { version }) = placed.first() else { return Err("not kept".into()) };
        parents.insert(path, *version);
        let mark = format!("acknowledged-{number}");
        let marked = Command::new("dmsetup").args(["message", device, "0", "mark", &mark]).status()?;
        if !marked.success() {
            return Err("no mark".into());
        }
    }
    // As a kill leaves it: nothing is folded or closed.
    std::mem::forget(store);
    Ok(json!(count))
}

/// Opens a store as headquarters does at its start, and looks for the first `count` versions, each at its time and bit for bit:
/// those that are not there.
///
/// # Errors
/// If a version cannot be made again; a store that cannot be opened has lost all.
pub async fn check(folder: &Path, seed: u64, count: u64) -> Result<Value, Failure> {
    let opened = match prepare(folder) {
        Ok(_) => Store::open(folder).await,
        Err(error) => Err(error),
    };
    let store = match opened {
        Ok(store) => store,
        Err(error) => return Ok(json!({"lost": count, "why": error.to_string()})),
    };
    let (mut lost, mut why) = (0, Value::Null);
    for number in 0..count {
        let (path, bytes) = version(seed, number)?;
        match find(&store, &path, at(number)).await {
            Ok(Some(found)) if found == bytes => {}
            Ok(_) => lost += 1,
            Err(error) => {
                lost += 1;
                why = json!(error.to_string());
            }
        }
    }
    store.close().await;
    Ok(json!({"lost": lost, "why": why}))
}

async fn find(store: &Store, path: &WorkPath, at: Timestamp) -> Result<Option<Vec<u8>>, Failure> {
    let owner = owner()?;
    let page = store.browse(&owner, &Browse { at: Some(at), ..Browse::default() }).await?;
    let Some(entry) = page.entries.into_iter().find(|entry| entry.path == *path) else { return Ok(None) };
    let Content::File { chunks, digest, .. } = entry.content else { return Ok(None) };
    let mut bytes = Vec::new();
    for chunk in chunks {
        let body = store.fetch(&owner, &Fetch { chunks: vec![chunk] }).await?;
        let Some(body) = body else { return Ok(None) };
        frames(body.into())?.iter().for_each(|part| bytes.extend_from_slice(part));
    }
    Ok((Digest::of(&bytes) == digest).then_some(bytes))
}
