//! Where a store is on the disk, and what a confined process must find there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bucket::{BUCKET_FILE, Bucket};
use super::error::StoreError;
use super::index;
use super::objects::Objects;

pub(super) const KEYS: &str = "keys";
pub(super) const OBJECTS: &str = "objects";
/// Sealed items on their way, and those that wait for their person.
pub(super) const SEALED: &str = "sealed";

/// What a store touches, for who confines the process.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folders in which it makes, writes and removes files; all of them are there.
    pub folders: Vec<PathBuf>,
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

/// The objects of the store in `folder`. Those that are in a bucket are not looked for on the disk, where they would all be
/// lost.
pub(super) fn objects(folder: &Path, bucket: Option<&Arc<Bucket>>) -> Result<Objects, StoreError> {
    let path = folder.join(BUCKET_FILE);
    if bucket.is_none() && path.exists() {
        return Err(StoreError::Access { path, text: "the objects are in a bucket".to_owned() });
    }
    Objects::of(&folder.join(OBJECTS), bucket)
}
