//! What waits at headquarters for persons who have not proven themselves is bounded for each node: whoever has a node's key and
//! disk can send as much of it as they like.

use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::error::StoreError;
use super::rows::unsigned;
use super::sealed::Bearer;
use super::{SEALED, Store, sql, work};

/// A node's share of the disk is one of so many,
const SHARES: u64 = 8;
/// and so much stays free of what comes sealed: a full disk takes nobody's work.
const FREE: u64 = 256 << 20;
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

    /// Whether so much more may be on its way.
    pub(super) async fn may_come(&self, bytes: u64) -> Result<bool, StoreError> {
        Ok(bytes <= self.disk().await?.1.saturating_sub(FREE))
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

/// How large a disk is, and how much of it is free.
fn disk(folder: &Path) -> std::io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((bytes(found.f_blocks), bytes(found.f_bavail)))
}

async fn read(db: &mut SqliteConnection) -> Result<Vec<Waits>, Error> {
    let rows = sqlx::query(sql::SELECT_QUARANTINES).fetch_all(db).await?;
    let read = |row: &SqliteRow| {
        let (company, node) = (row.try_get("company")?, row.try_get("node")?);
        Ok(Waits { company, node, items: unsigned(row, "items")?, bytes: unsigned(row, "bytes")? })
    };
    rows.iter().map(read).collect()
}
