//! Objects that the index does not name: what was written for a request that failed. A full disk under the index must not
//! fill the one under the objects, and a kill between the two leaves nothing for good.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hanare_model::Timestamp;

use super::error::StoreError;
use super::pack::Pack;
use super::writer::Job;
use super::{Removed, Store, rows_sweep as rows};
use crate::protocol::VersionId;

/// An object that the index does not name is somebody's who died, once it is older than this, in seconds.
const PATIENCE: i64 = 24 * 3600;

/// Objects that are being written, and those of which the index was never told.
#[derive(Debug, Default)]
pub(super) struct Orphans(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    writing: BTreeSet<VersionId>,
    failed: BTreeSet<VersionId>,
}

impl Orphans {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object between its folder and the index. If this goes without [`Writing::named`], it is an orphan.
pub(super) struct Writing<'a> {
    orphans: &'a Orphans,
    id: VersionId,
    named: bool,
}

impl Writing<'_> {
    /// The index names it, durably.
    pub(super) fn named(mut self) {
        self.named = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut inner = self.orphans.inner();
        inner.writing.remove(&self.id);
        if !self.named {
            inner.failed.insert(self.id);
        }
    }
}

impl Store {
    /// Writes a pack's object. While the index cannot be told of earlier ones, no more are made.
    pub(super) async fn put_object(&self, pack: &mut Pack) -> Result<Writing<'_>, StoreError> {
        self.look_first().await?;
        self.remove_orphans().await?;
        self.orphans.inner().writing.insert(pack.id);
        let writing = Writing { orphans: &self.orphans, id: pack.id, named: false };
        self.objects.put(&pack.id, std::mem::take(&mut pack.bytes)).await?;
        Ok(writing)
    }

    /// A failed write to the index may have happened all the same: an object goes only after a later one has succeeded that
    /// does not find it named.
    async fn remove_orphans(&self) -> Result<(), StoreError> {
        let failed = std::mem::take(&mut self.orphans.inner().failed);
        if failed.is_empty() {
            return Ok(());
        }
        let objects = failed.iter().copied().collect();
        if let Err(error) = self.writer.write(Job::Orphans { objects }).await {
            self.orphans.inner().failed.extend(failed);
            return Err(error);
        }
        self.remove_forgotten(&mut Removed::default()).await
    }

    /// Notes every old object that the index does not name as forgotten.
    pub(super) async fn forget_orphans(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = now.seconds().saturating_sub(PATIENCE);
        // What is found in a bucket that is another's is not ours to forget.
        self.objects.check().await?;
        for fan in 0..=u8::MAX {
            let found = self.objects.list(fan, before).await?;
            if found.is_empty() {
                continue;
            }
            let named = {
                let mut reader = self.reader.lock().await;
                rows::named(&mut reader, fan).await.map_err(|error| self.failed(&error))?
            };
            let mut objects: Vec<VersionId> = found.into_iter().filter(|id| !named.contains(id)).collect();
            objects.retain(|id| !self.orphans.inner().writing.contains(id));
            if !objects.is_empty() {
                tracing::warn!(objects = objects.len(), "objects that nothing names are removed");
                self.writer.write(Job::Orphans { objects }).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::sweep_tests::objects;
    use crate::store::tests::{World, file, hanako};
    use crate::store::{OBJECTS, index};

    async fn index(world: &World, statements: &[&'static str]) {
        let mut index = index::connect(&world.root().join(index::FILE_NAME)).await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&mut index).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_index_that_cannot_be_written_does_not_fill_the_disk_with_objects() {
        let mut world = World::new().await;
        world.kept(&hanako(), "a", None, b"a").await;
        index(
            &world,
            &[
                "CREATE TRIGGER full BEFORE INSERT ON chunk BEGIN SELECT RAISE(ABORT, 'full'); END",
                "CREATE TRIGGER too BEFORE INSERT ON forgotten BEGIN SELECT RAISE(ABORT, 'full'); END",
            ],
        )
        .await;
        for _ in 0..10 {
            let (_, chunks) = file(b"an afternoon");
            let chunks = chunks.into_iter().map(bytes::Bytes::from).collect();
            assert!(world.store.put_chunks(&hanako(), chunks, world.now()).await.is_err());
        }
        assert_eq!(objects(&world.root()), 2, "one of ten tries");
        index(&world, &["DROP TRIGGER full", "DROP TRIGGER too"]).await;
        world.kept(&hanako(), "b", None, b"an afternoon").await;
        assert_eq!(objects(&world.root()), 2, "and it goes as soon as that can be written down");
        assert_eq!(world.content(&hanako(), "b").await.as_deref(), Some(b"an afternoon".as_slice()));
    }

    #[tokio::test]
    async fn the_round_removes_old_objects_that_nothing_names() {
        let mut world = World::new().await;
        world.clock = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
            .cast_signed();
        world.kept(&hanako(), "a", None, b"a").await;
        let orphan = world.root().join(OBJECTS).join("ab").join("ab".repeat(16));
        std::fs::write(&orphan, b"of a request whose headquarters was killed").unwrap();
        world.store.retain(world.now()).await.unwrap();
        assert!(orphan.exists(), "it may be somebody's who is writing now");
        world.clock += 2 * 24 * 3600;
        let removed = world.store.retain(world.now()).await.unwrap();
        assert!(!orphan.exists() && removed.objects == 1, "{removed:?}");
        assert_eq!(world.content(&hanako(), "a").await.as_deref(), Some(b"a".as_slice()));
    }
}
