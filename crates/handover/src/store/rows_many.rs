//! Many rows with one statement. A statement of its own for each row costs two changes of threads, which is more than what SQLite
//! does meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use hanare_model::{NodeName, Timestamp};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::draft::Draft;
use super::judge::Head;
use super::keys::Name;
use super::pack::Pack;
use super::rows::{self, OwnerRow, id, signed, unsigned};
use super::sql;
use crate::protocol::VersionId;

/// What is at a path.
#[derive(Debug)]
pub(super) struct There {
    pub file: i64,
    pub head: Option<Head<Vec<u8>>>,
}

/// A version that is to be written.
#[derive(Debug)]
pub(super) struct Row {
    pub draft: Draft,
    /// `None`: the first at its path.
    pub file: Option<i64>,
    /// In the order of the content.
    pub chunks: Vec<i64>,
}

/// Rows as a statement takes them: a JSON array, bytes in it as hex digits.
fn list(rows: impl Serialize) -> Result<String, Error> {
    serde_json::to_string(&rows).map_err(|error| Error::Encode(error.into()))
}

fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> Result<String, Error> {
    list(names.into_iter().map(hex::encode).collect::<Vec<_>>())
}

fn name(row: &SqliteRow) -> Result<Name, Error> {
    let bytes: Vec<u8> = row.try_get("name")?;
    bytes.try_into().map_err(|_| Error::Decode("a keyed name of 32 bytes".into()))
}

/// Those of these chunks that this person has sent: their rows and lengths.
pub(super) async fn held(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    wanted: &BTreeSet<Name>,
) -> Result<BTreeMap<Name, (i64, u64)>, Error> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = sqlx::query(sql::SELECT_HELDS).bind(owner.person).bind(owner.company).bind(names(wanted)?);
    let found = query.fetch_all(db).await?;
    found.iter().map(|row| Ok((name(row)?, (row.try_get("id")?, unsigned(row, "len")?)))).collect()
}

/// Those of these chunks that the company has.
pub(super) async fn chunks(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    wanted: &BTreeSet<Name>,
) -> Result<BTreeSet<Name>, Error> {
    let query = sqlx::query(sql::SELECT_CHUNKS).bind(owner.company).bind(names(wanted)?);
    query.fetch_all(db).await?.iter().map(name).collect()
}

/// Notes a pack and that this person has sent what is in it and what was there before.
pub(super) async fn put_chunks(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    pack: Option<&Pack>,
    known: &[Name],
    now: Timestamp,
) -> Result<(), Error> {
    let mut all = BTreeSet::from_iter(known);
    if let Some(pack) = pack {
        let row: i64 = sqlx::query_scalar(sql::PUT_PACK)
            .bind(owner.company)
            .bind(&pack.id.as_bytes()[..])
            .bind(signed(pack.size))
            .bind(now.seconds())
            .fetch_one(&mut *db)
            .await?;
        let chunks: Vec<_> = pack
            .chunks
            .iter()
            .map(|packed| (hex::encode(packed.name), packed.place, packed.start, packed.len))
            .collect();
        sqlx::query(sql::PUT_CHUNKS)
            .bind(owner.company)
            .bind(row)
            .bind(list(chunks)?)
            .execute(&mut *db)
            .await?;
        all.extend(pack.chunks.iter().map(|packed| &packed.name));
    }
    let count = all.len() as u64;
    let held = sqlx::query(sql::PUT_HELDS).bind(owner.person).bind(owner.company).bind(now.seconds());
    let held = held.bind(names(all)?).execute(db).await?.rows_affected();
    // One may have been forgotten since it was looked up: then all of it is sent again.
    if held == count { Ok(()) } else { Err(Error::RowNotFound) }
}

/// What is at these paths.
pub(super) async fn there(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    paths: &BTreeSet<Name>,
) -> Result<BTreeMap<Name, There>, Error> {
    let query = sqlx::query(sql::SELECT_FILES).bind(owner.person).bind(names(paths)?);
    let found = query.fetch_all(db).await?;
    found
        .iter()
        .map(|row| Ok((name(row)?, There { file: row.try_get("id")?, head: rows::read_head(row)? })))
        .collect()
}

/// Writes versions, in order; each becomes the head of its file.
pub(super) async fn put_versions(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    versions: &[Row],
    (node, now): (&NodeName, Timestamp),
) -> Result<(), Error> {
    if versions.is_empty() {
        return Ok(());
    }
    let new = versions.iter().filter(|version| version.file.is_none());
    let new = names(new.map(|version| &version.draft.path))?;
    let made = sqlx::query(sql::PUT_FILES).bind(owner.person).bind(new).fetch_all(&mut *db).await?;
    let made: BTreeMap<Name, i64> =
        made.iter().map(|row| Ok((name(row)?, row.try_get("id")?))).collect::<Result<_, Error>>()?;
    let file = |version: &Row| {
        version.file.or_else(|| made.get(&version.draft.path).copied()).ok_or(Error::RowNotFound)
    };
    let line = |version: &Row| {
        let draft = &version.draft;
        let content = draft.content.as_ref().unwrap_or(&draft.deleted_content);
        Ok((
            hex::encode(draft.id.as_bytes()),
            file(version)?,
            draft.parent.map(|parent| hex::encode(parent.as_bytes())),
            draft.class,
            draft.content.is_none(),
            signed(draft.size),
            hex::encode(content),
            hex::encode(&draft.manifest),
            draft.moved,
        ))
    };
    let lines = versions.iter().map(line).collect::<Result<Vec<_>, Error>>()?;
    let query = sqlx::query(sql::PUT_VERSIONS).bind(list(lines)?).bind(now.seconds()).bind(node.as_str());
    let ids = query.fetch_all(&mut *db).await?;
    let ids: BTreeMap<VersionId, i64> =
        ids.iter().map(|row| Ok((id(row, "public")?, row.try_get("id")?))).collect::<Result<_, Error>>()?;
    let (mut used, mut heads) = (Vec::new(), Vec::with_capacity(versions.len()));
    for version in versions {
        let row = *ids.get(&version.draft.id).ok_or(Error::RowNotFound)?;
        used.extend(version.chunks.iter().map(|chunk| (row, *chunk)));
        heads.push((file(version)?, row));
    }
    sqlx::query(sql::PUT_USEDS).bind(list(used)?).execute(&mut *db).await?;
    sqlx::query(sql::UPDATE_HEADS).bind(list(heads)?).execute(&mut *db).await?;
    let size = versions.iter().fold(0u64, |size, version| size.saturating_add(version.draft.size));
    sqlx::query(sql::UPDATE_USED).bind(owner.person).bind(signed(size)).execute(db).await.map(drop)
}
