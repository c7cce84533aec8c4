//! Where the objects of work data are: on headquarters' disk, or in a bucket that `STATE/work/bucket.toml` names.

mod moving;

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hanare_handover::store::{
    BUCKET_FILE, Bucket, BucketError, BucketFileError, BucketSettings, Dial, Direct, MAX_BUCKET_LEN,
    StoreError, Trouble,
};
use hanare_model::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::init::KEYS_DIRECTORY;
use crate::keys::{self, KeysError};
use crate::lock::LockError;
use crate::work_store;

pub use moving::{MovedObjects, ObjectsShown, Target, clean_objects, move_objects, show_objects};

/// The secret of the bucket's key, as a systemd credential and as a file.
const SECRET: &str = "bucket-secret";
/// The folder of that file in the state directory.
const SECRET_FOLDER: &str = "keys";
/// How often a bucket is asked whether it is there, when nobody else asks.
const INTERVAL: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_mins(5);
/// The longest secret in bytes.
const MAX_SECRET: u64 = 4096;

/// Why headquarters' objects cannot be found or moved.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The file that names the bucket is wrong.
    #[error("{path}, {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What, and where in it.
        error: BucketFileError,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The secret is nowhere.
    #[error("{path} is not there, nor is it given as the credential {SECRET}")]
    NoSecret {
        /// Where it would be without a credential.
        path: PathBuf,
    },
    /// The secret is not one.
    #[error("{path} does not hold a secret key on one line")]
    BadSecret {
        /// Where.
        path: PathBuf,
    },
    /// Others than its owner can read the secret.
    #[error("others than its owner may read {path}")]
    OpenSecret {
        /// Where.
        path: PathBuf,
    },
    /// Nothing can be asked.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Headquarters runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Headquarters' key cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store does not do its work.
    #[error(transparent)]
    Work(#[from] StoreError),
    /// There is no headquarters.
    #[error("there is no headquarters in {path}")]
    Absent {
        /// The state directory.
        path: PathBuf,
    },
    /// The objects are on the disk.
    #[error("the objects are not in a bucket")]
    NotAway,
    /// The bucket lacks some of them.
    #[error("{missing} objects are not in the bucket")]
    Missing {
        /// How many.
        missing: u64,
    },
}

impl ObjectsError {
    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::File { .. }
            | Self::NoSecret { .. }
            | Self::BadSecret { .. }
            | Self::OpenSecret { .. }
            | Self::Bucket(_)
            | Self::Absent { .. } => 3,
            Self::Work(StoreError::Bucket { refused: false, .. }) => 5,
            Self::Work(StoreError::Bucket { refused: true, .. }) | Self::NotAway => 6,
            Self::Missing { .. } => 7,
            Self::Io { .. } | Self::Lock(_) | Self::Keys(_) | Self::Work(_) => 4,
        }
    }
}

/// Where the objects are, and how that stands; part of `hq status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectsStanding {
    /// The bucket's address; nothing on headquarters' own disk.
    pub bucket: Option<String>,
    /// That it does not do its work.
    pub trouble: Option<ObjectsTrouble>,
}

/// That a bucket does not do its work: what comes waits in the rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectsTrouble {
    /// Since when.
    pub since: hanare_model::Timestamp,
    /// Whether it says no; otherwise it does not answer.
    pub refused: bool,
    /// What it, or the system, said last.
    pub text: String,
}

impl ObjectsStanding {
    pub(crate) fn of(bucket: Option<&Arc<Bucket>>) -> Self {
        Self {
            bucket: bucket.map(|bucket| bucket.settings().to_string()),
            trouble: bucket.and_then(|bucket| bucket.trouble()).map(ObjectsTrouble::from),
        }
    }
}

impl From<Trouble> for ObjectsTrouble {
    fn from(trouble: Trouble) -> Self {
        Self { since: trouble.since, refused: trouble.refused, text: trouble.text }
    }
}

/// Looks whether the bucket does its work, so that people hear of it before somebody needs it: it is on the log and in
/// `hq status`.
pub(crate) async fn watch(bucket: Arc<Bucket>) {
    let mut wait = INTERVAL;
    loop {
        // The bucket notes it. What is tried in vain is tried less and less: it takes from a line that is narrow.
        wait = if bucket.probe().await.is_ok() { INTERVAL } else { (wait * 2).min(LONGEST) };
        tokio::time::sleep(wait).await;
    }
}

/// The file that names the bucket.
pub(crate) fn file(state: &Path) -> PathBuf {
    work_store::folder(state).join(BUCKET_FILE)
}

/// What that file says, if it is there.
///
/// # Errors
/// [`ObjectsError`]
pub fn bucket_settings(state: &Path) -> Result<Option<BucketSettings>, ObjectsError> {
    let path = file(state);
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(&path).map(Some),
    }
}

/// The bucket with the objects of the headquarters in this state directory, if they are in one; `dial` makes who connects to it.
/// Nothing is asked of it yet.
///
/// # Errors
/// [`ObjectsError`]
pub fn bucket(
    state: &Path,
    credentials: Option<&Path>,
    settings: BucketSettings,
    dial: Arc<dyn Dial>,
) -> Result<Arc<Bucket>, ObjectsError> {
    let (secret, owner) = asker(state, credentials)?;
    Ok(Arc::new(Bucket::new(settings, &secret, &owner, dial)?))
}

/// The same for who asks it now and connects by itself.
fn direct(
    state: &Path,
    credentials: Option<&Path>,
    settings: BucketSettings,
) -> Result<Arc<Bucket>, ObjectsError> {
    let dial: Arc<dyn Dial> = Arc::new(Direct::to(&settings));
    bucket(state, credentials, settings, dial)
}

/// The same for who moves all objects and can wait.
fn patient(
    state: &Path,
    credentials: Option<&Path>,
    settings: BucketSettings,
) -> Result<Arc<Bucket>, ObjectsError> {
    let dial: Arc<dyn Dial> = Arc::new(Direct::to(&settings));
    let (secret, owner) = asker(state, credentials)?;
    Ok(Arc::new(Bucket::patient(settings, &secret, &owner, dial)?))
}

/// As whom a bucket is asked, and in whose name.
fn asker(state: &Path, credentials: Option<&Path>) -> Result<(Secret, String), ObjectsError> {
    let owner = keys::verify_key(&state.join(KEYS_DIRECTORY))?;
    Ok((secret(state, credentials)?, owner.to_hex()))
}

fn read(path: &Path) -> Result<BucketSettings, ObjectsError> {
    let io = |source| ObjectsError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut text = String::new();
    let limit = MAX_BUCKET_LEN as u64 + 1;
    io::Read::read_to_string(&mut io::Read::take(file, limit), &mut text).map_err(io)?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<BucketSettings, ObjectsError> {
    let settings = BucketSettings::read(text);
    settings.map_err(|error| ObjectsError::File { path: path.to_owned(), error })
}

/// The secret: the credential if there is one, otherwise the file, which nobody else may read.
fn secret(state: &Path, credentials: Option<&Path>) -> Result<Secret, ObjectsError> {
    let own = state.join(SECRET_FOLDER).join(SECRET);
    let credential = credentials.map(|folder| folder.join(SECRET)).filter(|path| path.exists());
    let is_own = credential.is_none();
    let path = credential.unwrap_or(own);
    let io = |source| ObjectsError::Io { path: path.clone(), source };
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ObjectsError::NoSecret { path }),
        Err(error) => return Err(io(error)),
    };
    if is_own && file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(ObjectsError::OpenSecret { path });
    }
    let mut text = Zeroizing::new(String::new());
    io::Read::read_to_string(&mut io::Read::take(file, MAX_SECRET), &mut text).map_err(io)?;
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        return Err(ObjectsError::BadSecret { path });
    }
    Ok(Secret::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_and_a_credential_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (state, credentials) = (folder.path().join("state"), folder.path().join("credentials"));
        for path in [&state.join(SECRET_FOLDER), &credentials] {
            std::fs::create_dir_all(path).unwrap();
        }
        assert!(matches!(secret(&state, None), Err(ObjectsError::NoSecret { .. })));
        let own = state.join(SECRET_FOLDER).join(SECRET);
        let put = |text: &str, mode| {
            std::fs::write(&own, text).unwrap();
            std::fs::set_permissions(&own, Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o640, 0o604, 0o644] {
            put("hidden\n", mode);
            assert!(matches!(secret(&state, None), Err(ObjectsError::OpenSecret { .. })), "{mode:o}");
        }
        put("hidden\n", 0o600);
        assert_eq!(secret(&state, Some(&credentials)).unwrap().expose(), "hidden");
        std::fs::write(credentials.join(SECRET), "from-systemd").unwrap();
        assert_eq!(secret(&state, Some(&credentials)).unwrap().expose(), "from-systemd");
        for bad in ["", "\n", "two words", "a\nb"] {
            put(bad, 0o600);
            assert!(matches!(secret(&state, None), Err(ObjectsError::BadSecret { .. })), "{bad:?}");
        }
    }
}
