//! What waits at headquarters for persons who have not proven themselves is bounded for each node: whoever has a node's key and
//! disk can send as much of it as they like.

use std::path::Path;

use rustix::fs::StatVfs;
use rustix::thread::{CapabilitySet, CapabilitySets};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::error::StoreError;
use super::rows::unsigned;
use super::sealed::Bearer;
use super::{SEALED, Store, sql, work};

/// A node's share of the disk is one of so many.
const SHARES: u64 = 8;
/// So many items wait of one node: each is opened when its person comes, who waits for that.
const ITEMS: u64 = 20_000;

/// How much waits of one node at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub items: u64,
    /// Its share of the disk, if absent.
    pub bytes: Option<u64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { items: ITEMS, bytes: None }
    }
}

/// What waits of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waits {
    company: String,
    node: String,
    items: u64,
    bytes: u64,
}

impl Store {
    /// Whether so much more of a node may wait for somebody.
    pub(super) async fn may_wait(&self, bearer: &Bearer, bytes: u64) -> Result<bool, StoreError> {
        let all = self.waits().await?;
        let of =
            |waits: &&Waits| waits.company == bearer.company.as_str() && waits.node == bearer.node.as_str();
        let (items, before) = all.iter().find(of).map_or((0, 0), |waits| (waits.items, waits.bytes));
        Ok(items < self.bounds.items && before.saturating_add(bytes) <= self.share().await?)
    }

    /// Whether so much more may be on its way: half of what is free. It lies there twice while it is opened, none takes the
    /// whole rest from the others, and a small one comes in as long as anything can be written at all.
    pub(super) async fn may_come(&self, bytes: u64) -> Result<bool, StoreError> {
        Ok(bytes <= self.disk().await?.1 / 2)
    }

    /// Nodes of which so much waits that no more is taken without a proof: their company, and their name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn at_their_bound(&self) -> Result<Vec<(String, String)>, StoreError> {
        // One more of a usual size would be too much.
        let share = self.share().await?;
        let is_full = |waits: &Waits| waits.items >= self.bounds.items || waits.bytes >= share / 10 * 9;
        let all = self.waits().await?.into_iter().filter(is_full);
        Ok(all.map(|waits| (waits.company, waits.node)).collect())
    }

    #[cfg(test)]
    pub(crate) fn bound(&mut self, items: u64, bytes: Option<u64>) {
        self.bounds = Bounds { items, bytes };
    }

    async fn waits(&self) -> Result<Vec<Waits>, StoreError> {
        let mut reader = self.reader.lock().await;
        read(&mut reader).await.map_err(|error| self.failed(&error))
    }

    async fn share(&self) -> Result<u64, StoreError> {
        match self.bounds.bytes {
            Some(bytes) => Ok(bytes),
            None => Ok(self.disk().await?.0 / SHARES),
        }
    }

    async fn disk(&self) -> Result<(u64, u64), StoreError> {
        let folder = self.folder.join(SEALED);
        let asked = folder.clone();
        work(move || disk(&asked)).await?.map_err(|error| StoreError::io(&folder, &error))
    }
}

/// How large a disk is, and how much of it this process can write.
fn disk(folder: &Path) -> std::io::Result<(u64, u64)> {
    Ok(room(&rustix::fs::statvfs(folder)?, has_reserve()))
}

fn room(found: &StatVfs, has_reserve: bool) -> (u64, u64) {
    let free = if has_reserve { found.f_bfree } else { found.f_bavail };
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    (bytes(found.f_blocks), bytes(free))
}

/// Whether a file system lets this process write the blocks that it reserves, a twentieth of an ext4: they go to the handed
/// over work as well, so sealed work must not be refused for what is called full only for others. In a user namespace this
/// says yes where the kernel says no: the write then fails, and its node tries again as after every full disk.
fn has_reserve() -> bool {
    let may = |sets: CapabilitySets| sets.effective.contains(CapabilitySet::SYS_RESOURCE);
    rustix::process::geteuid().is_root() || rustix::thread::capabilities(None).is_ok_and(may)
}

async fn read(db: &mut SqliteConnection) -> Result<Vec<Waits>, Error> {
    let rows = sqlx::query(sql::SELECT_QUARANTINES).fetch_all(db).await?;
    let read = |row: &SqliteRow| {
        let (company, node) = (row.try_get("company")?, row.try_get("node")?);
        Ok(Waits { company, node, items: unsigned(row, "items")?, bytes: unsigned(row, "bytes")? })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_disk_reserves_counts_for_whom_it_is_reserved() {
        let mut found = rustix::fs::statvfs("/").unwrap();
        (found.f_frsize, found.f_blocks, found.f_bfree, found.f_bavail) = (4096, 1000, 50, 0);
        assert_eq!(room(&found, true), (1000 * 4096, 50 * 4096));
        assert_eq!(room(&found, false), (1000 * 4096, 0));
    }
}
