//! What a worker must have before it is confined: an up-to-date database, and every file that it will write, in place.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::init::KEYS_DIRECTORY;
use crate::inside_port;
use crate::keys;
use crate::lock::{self, StateLock};
use crate::serve::ServeError;
use crate::store::{FILE_NAME, Store, StoreError};
use crate::work_store;

/// What [`crate::Server`] touches in a state directory.
#[derive(Debug, Clone)]
pub struct Files {
    /// What it reads: keys.
    pub reads: PathBuf,
    /// Every single file that it writes, and the folder of work data.
    pub writes: Vec<PathBuf>,
    /// The ports of its API, outside and inside the tunnel.
    pub ports: Vec<u16>,
}

/// Migrates an older database, which makes files of other names, and makes the files that SQLite would make beside it: a
/// confined worker writes in none but these, and cannot touch what else lies there. `api` is the API's port outside.
///
/// # Errors
/// [`ServeError`], as [`crate::Server::start`] has it.
pub async fn prepare(state: &Path, api: u16, credentials: Option<&Path>) -> Result<Files, ServeError> {
    let database = state.join(FILE_NAME);
    if !database.exists() {
        return Err(StoreError::Absent { path: state.to_owned() }.into());
    }
    let lock = StateLock::take(state)?;
    if Store::is_older(&database).await? {
        Store::open(&database).await?.close().await?;
    }
    keys::make_sealing(&state.join(KEYS_DIRECTORY), credentials)?;
    let ports = inside_port::read(state)?.into_iter().chain([api]).collect();
    let work = hanare_handover::store::prepare(&work_store::folder(state))?;
    drop(lock);
    let beside = |suffix: &str| {
        let mut name = database.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut writes = vec![database.clone(), beside("-wal"), beside("-shm"), state.join(lock::FILE_NAME)];
    writes.push(inside_port::path(state));
    for path in &writes {
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::new(path, error.into()))?;
    }
    writes.extend(work.folders);
    Ok(Files { reads: state.join(KEYS_DIRECTORY), writes, ports })
}
