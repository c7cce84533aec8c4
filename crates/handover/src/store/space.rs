//! How much is held of a company, and how much it and each of its persons may hold and do.

use std::collections::BTreeMap;

use hanare_model::{CompanyId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::error::StoreError;
use super::rows::{OwnerRow, signed, unsigned};
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
        let totals = read_totals(&mut reader).await.map_err(|error| self.failed(&error))?;
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
        let [own, _] = of(&mut reader, row).await.map_err(|error| self.failed(&error))?;
        Ok((own.quota, own.used))
    }

    /// How many bytes all versions of a company's persons may hold together; `None`: no limit.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn limit_company(&self, company: &CompanyId, quota: Option<u64>) -> Result<(), StoreError> {
        let job = Job::CompanyQuota { company: company.to_string(), bytes: quota };
        self.writer.write(job).await.map(drop)
    }

    /// How many bytes all versions of a company's persons may hold together, and how many they do.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn company_space(&self, company: &CompanyId) -> Result<(Option<u64>, u64), StoreError> {
        let mut reader = self.reader.lock().await;
        let row = sqlx::query(sql::SELECT_COMPANY_SPACE).bind(company.as_str()).fetch_optional(&mut *reader);
        let space = match row.await {
            Ok(Some(row)) => Space::read(&row, "quota", "used"),
            Ok(None) => return Ok((None, 0)),
            Err(error) => Err(error),
        };
        space.map(|space| (space.quota, space.used)).map_err(|error| self.failed(&error))
    }
}

/// How many bytes somebody may hold, and how many they do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub quota: Option<u64>,
    pub used: u64,
}

impl Space {
    fn read(row: &SqliteRow, quota: &str, used: &str) -> Result<Self, Error> {
        let quota: Option<i64> = row.try_get(quota)?;
        Ok(Self { quota: quota.map(i64::unsigned_abs), used: unsigned(row, used)? })
    }

    /// Whether there is no room for so many more.
    pub(super) fn is_full_for(self, bytes: u64) -> Option<(u64, u64)> {
        let quota = self.quota.filter(|quota| bytes > 0 && self.used.saturating_add(bytes) > *quota)?;
        Some((quota, self.used))
    }
}

/// A person's space, and what they share with all of their company; how much that holds is only told where it has a limit.
pub(super) async fn of(db: &mut SqliteConnection, owner: OwnerRow) -> Result<[Space; 2], Error> {
    let row = sqlx::query(sql::SELECT_SPACE).bind(owner.person).fetch_one(db).await?;
    Ok([Space::read(&row, "quota", "used")?, Space::read(&row, "shared_quota", "shared_used")?])
}

/// How many bytes the persons of a company may hold together from now on.
pub(super) async fn limit_company(
    db: &mut SqliteConnection,
    company: &str,
    bytes: Option<u64>,
) -> Result<(), Error> {
    sqlx::query(sql::PUT_COMPANY).bind(company).execute(&mut *db).await?;
    let limit = sqlx::query(sql::UPDATE_COMPANY_QUOTA).bind(company).bind(bytes.map(signed));
    limit.execute(db).await.map(drop)
}

/// How many bytes they may hold from now on.
pub(super) async fn limit(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    bytes: Option<u64>,
) -> Result<(), Error> {
    sqlx::query(sql::UPDATE_QUOTA).bind(owner.person).bind(bytes.map(signed)).execute(db).await.map(drop)
}

/// What is held of each company: its name, and counts.
async fn read_totals(db: &mut SqliteConnection) -> Result<Vec<(String, Totals)>, Error> {
    let rows = sqlx::query(sql::TOTALS).fetch_all(db).await?;
    let read = |row: &SqliteRow| {
        let latest: Option<i64> = row.try_get("latest")?;
        let totals = Totals {
            persons: unsigned(row, "persons")?,
            files: unsigned(row, "files")?,
            versions: unsigned(row, "versions")?,
            bytes: unsigned(row, "used")?,
            stored_bytes: unsigned(row, "stored")?,
            latest: latest.map(Timestamp::from_seconds),
        };
        Ok((row.try_get("name")?, totals))
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, hanako, version};
    use super::*;
    use crate::protocol::{Content, Placed};

    #[tokio::test]
    async fn a_company_shares_one_limit_and_each_of_its_persons_keeps_their_own() {
        let mut world = World::new().await;
        let (hanako, taro) = (hanako(), Owner { person: "taro".parse().unwrap(), ..hanako() });
        // Nobody has handed anything over yet.
        world.store.limit_company(&hanako.company, Some(10)).await.unwrap();
        assert_eq!(world.store.company_space(&hanako.company).await.unwrap(), (Some(10), 0));
        world.kept(&hanako, "five", None, b"12345").await;
        world.kept(&taro, "four", None, b"1234").await;
        let full = world.hand_over(&taro, "two", None, b"12").await;
        assert_eq!(full, Placed::Full { quota: 10, used: 9 });
        let deleted = world.place(&taro, vec![version("gone", None, Content::Deleted)]).await;
        assert_eq!(deleted, [Placed::Stays { head: None }]);
        world.store.limit(&hanako, Some(5)).await.unwrap();
        let own = world.hand_over(&hanako, "one", None, b"1").await;
        assert_eq!(own, Placed::Full { quota: 5, used: 5 });
        world.kept(&taro, "one", None, b"1").await;
        world.store.limit_company(&hanako.company, None).await.unwrap();
        assert_eq!(world.store.company_space(&hanako.company).await.unwrap(), (None, 10));
        world.kept(&taro, "two", None, b"12").await;
        let other = Owner { company: "globex".parse().unwrap(), ..hanako.clone() };
        assert_eq!(world.store.company_space(&other.company).await.unwrap(), (None, 0));
    }
}
