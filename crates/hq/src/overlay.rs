//! The overlay in a file of its own: the host process needs it before its worker runs, and should neither open a database for
//! it nor believe the worker.

use std::path::Path;

use hanare_model::plan::Overlay;
use ipnet::IpNet;

use crate::init::KEYS_DIRECTORY;
use crate::keys::{KeysError, write_private};
use crate::random;
use crate::serve::ServeError;
use crate::store::{FILE_NAME as DATABASE, Store, StoreError};

/// The file's name beside the keys.
pub(crate) const FILE_NAME: &str = "overlay.json";

/// Writes the file, which `init` does once: an overlay never changes.
pub(crate) fn write(directory: &Path, overlay: &Overlay) -> Result<(), KeysError> {
    write_private(&directory.join(FILE_NAME), &serde_json::json!(overlay).to_string())
}

/// Whether this state directory is a headquarters'.
#[must_use]
pub fn is_made(state: &Path) -> bool {
    state.join(DATABASE).exists()
}

/// The overlay of the headquarters in this state directory, for whoever prepares the machine before [`crate::Server::start`].
///
/// # Errors
/// [`ServeError::Store`] if there is no headquarters, or if the file is not usable and the database cannot be read either.
pub async fn overlay(state: &Path) -> Result<Vec<IpNet>, ServeError> {
    let database = state.join(DATABASE);
    if !database.exists() {
        return Err(StoreError::Absent { path: state.to_owned() }.into());
    }
    let text = std::fs::read(state.join(KEYS_DIRECTORY).join(FILE_NAME)).unwrap_or_default();
    if let Ok(overlay) = serde_json::from_slice::<Overlay>(&text) {
        return Ok(overlay.prefixes().to_vec());
    }
    let mut store = Store::open(&database).await?;
    let settings = store.load(random::now()).await?.settings;
    store.close().await?;
    Ok(settings.overlay.prefixes().to_vec())
}
