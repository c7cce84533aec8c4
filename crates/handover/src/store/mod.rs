//! Headquarters' store of work data: objects and their index, durable before anything is acknowledged, sealed per company.

mod bucket;
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
mod moving;
mod objects;
mod orphans;
mod pack;
mod place;
mod places;
mod put_back;
mod quarantine;
mod release;
mod retain;
mod rows;
mod rows_many;
mod rows_sweep;
mod sealed;
mod space;
mod sql;
mod sweep;
#[cfg(test)]
mod sweep_tests;
#[cfg(test)]
mod tests;
mod together;
mod vanishing;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hanare_model::{CompanyId, NodeName, PersonId, Timestamp, VerifyKey};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;

pub use bucket::{
    BUCKET_FILE, BUCKET_VERSION, Bucket, BucketError, BucketFault, BucketFileError, BucketSettings, Dial,
    Direct, MAX_BUCKET_LEN, Trouble,
};
pub use error::StoreError;
pub use inherit::Inherited;
pub use moving::{Cleaned, Copied, Named, clean, copy, kept_here, named};
pub use places::{Places, is_used, prepare};
pub use put_back::{Forgot, PutBack};
pub use sealed::{Bearer, NodeWaiting, Standing};
pub use space::Totals;
pub use sweep::Removed;
pub use vanishing::Vanishing;

use self::keys::{Keys, Name};
use self::marks::Stands;
use self::objects::Objects;
use self::orphans::Orphans;
#[cfg(test)]
use self::places::OBJECTS;
use self::places::{KEYS, SEALED};
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
    /// That the newest object was looked for once.
    has_looked: AtomicBool,
    /// In which folder of the fan all of them are looked for, and who does that.
    looked_at: AtomicU16,
    looking: Mutex<()>,
    /// The newest version when this was opened.
    opened_at: i64,
    /// What is kept of a node that nobody has proven.
    bounds: Bounds,
    /// One item at a time of each node.
    bearers: Mutex<BTreeMap<VerifyKey, Arc<Mutex<()>>>>,
}

/// So long chunks are gathered for one answer: from a bucket each takes its time, and who asks waits 20 s.
const ENOUGH: Duration = Duration::from_secs(6);

impl Store {
    /// Opens a store that was [`prepare`]d, and brings an older index up to date. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`]: a newer or damaged index, a file that cannot be opened.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, None).await
    }

    /// The same where the objects are in a bucket, which need not answer now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn open_with(folder: &Path, bucket: Option<&Arc<Bucket>>) -> Result<Self, StoreError> {
        let objects = places::objects(folder, bucket)?;
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
            objects,
            orphans: Orphans::default(),
            writer,
            reader: Mutex::new(reader),
            keys: Mutex::default(),
            owners: Mutex::default(),
            has_looked: AtomicBool::new(false),
            looked_at: AtomicU16::new(put_back::NOWHERE),
            looking: Mutex::default(),
            opened_at,
            bounds: Bounds::default(),
            bearers: Mutex::default(),
        };
        if !store.objects.are_away() {
            store.look_first().await?;
        }
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
        self.look_first().await?;
        let Some((row, keys)) = self.known(owner).await? else {
            return Ok(Wanted { missing: (0u32..).take(ask.chunks.len()).collect() });
        };
        let names: Vec<Name> = ask.chunks.iter().map(|digest| pack::name(&keys, digest)).collect();
        let wanted = names.iter().copied().collect();
        let held = rows_many::held(&mut *self.reader.lock().await, row, &wanted).await;
        let held = held.map_err(|error| self.failed(&error))?;
        let missing = (0u32..).zip(&names).filter(|(_, name)| !held.contains_key(*name));
        Ok(Wanted { missing: missing.map(|(at, _)| at).collect() })
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
        let wanted = named.iter().map(|(name, _)| *name).collect();
        let there = rows_many::chunks(&mut *self.reader.lock().await, row, &wanted).await;
        let there = there.map_err(|error| self.failed(&error))?;
        let (known, new): (Vec<_>, Vec<_>) = named.into_iter().partition(|(name, _)| there.contains(name));
        let known = known.into_iter().map(|(name, _)| name).collect();
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
        self.look_first().await?;
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
        let (begun, mut body) = (Instant::now(), Vec::new());
        for digest in &fetch.chunks {
            let found = {
                let mut reader = self.reader.lock().await;
                rows::locate(&mut reader, row, &pack::name(&keys, digest))
                    .await
                    .map_err(|error| self.failed(&error))?
            };
            let Some((object, packed)) = found else { return Ok(None) };
            let len = usize::try_from(packed.len).unwrap_or(usize::MAX);
            let is_late = !body.is_empty() && begun.elapsed() > ENOUGH;
            if is_late || body.len() + framed(len) > MAX_CHUNKS_BODY {
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
