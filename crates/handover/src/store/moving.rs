//! Objects on their way from the disk to a bucket, or back, while headquarters is stopped; and what of them is left here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::error::StoreError;
use super::objects::Objects;
use super::places::{OBJECTS, is_used};
use super::rows::unsigned;
use super::{index, rows_sweep, sql};
use crate::protocol::VersionId;

/// Objects on their way at a time: while one is being sent another one is being compared.
const AT_ONCE: usize = 4;

/// What an index names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that are known not to be there.
    pub lost: u64,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Objects that are there now, compared byte by byte.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that were not there before.
    pub new: u64,
    /// Objects that could not be read where they were.
    pub unreadable: u64,
}

/// What was removed from the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that the bucket should have and has not; then nothing was removed.
    pub missing: u64,
}

/// What the index of the store in `folder` names; headquarters may run meanwhile.
///
/// # Errors
/// [`StoreError`]
pub async fn named(folder: &Path) -> Result<Named, StoreError> {
    if !is_used(folder) {
        return Ok(Named::default());
    }
    let path = folder.join(index::FILE_NAME);
    let mut reader = index::connect(&path).await?;
    let row = sqlx::query(sql::SELECT_NAMED).fetch_one(&mut reader).await;
    let read = row.and_then(|row| {
        let number = |column| unsigned(&row, column);
        Ok(Named { objects: number("objects")?, bytes: number("bytes")?, lost: number("lost")? })
    });
    read.map_err(|error| StoreError::index(&path, &error))
}

/// How many objects lie on the disk of the store in `folder`, and their bytes.
///
/// # Errors
/// [`StoreError`]
pub async fn kept_here(folder: &Path) -> Result<(u64, u64), StoreError> {
    let objects = folder.join(OBJECTS);
    if !objects.is_dir() {
        return Ok((0, 0));
    }
    let local = Objects::local(&objects)?;
    let (mut count, mut bytes) = (0, 0);
    for fan in 0..=u8::MAX {
        for (_, size) in local.sizes(fan).await? {
            count += 1;
            bytes += size;
        }
    }
    Ok((count, bytes))
}

/// Copies every object that the index of the store in `folder` names, from its disk or a bucket to its disk or a bucket (`None`
/// is the disk), and compares each with what it reads back. What is there already is compared and not sent again, so that it can
/// be begun anew as often as it takes. One that was known to be lost and is found is lost no longer. Nobody else may work on the store; `tell` hears how far it is.
///
/// # Errors
/// [`StoreError`]: what was copied stays.
pub async fn copy(
    folder: &Path,
    from: Option<&Arc<Bucket>>,
    to: Option<&Arc<Bucket>>,
    mut tell: impl FnMut(&Copied),
) -> Result<Copied, StoreError> {
    let mut copied = Copied::default();
    if let Some(bucket) = to {
        bucket.claim().await?;
    }
    if let Some(bucket) = from {
        bucket.check().await?;
    }
    if !is_used(folder) {
        return Ok(copied);
    }
    let path = folder.join(index::FILE_NAME);
    index::prepare(&path).await?;
    let mut reader = index::connect(&path).await?;
    let disk = folder.join(OBJECTS);
    let (from, to) = (Objects::of(&disk, from)?, Objects::of(&disk, to)?);
    for fan in 0..=u8::MAX {
        let failed = |error| StoreError::index(&path, &error);
        let named = rows_sweep::named(&mut reader, fan).await.map_err(failed)?;
        let wanted = rows_sweep::wanted(&mut reader, fan).await.map_err(failed)?;
        if named.is_empty() {
            continue;
        }
        let mut found = Vec::new();
        let there: BTreeSet<VersionId> = to.list(fan, i64::MAX).await?.into_iter().collect();
        let mut tasks = JoinSet::new();
        for id in named {
            if tasks.len() >= AT_ONCE {
                found.extend(copied.add(tasks.join_next().await)?);
                tell(&copied);
            }
            let is_there = there.contains(&id);
            tasks.spawn(one(from.clone(), to.clone(), id, is_there));
        }
        while let Some(done) = tasks.join_next().await {
            found.extend(copied.add(Some(done))?);
        }
        for id in found.iter().filter(|id| !wanted.contains(id)) {
            rows_sweep::found(&mut reader, id).await.map_err(failed)?;
        }
        tell(&copied);
    }
    index::close(reader).await;
    Ok(copied)
}

/// What became of one object: its length and whether it is new, or nothing if it cannot be read.
type Became = (VersionId, Option<(u64, bool)>);

async fn one(from: Objects, to: Objects, id: VersionId, is_there: bool) -> Result<Became, StoreError> {
    let bytes = match from.whole(&id).await {
        Ok(bytes) => bytes,
        // It may be where it is to go, and nowhere else: brought before, or written there since.
        Err(StoreError::Damaged { path, text }) => {
            let there = if is_there { to.whole(&id).await } else { Err(to.damaged("it is not there")) };
            return match there {
                Ok(bytes) => Ok((id, Some((bytes.len() as u64, false)))),
                Err(StoreError::Damaged { .. }) => {
                    tracing::error!(path = %path.display(), text, object = %id, "an object cannot be read");
                    Ok((id, None))
                }
                Err(error) => Err(error),
            };
        }
        Err(error) => return Err(error),
    };
    let size = bytes.len() as u64;
    if is_there && is_same(&to, &id, &bytes).await? {
        return Ok((id, Some((size, false))));
    }
    to.put(&id, bytes.clone()).await?;
    if is_same(&to, &id, &bytes).await? {
        return Ok((id, Some((size, true))));
    }
    Err(to.damaged("an object does not read back as it was written"))
}

async fn is_same(there: &Objects, id: &VersionId, bytes: &[u8]) -> Result<bool, StoreError> {
    match there.whole(id).await {
        Ok(read) => Ok(read == bytes),
        Err(StoreError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an object is in the one place as it is in the other, or can only be read there.
async fn is_whole(here: &Objects, there: &Objects, id: &VersionId) -> Result<bool, StoreError> {
    match here.whole(id).await {
        Ok(bytes) => is_same(there, id, &bytes).await,
        Err(StoreError::Damaged { .. }) => there.is_there(id).await,
        Err(error) => Err(error),
    }
}

impl Copied {
    /// Counts an object; which one, if it is there.
    fn add(
        &mut self,
        done: Option<Result<Result<Became, StoreError>, tokio::task::JoinError>>,
    ) -> Result<Option<VersionId>, StoreError> {
        let Some(done) = done else { return Ok(None) };
        let (id, became) = done.map_err(|_| StoreError::Closing)??;
        let Some((size, is_new)) = became else {
            self.unreadable += 1;
            return Ok(None);
        };
        self.objects += 1;
        self.bytes += size;
        self.new += u64::from(is_new);
        Ok(Some(id))
    }
}

/// Removes the objects that lie on the disk of the store in `folder`, once the bucket is seen to have every one of them that the
/// index names, as long as it is here, also those that are known to be lost: here may be the last copy. Headquarters may run meanwhile.
///
/// # Errors
/// [`StoreError`]
pub async fn clean(folder: &Path, bucket: &Arc<Bucket>) -> Result<Cleaned, StoreError> {
    let mut cleaned = Cleaned::default();
    bucket.check().await?;
    let (local, away) = (Objects::local(&folder.join(OBJECTS))?, Objects::bucket(bucket));
    if is_used(folder) {
        let path = folder.join(index::FILE_NAME);
        let mut reader = index::connect(&path).await?;
        for fan in 0..=u8::MAX {
            let here = local.sizes(fan).await?;
            if here.is_empty() {
                continue;
            }
            let named = rows_sweep::named(&mut reader, fan).await;
            let named = named.map_err(|error| StoreError::index(&path, &error))?;
            let there: BTreeSet<(VersionId, u64)> = away.sizes(fan).await?.into_iter().collect();
            for object in here.iter().filter(|object| named.contains(&object.0) && !there.contains(object)) {
                // A listing may be behind what a single question knows; and what is cut short is not there.
                cleaned.missing += u64::from(!is_whole(&local, &away, &object.0).await?);
            }
        }
    }
    if cleaned.missing > 0 {
        return Ok(cleaned);
    }
    for fan in 0..=u8::MAX {
        for (id, size) in local.sizes(fan).await? {
            local.remove(&id).await?;
            cleaned.objects += 1;
            cleaned.bytes += size;
        }
    }
    Ok(cleaned)
}
