//! Work data at headquarters: the store, opened when the first of it comes, and how much of it may be on its way at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hanare_handover::store::{INDEX_NAME, Removed, Store, StoreError};
use hanare_model::Timestamp;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// The store's folder in the state directory.
pub(crate) const FOLDER: &str = "work";
/// Bodies on their way to the store, in KiB together: who comes later waits before sending, which is the back-pressure.
const MAX_BODIES_KIB: usize = 64 * 1024;

/// Where the store is.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// The store of one running headquarters. A headquarters that nobody hands work to pays nothing for it.
#[derive(Debug)]
pub(crate) struct WorkStore {
    folder: PathBuf,
    store: OnceCell<Store>,
    bodies: Arc<Semaphore>,
}

impl WorkStore {
    pub(crate) fn new(state: &Path) -> Self {
        let bodies = Arc::new(Semaphore::new(MAX_BODIES_KIB));
        Self { folder: folder(state), store: OnceCell::new(), bodies }
    }

    /// The store, opened now if it was not.
    pub(crate) async fn open(&self) -> Result<&Store, StoreError> {
        self.store.get_or_try_init(|| Store::open(&self.folder)).await
    }

    /// Removes what is kept no longer; `None` if there was nothing. A store that nobody ever handed work to stays closed.
    pub(crate) async fn retain(&self, now: Timestamp) -> Result<Option<Removed>, StoreError> {
        if self.store.get().is_none() && !holds_anything(&self.folder) {
            return Ok(None);
        }
        let removed = self.open().await?.retain(now).await?;
        Ok((removed != Removed::default()).then_some(removed))
    }

    /// A place for a body of so many bytes; waits until there is one.
    pub(crate) async fn place(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        Arc::clone(&self.bodies).acquire_many_owned(kib).await.ok()
    }

    /// Finishes what was asked before and closes it.
    pub(crate) async fn close(&self) {
        if let Some(store) = self.store.get() {
            store.close().await;
        }
    }
}

/// Whether the index was ever written to.
fn holds_anything(folder: &Path) -> bool {
    std::fs::metadata(folder.join(INDEX_NAME)).is_ok_and(|index| index.len() > 0)
}
