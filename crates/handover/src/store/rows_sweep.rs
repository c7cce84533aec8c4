//! The statements of the daily round, inside transactions that others open and commit.

use std::collections::BTreeSet;

use hanare_model::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Error, Row as _};

use super::retain::{Dated, outlived};
use super::sql;
use crate::protocol::VersionId;

/// What a step removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Swept {
    pub versions: u64,
    pub files: u64,
    pub chunks: u64,
    pub bytes: u64,
}

/// Files that have more than one version, or are deleted; after this one.
pub(super) async fn outgrown(db: &mut SqliteConnection, after: i64, limit: u32) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar(sql::SELECT_OUTGROWN).bind(after).bind(i64::from(limit)).fetch_all(db).await
}

/// Removes what files have outlived.
pub(super) async fn retain(db: &mut SqliteConnection, files: &[i64], now: Timestamp) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    for file in files {
        let rows = sqlx::query(sql::SELECT_VERSIONS).bind(file).fetch_all(&mut *db).await?;
        let mut versions = Vec::with_capacity(rows.len());
        let mut deleted = false;
        for row in &rows {
            deleted = row.try_get("deleted")?;
            versions.push(Dated { id: row.try_get("id")?, at: Timestamp::from_seconds(row.try_get("at")?) });
        }
        let gone = outlived(&versions, deleted, now);
        if !gone.is_empty() && gone.len() == versions.len() {
            sqlx::query(sql::UPDATE_NO_HEAD).bind(file).execute(&mut *db).await?;
        }
        for version in &gone {
            sqlx::query(sql::DELETE_USED).bind(version).execute(&mut *db).await?;
            sqlx::query(sql::UPDATE_LESS_USED).bind(version).execute(&mut *db).await?;
            sqlx::query(sql::DELETE_VERSION).bind(version).execute(&mut *db).await?;
            swept.versions += 1;
        }
        if !gone.is_empty() && gone.len() == versions.len() {
            sqlx::query(sql::DELETE_FILE).bind(file).execute(&mut *db).await?;
            swept.files += 1;
        }
    }
    Ok(swept)
}

/// Chunks that no version names and nobody has sent since a time; after this one.
pub(super) async fn unnamed(
    db: &mut SqliteConnection,
    after: i64,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar(sql::SELECT_UNNAMED)
        .bind(after)
        .bind(before.seconds())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await
}

/// Forgets those of these chunks of which that still holds, and objects that hold nothing else.
pub(super) async fn forget(
    db: &mut SqliteConnection,
    chunks: &[i64],
    before: Timestamp,
) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    for chunk in chunks {
        // It may have been named, or sent again, since it was looked for.
        let pack: Option<i64> = sqlx::query_scalar(sql::SELECT_STILL_UNNAMED)
            .bind(chunk)
            .bind(before.seconds())
            .fetch_optional(&mut *db)
            .await?;
        let Some(pack) = pack else { continue };
        sqlx::query(sql::DELETE_HELD).bind(chunk).execute(&mut *db).await?;
        sqlx::query(sql::DELETE_CHUNK).bind(chunk).execute(&mut *db).await?;
        swept.chunks += 1;
        let bytes: Option<i64> =
            sqlx::query_scalar(sql::PUT_FORGOTTEN).bind(pack).fetch_optional(&mut *db).await?;
        if let Some(bytes) = bytes {
            sqlx::query(sql::DELETE_PACK).bind(pack).execute(&mut *db).await?;
            swept.bytes += bytes.unsigned_abs();
        }
    }
    Ok(swept)
}

/// Objects that the index has forgotten and that may be there still.
pub(super) async fn forgotten(db: &mut SqliteConnection, limit: u32) -> Result<Vec<VersionId>, Error> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar(sql::SELECT_FORGOTTEN).bind(i64::from(limit)).fetch_all(db).await?;
    let id = |bytes: Vec<u8>| {
        let bytes = bytes.try_into().map_err(|_| Error::Decode("an id of 16 bytes".into()))?;
        Ok(VersionId::from_bytes(bytes))
    };
    rows.into_iter().map(id).collect()
}

/// Objects of one folder of the fan that the index names.
pub(super) async fn named(db: &mut SqliteConnection, fan: u8) -> Result<BTreeSet<VersionId>, Error> {
    in_fan(db, sql::SELECT_OBJECTS, fan).await
}

/// Those of them that are not known to be lost.
pub(super) async fn wanted(db: &mut SqliteConnection, fan: u8) -> Result<BTreeSet<VersionId>, Error> {
    in_fan(db, sql::SELECT_WANTED_OBJECTS, fan).await
}

/// It was known to be lost, and is there.
pub(super) async fn found(db: &mut SqliteConnection, id: &VersionId) -> Result<(), Error> {
    sqlx::query(sql::UPDATE_FOUND).bind(id.as_bytes().as_slice()).execute(db).await.map(drop)
}

async fn in_fan(
    db: &mut SqliteConnection,
    select: &'static str,
    fan: u8,
) -> Result<BTreeSet<VersionId>, Error> {
    let [first, last] = [[fan, 0], [fan, u8::MAX]].map(|[fan, rest]| {
        let mut id = [rest; 16];
        id[0] = fan;
        id.to_vec()
    });
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(select).bind(first).bind(last).fetch_all(db).await?;
    Ok(rows.into_iter().filter_map(|id| id.try_into().ok()).map(VersionId::from_bytes).collect())
}

/// Notes objects as forgotten that the index still does not name.
pub(super) async fn orphaned(db: &mut SqliteConnection, objects: &[VersionId]) -> Result<(), Error> {
    for object in objects {
        sqlx::query(sql::PUT_ORPHAN).bind(&object.as_bytes()[..]).execute(&mut *db).await?;
    }
    Ok(())
}

/// They are gone.
pub(super) async fn removed(db: &mut SqliteConnection, objects: &[VersionId]) -> Result<(), Error> {
    for object in objects {
        sqlx::query(sql::DELETE_FORGOTTEN).bind(&object.as_bytes()[..]).execute(&mut *db).await?;
    }
    Ok(())
}
