//! Headquarters' store of work data: objects and their index, durable before anything is acknowledged, sealed per company.

mod draft;
mod error;
mod index;
mod inherit;
mod items;
mod judge;
mod keys;
mod listed;
mod manifest;
mod marks;
mod objects;
mod orphans;
mod pack;
mod put_back;
mod quarantine;
mod release;
mod retain;
mod rows;
mod rows_sweep;
mod sealed;
mod space;
mod sql;
mod sweep;
#[cfg(test)]
mod sweep_tests;
#[cfg(test)]
mod tests;
mod vanishing;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hanare_model::{CompanyId, NodeName, PersonId, Timestamp, VerifyKey};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

pub use error::StoreError;
pub use inherit::Inherited;
pub use put_back::{Forgot, PutBack};
pub use sealed::{Bearer, NodeWaiting, Standing};
pub use space::Totals;
pub use sweep::Removed;
pub use vanishing::Vanishing;

use self::keys::{Keys, Name};
use self::marks::Stands;
use self::objects::Objects;
use self::orphans::Orphans;
use self::quarantine::Bounds;
use self::rows::OwnerRow;
use self::writer::{Done, Job, Versions, Writer};
use crate::chunk::Chunk;
use crate::digest::Digest;
use crate::protocol::{
    Ask, Browse, Commit, Committed, Fetch, MAX_CHUNKS_BODY, MAX_PAGE, Memory, Page, Stored, Wanted, framed,
    put_frame,
};

/// Whose work it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The company, which has a key of its own.
    pub company: CompanyId,
    /// The person.
    pub person: PersonId,
}

/// What a store touches, for who confines the process.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folders in which it makes, writes and removes files; all of them are there.
    pub folders: Vec<PathBuf>,
}

/// Headquarters' end of the handover.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    objects: Objects,
    orphans: Orphans,
    writer: Writer,
    reader: Mutex<SqliteConnection>,
    keys: Mutex<BTreeMap<CompanyId, Arc<Keys>>>,
    owners: Mutex<BTreeMap<Owner, OwnerRow>>,
    /// The newest version when this was opened.
    opened_at: i64,
    /// What is kept of a node that nobody has proven.
    bounds: Bounds,
    /// One item at a time of each node.
    bearers: Mutex<BTreeMap<VerifyKey, Arc<Mutex<()>>>>,
}

/// Makes whatever is missing of a store in `folder`, which is made too. To be called before the process is confined.
///
/// # Errors
/// [`StoreError`] if the file system says no.
pub fn prepare(folder: &Path) -> Result<Places, StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let fail = |error: std::io::Error| StoreError::io(folder, &error);
    let (keys, objects) = (folder.join(KEYS), folder.join(OBJECTS));
    let sealed = folder.join(SEALED);
    for path in [folder, &keys, &sealed] {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)?;
    }
    Objects::local(&objects)?;
    index::make_files(folder).map_err(fail)?;
    Ok(Places { folders: vec![folder.to_owned()] })
}

/// Whether anything was ever put into the store in `folder`.
#[must_use]
pub fn is_used(folder: &Path) -> bool {
    std::fs::metadata(folder.join(index::FILE_NAME)).is_ok_and(|found| found.len() > 0)
}

const KEYS: &str = "keys";
const OBJECTS: &str = "objects";
/// Sealed items on their way, and those that wait for their person.
const SEALED: &str = "sealed";

impl Store {
    /// Opens a store that was [`prepare`]d, and brings an older index up to date. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`]: a newer or damaged index, a file that cannot be opened.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(index::FILE_NAME);
        let (runtime, index) = (tokio::runtime::Handle::current(), path.clone());
        // Migrations are futures that must not change threads.
        work(move || runtime.block_on(index::prepare(&index))).await??;
        let connection = index::open(&path).await?;
        let mut reader = index::connect(&path).await?;
        let opened_at = put_back::newest_version(&mut reader).await;
        let opened_at = opened_at.map_err(|error| StoreError::index(&path, &error))?;
        let writer = Writer::start(path, connection);
        let store = Self {
            folder: folder.to_owned(),
            objects: Objects::local(&folder.join(OBJECTS))?,
            orphans: Orphans::default(),
            writer,
            reader: Mutex::new(reader),
            keys: Mutex::default(),
            owners: Mutex::default(),
            opened_at,
            bounds: Bounds::default(),
            bearers: Mutex::default(),
        };
        // Before anything new is written, which would hide it.
        store.look_for_newest(crate::clock::now()).await?;
        Ok(store)
    }

    /// Finishes what was asked before and closes the index.
    pub async fn close(&self) {
        self.writer.stop().await;
    }

    /// Which chunks this person has not sent yet.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn missing(&self, owner: &Owner, ask: &Ask) -> Result<Wanted, StoreError> {
        let Some((row, keys)) = self.known(owner).await? else {
            return Ok(Wanted { missing: (0u32..).take(ask.chunks.len()).collect() });
        };
        let mut reader = self.reader.lock().await;
        let mut missing = Vec::new();
        for (at, digest) in (0u32..).zip(&ask.chunks) {
            let held = rows::held(&mut reader, row, &pack::name(&keys, digest)).await;
            if held.map_err(|error| self.failed(&error))?.is_none() {
                missing.push(at);
            }
        }
        Ok(Wanted { missing })
    }

    /// Takes chunks; they are durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; then none of them counts as sent.
    pub async fn put_chunks(
        &self,
        owner: &Owner,
        chunks: Vec<Bytes>,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        let (row, keys) = self.owner(owner).await?;
        let count = chunks.len() as u64;
        let naming = Arc::clone(&keys);
        let named = work(move || name_all(&naming, chunks)).await?;
        let (mut known, mut new) = (Vec::new(), Vec::new());
        {
            let mut reader = self.reader.lock().await;
            for (name, bytes) in named {
                match rows::chunk(&mut reader, row, &name).await.map_err(|error| self.failed(&error))? {
                    Some(chunk) => known.push((chunk, name)),
                    None => new.push((name, bytes)),
                }
            }
        }
        let (pack, writing) = if new.is_empty() {
            (None, None)
        } else {
            let mut pack = work(move || pack::pack(&keys, &new)).await??;
            let writing = self.put_object(&mut pack).await?;
            (Some(pack), Some(writing))
        };
        self.writer.write(Job::Chunks { owner: row, pack, known, now }).await?;
        if let Some(writing) = writing {
            writing.named();
        }
        Ok(Stored { chunks: count })
    }

    /// Puts versions in their places; all of it is durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was written.
    pub async fn commit(
        &self,
        owner: &Owner,
        node: &NodeName,
        commit: Commit,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        let (row, keys) = self.owner(owner).await?;
        let job = Job::Versions(Versions {
            owner: row,
            keys,
            person: owner.person.to_string(),
            node: node.clone(),
            now,
            confirmed: commit.confirmed,
            vanishing: commit.vanishing.unwrap_or(0),
            since: commit.since,
            new: commit.versions,
            sealed: None,
        });
        match self.writer.write(job).await? {
            Done::Placed(placed, mark) => Ok(Committed { placed, memory: Memory { mark, forgotten: false } }),
            Done::Forgotten => {
                Ok(Committed { memory: Memory { mark: None, forgotten: true }, ..Committed::default() })
            }
            Done::Owner(_) | Done::Written | Done::Swept(_) | Done::Noticed { .. } => {
                Ok(Committed::default())
            }
        }
    }

    /// What a person has, newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn browse(&self, owner: &Owner, browse: &Browse) -> Result<Page, StoreError> {
        if let Some(mark) = browse.since {
            let mut reader = self.reader.lock().await;
            let stands = marks::stands(&mut reader, mark).await.map_err(|error| self.failed(&error))?;
            if stands != Stands::Known {
                return Ok(Page { memory: Memory { mark: None, forgotten: true }, ..Page::default() });
            }
        }
        let Some((row, keys)) = self.known(owner).await? else { return Ok(Page::default()) };
        let limit = browse.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let (mut listed, mark) = {
            let mut reader = self.reader.lock().await;
            let listed = rows::browse(&mut reader, row, browse, limit).await;
            let listed = listed.map_err(|error| self.failed(&error))?;
            // Read after what is listed, it lies behind all of it.
            (listed, marks::newest(&mut reader).await.map_err(|error| self.failed(&error))?)
        };
        let found = listed.len();
        Self::fitting(&mut listed);
        let has_more = listed.len() < found || found == limit as usize;
        let next = listed.last().filter(|_| has_more).map(|last| last.row);
        let (mut entries, mut damaged) = (Vec::with_capacity(listed.len()), 0);
        for listed in listed {
            match self.entry_unless_damaged(&keys, listed)? {
                Some(entry) => entries.push(entry),
                None => damaged += 1,
            }
        }
        Ok(Page { entries, next, damaged, coming: false, memory: Memory { mark, forgotten: false } })
    }

    /// Chunks of this person as frames, in the order in which they were asked for; what does not fit the body is left out
    /// at the end. `None` if one of them was never sent by this person.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the first chunk is not what was stored.
    pub async fn fetch(&self, owner: &Owner, fetch: &Fetch) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((row, keys)) = self.known(owner).await? else {
            return Ok(fetch.chunks.is_empty().then(Vec::new));
        };
        let mut body = Vec::new();
        for digest in &fetch.chunks {
            let found = {
                let mut reader = self.reader.lock().await;
                rows::locate(&mut reader, row, &pack::name(&keys, digest))
                    .await
                    .map_err(|error| self.failed(&error))?
            };
            let Some((object, packed)) = found else { return Ok(None) };
            let len = usize::try_from(packed.len).unwrap_or(usize::MAX);
            if body.len() + framed(len) > MAX_CHUNKS_BODY {
                break;
            }
            match self.chunk(&keys, &object, &packed, digest).await {
                Ok(chunk) => put_frame(&mut body, &chunk),
                // Those before it are given; it is the first of the next question.
                Err(StoreError::Damaged { .. }) if !body.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Some(body))
    }

    /// The rows of a person who has sent something.
    async fn known(&self, owner: &Owner) -> Result<Option<(OwnerRow, Arc<Keys>)>, StoreError> {
        let cached = self.owners.lock().await.get(owner).copied();
        let row = if cached.is_some() {
            cached
        } else {
            let mut reader = self.reader.lock().await;
            let found = rows::owner(&mut reader, owner.company.as_str(), owner.person.as_str()).await;
            found.map_err(|error| self.failed(&error))?
        };
        let Some(row) = row else { return Ok(None) };
        self.owners.lock().await.insert(owner.clone(), row);
        Ok(Some((row, self.company(&owner.company).await?)))
    }

    /// The rows of a person, made if they are new.
    async fn owner(&self, owner: &Owner) -> Result<(OwnerRow, Arc<Keys>), StoreError> {
        if let Some(known) = self.known(owner).await? {
            return Ok(known);
        }
        // The key is durable before anything names the company.
        let keys = self.company(&owner.company).await?;
        let (company, person) = (owner.company.to_string(), owner.person.to_string());
        match self.writer.write(Job::Owner { company, person }).await? {
            Done::Owner(row) => {
                self.owners.lock().await.insert(owner.clone(), row);
                Ok((row, keys))
            }
            Done::Written | Done::Placed(..) | Done::Forgotten | Done::Noticed { .. } | Done::Swept(_) => {
                Err(StoreError::Closing)
            }
        }
    }

    async fn company(&self, company: &CompanyId) -> Result<Arc<Keys>, StoreError> {
        let mut keys = self.keys.lock().await;
        if let Some(keys) = keys.get(company) {
            return Ok(Arc::clone(keys));
        }
        let made = Arc::new(Keys::open(&self.folder.join(KEYS).join(company.as_str()))?);
        keys.insert(company.clone(), Arc::clone(&made));
        Ok(made)
    }

    fn failed(&self, error: &sqlx::Error) -> StoreError {
        StoreError::index(&self.folder, error)
    }

    fn damaged(&self, text: &str) -> StoreError {
        StoreError::Damaged { path: self.folder.clone(), text: text.to_owned() }
    }
}

/// Names chunks by their content; one that comes twice counts once.
fn name_all(keys: &Keys, chunks: Vec<Bytes>) -> Vec<(Name, Bytes)> {
    let mut seen = BTreeSet::new();
    let named = chunks.into_iter().map(|bytes| (pack::name(keys, &Digest::of(&bytes)), bytes));
    named.filter(|(name, _)| seen.insert(*name)).collect()
}

/// Hashing and sealing, away from the tasks that wait.
async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closing)
}

/// A chunk as it travels.
impl From<Chunk> for Bytes {
    fn from(chunk: Chunk) -> Self {
        Self::from(chunk.bytes)
    }
}
