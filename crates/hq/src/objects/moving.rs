//! `hq objects`: what an admin asks where the objects are, and moves them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hanare_handover::store::{self, Bucket, BucketSettings, Cleaned, Copied, Named, StoreError};
use rustix::fs::FlockOperation;

use super::{ObjectsError, bucket_settings, direct, file, parse, patient};
use crate::lock::{LockError, StateLock};
use crate::overlay::is_made;
use crate::work_store::folder;

/// What `hq objects show` tells.
#[derive(Debug)]
pub struct ObjectsShown {
    /// The bucket, if the objects are in one.
    pub bucket: Option<Arc<Bucket>>,
    /// What the index names.
    pub named: Named,
    /// How many lie on the disk, and their bytes.
    pub here: (u64, u64),
    /// What the bucket said when it was asked just now.
    pub trouble: Option<StoreError>,
}

/// Where objects are to go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Into the bucket that a file names; its path and text.
    Bucket(PathBuf, String),
    /// Onto headquarters' disk.
    Local,
}

type Open = fn(&Path, Option<&Path>, BucketSettings) -> Result<Arc<Bucket>, ObjectsError>;

/// What `hq objects move` did.
#[derive(Debug)]
pub struct MovedObjects {
    /// Where they are now; nothing on the disk.
    pub bucket: Option<String>,
    /// What was copied; nothing if they were there already.
    pub copied: Option<Copied>,
}

/// Where the objects are, how many, and whether they can be reached.
///
/// # Errors
/// [`ObjectsError`], not for a bucket that does not answer.
pub async fn show_objects(state: &Path, credentials: Option<&Path>) -> Result<ObjectsShown, ObjectsError> {
    let bucket = current(state, credentials, direct)?;
    let folder = folder(state);
    let (named, here) = (store::named(&folder).await?, store::kept_here(&folder).await?);
    let trouble = match &bucket {
        Some(bucket) => bucket.check().await.err(),
        None => None,
    };
    Ok(ObjectsShown { bucket, named, here, trouble })
}

/// Moves all objects while headquarters is stopped. They are copied and compared first; only then headquarters is told, and what
/// is where they were stays there.
///
/// # Errors
/// [`ObjectsError`]: nothing is told then, and it can be begun anew.
pub async fn move_objects(
    state: &Path,
    credentials: Option<&Path>,
    target: &Target,
    tell: impl FnMut(&Copied),
) -> Result<MovedObjects, ObjectsError> {
    if !is_made(state) {
        return Err(ObjectsError::Absent { path: state.to_owned() });
    }
    let wanted = match target {
        Target::Bucket(path, text) => Some((parse(path, text)?, text)),
        Target::Local => None,
    };
    let _lock = StateLock::take(state)?;
    let folder = folder(state);
    store::prepare(&folder)?;
    let _objects = lock_objects(state)?;
    let from = current(state, credentials, patient)?;
    let to =
        wanted.as_ref().map(|(settings, _)| patient(state, credentials, settings.clone())).transpose()?;
    let is_there = match (&from, &to) {
        (None, None) => true,
        (Some(from), Some(to)) => from.settings().is_same_place(to.settings()),
        _ => false,
    };
    if is_there && to.is_none() {
        return Ok(MovedObjects { bucket: None, copied: None });
    }
    let copied = if is_there {
        // The same place by another key, or at another address: that it is the same is looked at.
        if let Some(bucket) = &to {
            bucket.probe().await?;
        }
        None
    } else {
        // Who cannot be reached at all is told at once; only what begins well is waited for.
        if let Some(from) = current(state, credentials, direct)? {
            from.check().await?;
        }
        if let Some((settings, _)) = &wanted {
            direct(state, credentials, settings.clone())?.claim().await?;
        }
        Some(store::copy(&folder, from.as_ref(), to.as_ref(), tell).await?)
    };
    let path = file(state);
    let text = wanted.as_ref().map(|(_, text)| text.as_str());
    replace(&path, text).map_err(|source| ObjectsError::Io { path, source })?;
    Ok(MovedObjects { bucket: to.map(|bucket| bucket.settings().to_string()), copied })
}

/// Removes the objects that still lie on the disk of a headquarters whose objects are in a bucket.
///
/// # Errors
/// [`ObjectsError`]; then nothing was removed, or what was removed is in the bucket.
pub async fn clean_objects(state: &Path, credentials: Option<&Path>) -> Result<Cleaned, ObjectsError> {
    let bucket = current(state, credentials, patient)?.ok_or(ObjectsError::NotAway)?;
    let _objects = lock_objects(state)?;
    // They may have been moved meanwhile.
    if bucket_settings(state)?.as_ref() != Some(bucket.settings()) {
        return Err(ObjectsError::NotAway);
    }
    let cleaned = store::clean(&folder(state), &bucket).await?;
    if cleaned.missing > 0 {
        return Err(ObjectsError::Missing { missing: cleaned.missing });
    }
    Ok(cleaned)
}

/// The bucket that they are in, if there is one.
fn current(
    state: &Path,
    credentials: Option<&Path>,
    open: Open,
) -> Result<Option<Arc<Bucket>>, ObjectsError> {
    if !is_made(state) {
        return Err(ObjectsError::Absent { path: state.to_owned() });
    }
    let Some(settings) = bucket_settings(state)? else { return Ok(None) };
    open(state, credentials, settings).map(Some)
}

/// Nobody cleans while somebody moves.
fn lock_objects(state: &Path) -> Result<File, ObjectsError> {
    let path = folder(state);
    let io = |source| ObjectsError::Io { path: path.clone(), source };
    let file = File::open(&path).map_err(io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken { path }.into()),
        Err(error) => Err(io(error.into())),
    }
}

/// Puts a file there, whole and 0600, or takes it away; durable when this returns.
fn replace(path: &Path, text: Option<&str>) -> io::Result<()> {
    match text {
        Some(text) => {
            let new = path.with_extension("new");
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
        }
        None => std::fs::remove_file(path)?,
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_private_and_taken_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket.toml");
        // A crash left half of one.
        std::fs::write(folder.path().join("bucket.new"), "vers").unwrap();
        for text in ["one", "two"] {
            replace(&path, Some(text)).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        replace(&path, None).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
