//! The daily round at headquarters: versions that are kept no longer go, then chunks that nobody names, then the objects that
//! held them. In small steps, each in a transaction of its own that looks once more, so that a kill at any moment and work that
//! comes meanwhile lose nothing: an object is removed only after the index has durably forgotten it.

use hanare_model::Timestamp;

use super::Store;
use super::error::StoreError;
use super::rows_sweep::{self as rows, Swept};
use super::writer::{Done, Job};

/// How long a chunk that was sent and that no version names yet is waited for, in seconds: an endpoint that was cut off in the
/// middle of a large file goes on where it was.
const PATIENCE: i64 = 7 * 24 * 3600;
/// Files, or chunks, in one step: other work waits no longer than for that.
const STEP: u32 = 200;

/// What a round removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Versions.
    pub versions: u64,
    /// Files with all their versions: they were deleted long ago.
    pub files: u64,
    /// Chunks that no version named any more.
    pub chunks: u64,
    /// Objects that held nothing else.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Removes what is kept no longer.
    ///
    /// # Errors
    /// [`StoreError`]: what was done stands, the rest is done next time.
    pub async fn retain(&self, now: Timestamp) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        // What an earlier round forgot and did not come to remove.
        self.forget_orphans(now).await?;
        for fan in 0..=u8::MAX {
            self.note_lost_in(fan, now).await?;
        }
        self.remove_forgotten(&mut removed).await?;
        let mut after = 0;
        loop {
            let files = {
                let mut reader = self.reader.lock().await;
                rows::outgrown(&mut reader, after, STEP).await.map_err(|error| self.failed(&error))?
            };
            let Some(last) = files.last().copied() else { break };
            after = last;
            removed.add(&self.writer.write(Job::Retain { files, now }).await?);
        }
        let before = Timestamp::from_seconds(now.seconds().saturating_sub(PATIENCE));
        let mut after = 0;
        loop {
            let chunks = {
                let mut reader = self.reader.lock().await;
                rows::unnamed(&mut reader, after, before, STEP).await.map_err(|error| self.failed(&error))?
            };
            let Some(last) = chunks.last().copied() else { break };
            after = last;
            removed.add(&self.writer.write(Job::Forget { chunks, before }).await?);
            self.remove_forgotten(&mut removed).await?;
        }
        Ok(removed)
    }

    /// Removes objects that the index has forgotten, and then the note of them.
    pub(super) async fn remove_forgotten(&self, removed: &mut Removed) -> Result<(), StoreError> {
        loop {
            let objects = {
                let mut reader = self.reader.lock().await;
                rows::forgotten(&mut reader, STEP).await.map_err(|error| self.failed(&error))?
            };
            if objects.is_empty() {
                return Ok(());
            }
            for object in &objects {
                self.objects.remove(object).await?;
            }
            removed.objects += objects.len() as u64;
            self.writer.write(Job::Removed { objects }).await?;
        }
    }
}

impl Removed {
    fn add(&mut self, done: &Done) {
        if let Done::Swept(Swept { versions, files, chunks, bytes }) = *done {
            self.versions += versions;
            self.files += files;
            self.chunks += chunks;
            self.bytes += bytes;
        }
    }
}
