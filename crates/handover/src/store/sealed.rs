//! Sealed items at headquarters: taken in parts, checked, opened, and stored as the versions that they are, each once.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hanare_model::{CompanyId, NodeName, PersonId, Timestamp, VerifyKey};
use tokio::sync::{Mutex, mpsc};

use super::error::StoreError;
use super::writer::{Done, Job, Versions};
use super::{Owner, SEALED, Store, work};
use super::{items, marks};
use crate::chunk::{Chunk, Whole, cut};
use crate::path::WorkPath;
use crate::protocol::{
    Became, Content, MAX_CHUNKS_BODY, MAX_DOCUMENT, NewVersion, Placed, SealedAnswer, SealedCount,
    SealedPart, VersionId, framed,
};
use crate::seal::{self, CompanyKey, Contents, ItemId, Note, Refused, What};

/// The most chunks of one file: a page of a list names all of them.
const MAX_CHUNKS: usize = MAX_DOCUMENT / 67 - 1024;
/// The longest item in bytes: more than a file system of a work volume holds.
const MAX_ITEM: u64 = 1 << 42;

/// The node that sealed an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Whose node it is.
    pub company: CompanyId,
    /// Its name.
    pub node: NodeName,
    /// Its key.
    pub signer: VerifyKey,
}

/// What is known of the person whom an item names, on the node that sealed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The item carries the token of a session of theirs there.
    Proven,
    /// They have had work open there, and this item does not prove that it is theirs: whoever has the node's key can make one.
    Unproven,
    /// They never had.
    Stranger,
}

/// What waits on a node, as it said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeWaiting {
    /// Its name.
    pub node: String,
    /// How much.
    pub count: SealedCount,
    /// When it said so.
    pub at: Timestamp,
}

/// An item that came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub id: ItemId,
    pub node: NodeName,
    pub bytes: u64,
    /// The version that its node has handed over meanwhile,
    pub parent: Option<VersionId>,
    /// or the item that it follows.
    pub after: Option<ItemId>,
    /// The path of one that nobody has proven: it lies in a folder of its own, unless its person has that very content at the
    /// path that it names.
    pub aside: Option<WorkPath>,
}

/// An item that was checked and opened.
pub(super) struct Unsealed {
    pub came: Came,
    pub note: Note,
    pub contents: Contents,
}

impl Store {
    /// Takes a part of an item. `standing` says whether the person in the note had proven themselves on the node: if not, the
    /// item waits for them. When all of it is there, this goes on until it is durable: a caller that goes away must not end
    /// it, so it belongs into a task of its own.
    ///
    /// # Errors
    /// [`StoreError`]: to be tried again.
    pub async fn take_sealed(
        &self,
        bearer: &Bearer,
        key: &CompanyKey,
        part: SealedPart,
        standing: impl FnOnce(&Note) -> Standing + Send,
        now: Timestamp,
    ) -> Result<SealedAnswer, StoreError> {
        let became = match self.take_part(bearer, key, part, standing, now).await? {
            Ok(became) => became,
            Err(have) => return Ok(SealedAnswer::More { have }),
        };
        let mut reader = self.reader.lock().await;
        // Read after it, it lies behind it.
        let mark = marks::newest(&mut reader).await.map_err(|error| self.failed(&error))?;
        Ok(SealedAnswer::Done { became, mark })
    }

    /// What became of the item, or how much of it is there.
    async fn take_part(
        &self,
        bearer: &Bearer,
        key: &CompanyKey,
        part: SealedPart,
        standing: impl FnOnce(&Note) -> Standing + Send,
        now: Timestamp,
    ) -> Result<Result<Became, u64>, StoreError> {
        let place = {
            let mut bearers = self.bearers.lock().await;
            Arc::clone(bearers.entry(bearer.signer).or_default())
        };
        let _place: tokio::sync::MutexGuard<'_, ()> = Mutex::lock(&place).await;
        let done = |became| Ok(Ok(became));
        let before = {
            let mut reader = self.reader.lock().await;
            items::item(&mut reader, part.id).await.map_err(|error| self.failed(&error))?
        };
        match before {
            Some((company, _)) if company != bearer.company.as_str() => {
                return done(refused(&Refused::Company));
            }
            Some((_, Some(version))) => return done(Became::Known { version }),
            Some((_, None)) => return done(Became::Quarantined),
            None => {}
        }
        if part.total > MAX_ITEM {
            return done(refused(&Refused::NotSealed));
        }
        let path = self.incoming(bearer, part.id);
        let there = std::fs::metadata(&path).map_or(0, |found| found.len());
        if !self.may_come(part.total.saturating_sub(there)).await? {
            return done(Became::Full);
        }
        let (folder, id, total, parent) = (self.folder.join(SEALED), part.id, part.total, part.parent);
        let prefix = prefix(bearer);
        let arrived = {
            let path = path.clone();
            work(move || append(&folder, &path, &prefix, &part)).await?
        };
        let have = arrived.map_err(|error| StoreError::io(&path, &error))?;
        if have < total {
            return Ok(Err(have));
        }
        let checked = {
            let (path, bearer, key) = (path.clone(), bearer.clone(), key.clone());
            work(move || check(&path, &bearer, &key, id)).await?
        };
        let (note, contents) = match checked {
            Ok(opened) => opened,
            Err(why) => return done(no(bearer, id, &path, &why)),
        };
        let came =
            Came { id, node: bearer.node.clone(), bytes: total, parent, after: note.after, aside: None };
        match standing(&note) {
            Standing::Proven => {}
            // It stays here as it is, and is looked at again when the node asks again.
            Standing::Unproven if !self.may_wait(bearer, total).await? => return done(Became::Full),
            Standing::Unproven => {
                return done(self.quarantine(bearer, &note.person, came, &path, now).await?);
            }
            Standing::Stranger => return done(no(bearer, id, &path, &Refused::Stranger)),
        }
        let became = self.store_sealed(&bearer.company, Unsealed { came, note, contents }, now).await?;
        if became != Became::Full {
            let _ = std::fs::remove_file(&path);
        }
        done(became)
    }

    /// Notes what waits on a node, as it says.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn note_waiting(
        &self,
        company: &CompanyId,
        node: &NodeName,
        count: SealedCount,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let job = Job::Waiting { company: company.to_string(), node: node.clone(), count, now };
        self.writer.write(job).await.map(drop)
    }

    /// What waits on each node, with its company, as it said last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn waiting(&self) -> Result<Vec<(String, NodeWaiting)>, StoreError> {
        let mut reader = self.reader.lock().await;
        items::waiting(&mut reader).await.map_err(|error| self.failed(&error))
    }

    /// How many items wait for persons of each company.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn quarantined(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reader = self.reader.lock().await;
        items::count_quarantined(&mut reader).await.map_err(|error| self.failed(&error))
    }

    fn incoming(&self, bearer: &Bearer, id: ItemId) -> PathBuf {
        self.folder.join(SEALED).join(format!("{}{id}", prefix(bearer)))
    }

    pub(super) fn kept(&self, id: ItemId) -> PathBuf {
        self.folder.join(SEALED).join(format!("{id}.sealed"))
    }

    /// Keeps an item, still sealed, for the person whom it names.
    async fn quarantine(
        &self,
        bearer: &Bearer,
        person: &PersonId,
        came: Came,
        path: &Path,
        now: Timestamp,
    ) -> Result<Became, StoreError> {
        let owner = Owner { company: bearer.company.clone(), person: person.clone() };
        let (row, _) = self.owner(&owner).await?;
        let (from, to, folder) = (path.to_owned(), self.kept(came.id), self.folder.join(SEALED));
        let kept = work(move || {
            File::open(&from)?.sync_all()?;
            std::fs::rename(&from, &to)?;
            File::open(&folder)?.sync_all()
        });
        kept.await?.map_err(|error: io::Error| StoreError::io(path, &error))?;
        self.writer.write(Job::Quarantined { owner: row, came, now }).await?;
        Ok(Became::Quarantined)
    }

    pub(super) async fn store_sealed(
        &self,
        company: &CompanyId,
        item: Unsealed,
        now: Timestamp,
    ) -> Result<Became, StoreError> {
        let Unsealed { came, note, contents } = item;
        let owner = Owner { company: company.clone(), person: note.person.clone() };
        let content = match note.what {
            What::Link { target } => Content::Link { target },
            What::File { mode, modified, torn } => {
                let (chunks, whole) = match self.unpack(&owner, contents, now).await? {
                    Ok(unpacked) => unpacked,
                    Err(error) => return Ok(refused(&Refused::Content(error.to_string()))),
                };
                let Whole { size, digest } = whole;
                Content::File { digest, size, chunks, mode, modified, torn }
            }
        };
        let version = NewVersion {
            path: note.path,
            parent: note.parent,
            class: note.class,
            again: note.again,
            moved: false,
            content,
        };
        let (row, keys) = self.owner(&owner).await?;
        let job = Job::Versions(Versions {
            owner: row,
            keys,
            person: owner.person.to_string(),
            node: came.node.clone(),
            now,
            confirmed: false,
            vanishing: 0,
            since: None,
            new: vec![version],
            sealed: Some(Box::new(came)),
        });
        let Done::Placed(mut placed, _) = self.writer.write(job).await? else {
            return Err(StoreError::Closing);
        };
        Ok(match placed.pop() {
            Some(Placed::Kept { version }) => Became::Kept { version },
            Some(Placed::Conflict { version, .. }) => Became::Conflict { version },
            Some(Placed::Known { version }) => Became::Known { version },
            Some(Placed::Full { .. }) => Became::Full,
            // A second conflict within the same second has no name of its own; the next try has another second.
            Some(Placed::Incomplete) | None => {
                let text = "a third version of one file within a second".to_owned();
                return Err(StoreError::Access { path: self.folder.clone(), text });
            }
            Some(Placed::Stays { .. } | Placed::Held | Placed::Malformed) => {
                refused(&Refused::Content("it is no version".to_owned()))
            }
        })
    }

    /// Cuts the content and stores its chunks while it is being opened; constant memory.
    async fn unpack(
        &self,
        owner: &Owner,
        contents: Contents,
        now: Timestamp,
    ) -> Result<io::Result<(Vec<crate::Digest>, Whole)>, StoreError> {
        let (send, mut chunks) = mpsc::channel::<Chunk>(4);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let cutting = tokio::task::spawn_blocking(move || {
            cut(contents, |chunk| send.blocking_send(chunk).map_err(|_| gone()))
        });
        let (mut names, mut body, mut len) = (Vec::new(), Vec::new(), 0);
        while let Some(chunk) = chunks.recv().await {
            if len + framed(chunk.bytes.len()) > MAX_CHUNKS_BODY {
                self.put_chunks(owner, std::mem::take(&mut body), now).await?;
                len = 0;
            }
            if names.len() >= MAX_CHUNKS {
                // The cutting ends when nobody takes what it cuts.
                drop(chunks);
                let _ = cutting.await;
                return Ok(Err(io::Error::other("more chunks than a version can name")));
            }
            len += framed(chunk.bytes.len());
            names.push(chunk.digest);
            body.push(Bytes::from(chunk));
        }
        match cutting.await.map_err(|_| StoreError::Closing)? {
            Ok(whole) => {
                if !body.is_empty() {
                    self.put_chunks(owner, body, now).await?;
                }
                Ok(Ok((names, whole)))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

fn no(bearer: &Bearer, id: ItemId, path: &Path, why: &Refused) -> Became {
    tracing::warn!(node = %bearer.node, item = %id, code = why.code(), "a sealed item is refused");
    let _ = std::fs::remove_file(path);
    refused(why)
}

fn refused(why: &Refused) -> Became {
    Became::Refused { reason: why.code().to_owned() }
}

/// What a node's item is called while it comes.
fn prefix(bearer: &Bearer) -> String {
    format!("in-{}-", bearer.signer.to_hex())
}

/// Puts a part where it belongs and returns how much is there. Of one node only one item is on its way: another one's
/// beginning ends it.
fn append(folder: &Path, path: &Path, prefix: &str, part: &SealedPart) -> io::Result<u64> {
    if !path.exists() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let have = file.metadata()?.len();
    let fits = part.offset == have && part.bytes.len() as u64 <= part.total.saturating_sub(have);
    if have > part.total {
        // Another length than before: from the beginning.
        file.set_len(0)?;
        return Ok(0);
    }
    if !fits || part.bytes.is_empty() {
        return Ok(have);
    }
    file.write_all(&part.bytes)?;
    Ok(have + part.bytes.len() as u64)
}

/// The signature first; nothing is decrypted that this node did not sign.
fn check(path: &Path, bearer: &Bearer, key: &CompanyKey, id: ItemId) -> Result<(Note, Contents), Refused> {
    let mut file = File::open(path)?;
    let head = seal::verify(&mut file, &bearer.signer)?;
    if head.company != bearer.company {
        return Err(Refused::Company);
    }
    if head.id != id {
        return Err(Refused::NotSealed);
    }
    seal::open(file, key)
}
