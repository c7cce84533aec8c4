//! How much is held of a company, and how much one person may hold and does.

use std::collections::BTreeMap;

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Error, Row as _};

use super::error::StoreError;
use super::rows::{self, OwnerRow, signed, unsigned};
use super::sql;
use super::writer::Job;
use super::{Owner, Store};

/// How much is held of a company.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Persons of whom there is something.
    pub persons: u64,
    /// Files that are there.
    pub files: u64,
    /// Versions that are kept, of files that are there and of others.
    pub versions: u64,
    /// Bytes of all versions together, as their writers see them.
    pub bytes: u64,
    /// Bytes of objects: what is the same is stored once.
    pub stored_bytes: u64,
    /// When the last version came.
    pub latest: Option<Timestamp>,
}

impl Store {
    /// How much is held of each company.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn totals(&self) -> Result<BTreeMap<String, Totals>, StoreError> {
        let mut reader = self.reader.lock().await;
        let totals = rows::totals(&mut reader).await.map_err(|error| self.failed(&error))?;
        Ok(totals.into_iter().collect())
    }

    /// How many bytes all versions of a person may hold; `None`: no limit.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn limit(&self, owner: &Owner, quota: Option<u64>) -> Result<(), StoreError> {
        let (row, _) = self.owner(owner).await?;
        self.writer.write(Job::Quota { owner: row, bytes: quota }).await.map(drop)
    }

    /// How many bytes all versions of a person may hold, and how many they do.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn space(&self, owner: &Owner) -> Result<(Option<u64>, u64), StoreError> {
        let Some((row, _)) = self.known(owner).await? else { return Ok((None, 0)) };
        let mut reader = self.reader.lock().await;
        of(&mut reader, row).await.map_err(|error| self.failed(&error))
    }
}

/// How many bytes all kept versions of a person may hold, and how many they do.
pub(super) async fn of(db: &mut SqliteConnection, owner: OwnerRow) -> Result<(Option<u64>, u64), Error> {
    let space = sqlx::query(sql::SELECT_SPACE).bind(owner.person).fetch_one(db).await?;
    let quota: Option<i64> = space.try_get("quota")?;
    Ok((quota.map(i64::unsigned_abs), unsigned(&space, "used")?))
}

/// How many bytes they may hold from now on.
pub(super) async fn limit(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    bytes: Option<u64>,
) -> Result<(), Error> {
    sqlx::query(sql::UPDATE_QUOTA).bind(owner.person).bind(bytes.map(signed)).execute(db).await.map(drop)
}
