//! Objects: packs of sealed chunks, written once, durable before they are named anywhere.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::error::StoreError;
use crate::protocol::VersionId;

/// Where objects are.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// For messages.
    path: PathBuf,
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
        Ok(Self { store: Arc::new(store), path: folder.to_owned() })
    }

    /// Writes an object; it is durable when this returns.
    pub(crate) async fn put(&self, id: &VersionId, bytes: Vec<u8>) -> Result<(), StoreError> {
        let put = self.store.put(&location(id), Bytes::from(bytes).into()).await;
        put.map(drop).map_err(|error| StoreError::object(&self.path, &error))
    }

    /// Removes an object; one that is gone already is good.
    pub(crate) async fn remove(&self, id: &VersionId) -> Result<(), StoreError> {
        match self.store.delete(&location(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::object(&self.path, &error)),
        }
    }

    /// Those of one folder of the fan that were last written before a time, in seconds since 1970.
    pub(crate) async fn list(&self, fan: u8, before: i64) -> Result<Vec<VersionId>, StoreError> {
        let folder = Location::from(format!("{fan:02x}"));
        let listed = self.store.list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|error| StoreError::object(&self.path, &error))?.objects;
        let old = listed.into_iter().filter(|object| object.last_modified.timestamp() < before);
        Ok(old.filter_map(|object| object.location.filename()?.parse().ok()).collect())
    }

    /// Whether an object is there.
    pub(crate) async fn is_there(&self, id: &VersionId) -> Result<bool, StoreError> {
        match self.store.head(&location(id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::object(&self.path, &error)),
        }
    }

    /// A part of an object.
    pub(crate) async fn read(&self, id: &VersionId, range: Range<u64>) -> Result<Bytes, StoreError> {
        let read = self.store.get_range(&location(id), range).await;
        read.map_err(|error| {
            if is_damaged(&error) {
                StoreError::Damaged { path: self.path.clone(), text: error.to_string() }
            } else {
                StoreError::object(&self.path, &error)
            }
        })
    }
}

/// Whether an object is not there, shorter than it was, or on a part of the disk that cannot be read: asking again is in vain.
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

fn location(id: &VersionId) -> Location {
    let name = id.to_string();
    let fan: String = name.chars().take(2).collect();
    Location::from(format!("{fan}/{name}"))
}
