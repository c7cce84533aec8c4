//! Objects: packs of sealed chunks, written once, durable before they are named anywhere.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};

use super::bucket::{self, Bucket};
use super::error::StoreError;
use crate::protocol::VersionId;

/// Where objects are.
#[derive(Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Bucket(Arc<Bucket>),
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A bucket's client knows a secret.
        f.debug_struct("Objects").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Objects {
    /// A local folder. Its fan-out is made here once, so that a confined process need not make folders.
    pub(crate) fn local(folder: &Path) -> Result<Self, StoreError> {
        let fail = |error: std::io::Error| StoreError::io(folder, &error);
        prepare(folder).map_err(fail)?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| StoreError::object(folder, &error))?
            // Without it an object that was acknowledged may be gone after a power cut.
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), place: Place::Folder(folder.to_owned()) })
    }

    /// A bucket.
    pub(crate) fn bucket(bucket: &Arc<Bucket>) -> Self {
        Self { store: bucket.store(), place: Place::Bucket(Arc::clone(bucket)) }
    }

    /// Where a headquarters' objects are: in the bucket, if it has one.
    pub(crate) fn of(folder: &Path, bucket: Option<&Arc<Bucket>>) -> Result<Self, StoreError> {
        bucket.map_or_else(|| Self::local(folder), |bucket| Ok(Self::bucket(bucket)))
    }

    /// Whether somebody else than this machine keeps them.
    pub(crate) const fn are_away(&self) -> bool {
        matches!(self.place, Place::Bucket(_))
    }

    /// Whether this is the place at all: a bucket that is not ours holds none of our objects, and that they are lost must not
    /// be concluded from it.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.check().await,
        }
    }

    /// Writes an object; it is durable when this returns.
    pub(crate) async fn put(&self, id: &VersionId, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        let put = self.store.put(&self.location(id), bytes.into().into()).await;
        put.map(drop).map_err(|error| self.failed(&error))
    }

    /// Removes an object; one that is gone already is good.
    pub(crate) async fn remove(&self, id: &VersionId) -> Result<(), StoreError> {
        match self.store.delete(&self.location(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Those of one folder of the fan that were last written before a time, in seconds since 1970.
    pub(crate) async fn list(&self, fan: u8, before: i64) -> Result<Vec<VersionId>, StoreError> {
        let listed = self.listed(fan).await?;
        let old = listed.into_iter().filter(|(object, _)| object.last_modified.timestamp() < before);
        Ok(old.map(|(_, id)| id).collect())
    }

    /// All of one folder of the fan, and how long each is.
    pub(crate) async fn sizes(&self, fan: u8) -> Result<Vec<(VersionId, u64)>, StoreError> {
        Ok(self.listed(fan).await?.into_iter().map(|(object, id)| (id, object.size)).collect())
    }

    async fn listed(&self, fan: u8) -> Result<Vec<(ObjectMeta, VersionId)>, StoreError> {
        let folder = self.at(&format!("{fan:02x}"));
        let listed = self.store.list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|error| self.failed(&error))?.objects;
        let named = listed.into_iter().filter_map(|object| {
            let id = object.location.filename()?.parse().ok()?;
            Some((object, id))
        });
        Ok(named.collect())
    }

    /// Whether an object is there.
    pub(crate) async fn is_there(&self, id: &VersionId) -> Result<bool, StoreError> {
        match self.store.head(&self.location(id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => self.check().await.map(|()| false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// A part of an object.
    pub(crate) async fn read(&self, id: &VersionId, range: Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end.saturating_sub(range.start);
        match self.store.get_range(&self.location(id), range).await {
            Ok(bytes) if bytes.len() as u64 == wanted => Ok(bytes),
            Ok(_) => Err(self.damaged("an object ends early")),
            Err(error) => Err(self.unread(&error).await),
        }
    }

    /// All of an object.
    pub(crate) async fn whole(&self, id: &VersionId) -> Result<Bytes, StoreError> {
        let read = async { self.store.get(&self.location(id)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(self.unread(&error).await),
        }
    }

    /// Why an object was not read.
    async fn unread(&self, error: &object_store::Error) -> StoreError {
        let is_gone = match &self.place {
            Place::Folder(_) => is_damaged(error),
            Place::Bucket(_) => bucket::is_gone(error),
        };
        if !is_gone {
            return self.failed(error);
        }
        self.check().await.err().unwrap_or_else(|| self.damaged(&short(error)))
    }

    /// Somebody looks for all of them just now.
    pub(crate) fn looked_for(&self) -> StoreError {
        let text = "objects are looked for, because the newest one is not there".to_owned();
        match &self.place {
            Place::Folder(path) => StoreError::io(path, &std::io::Error::other(text)),
            Place::Bucket(bucket) => {
                StoreError::Bucket { bucket: bucket.settings().to_string(), refused: false, text }
            }
        }
    }

    pub(crate) fn damaged(&self, text: &str) -> StoreError {
        let path = match &self.place {
            Place::Folder(path) => path.clone(),
            Place::Bucket(bucket) => bucket.settings().to_string().into(),
        };
        StoreError::Damaged { path, text: text.to_owned() }
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        match &self.place {
            Place::Folder(path) => StoreError::object(path, error),
            Place::Bucket(bucket) => bucket.failed(error),
        }
    }

    fn location(&self, id: &VersionId) -> Location {
        let name = id.to_string();
        let fan: String = name.chars().take(2).collect();
        self.at(&format!("{fan}/{name}"))
    }

    fn at(&self, name: &str) -> Location {
        match &self.place {
            Place::Folder(_) => Location::from(name),
            Place::Bucket(bucket) => bucket.location(name),
        }
    }
}

/// What is said of an object that is gone: of a server's answer no more than that.
fn short(error: &object_store::Error) -> String {
    if let object_store::Error::NotFound { path, .. } = error {
        return format!("there is no object {path}");
    }
    error.to_string()
}

/// Whether a local object is not there, shorter than it was, or on a part of the disk that cannot be read: asking again is in
/// vain.
fn is_damaged(error: &object_store::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(below) = source {
        if let Some(error) = below.downcast_ref::<std::io::Error>() {
            let is_unreadable = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
            return is_unreadable || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof);
        }
        source = below.source();
    }
    true
}

/// Makes the folders `00` to `ff`.
fn prepare(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let make = |path: &Path| match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    make(folder)?;
    if folder.join("ff").is_dir() {
        return Ok(());
    }
    for byte in 0..=u8::MAX {
        make(&folder.join(format!("{byte:02x}")))?;
    }
    std::fs::File::open(folder)?.sync_all()
}
