//! What is written of sealed items and read from it, inside a transaction that others open and commit.

use hanare_model::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::draft::Draft;
use super::judge::Head;
use super::rows::{OwnerRow, head, id, signed, unsigned};
use super::sealed::{Came, NodeWaiting};
use super::sql;
use crate::protocol::{SealedCount, VersionId};
use crate::seal::ItemId;

/// A sealed item that came before: whose company's it is, and which version it became, if it did.
pub(super) async fn item(
    db: &mut SqliteConnection,
    item: ItemId,
) -> Result<Option<(String, Option<VersionId>)>, Error> {
    let row = sqlx::query(sql::SELECT_ITEM).bind(&item.0.as_bytes()[..]).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let version: Option<Vec<u8>> = row.try_get("version")?;
    let version = version.and_then(|bytes| bytes.try_into().ok()).map(VersionId::from_bytes);
    Ok(Some((row.try_get("company")?, version)))
}

/// Notes that an item came, and which version it became.
pub(super) async fn put_item(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    from: &Came,
    version: Option<VersionId>,
    now: Timestamp,
) -> Result<(), Error> {
    let row = sqlx::query(sql::PUT_ITEM)
        .bind(&from.id.0.as_bytes()[..])
        .bind(owner.person)
        .bind(from.node.as_str())
        .bind(signed(from.bytes))
        .bind(now.seconds())
        .bind(version.map(|version| version.as_bytes().to_vec()));
    row.execute(db).await.map(drop)
}

/// What is at a draft's path, if it is of the same content.
pub(super) async fn same(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    draft: &Draft,
) -> Result<Option<VersionId>, Error> {
    let head = head(db, owner, &draft.path).await?.and_then(|(_, head)| head);
    let is_same = |head: &Head<Vec<u8>>| draft.content.is_some_and(|content| head.content == content);
    Ok(head.filter(is_same).map(|head| head.version))
}

/// Items that wait for a person, in the order in which they came, from which node, and since when.
pub(super) async fn quarantined(
    db: &mut SqliteConnection,
    owner: OwnerRow,
) -> Result<Vec<(ItemId, String, Timestamp)>, Error> {
    let rows = sqlx::query(sql::SELECT_QUARANTINED).bind(owner.person).fetch_all(db).await?;
    let read = |row: &SqliteRow| {
        let at = Timestamp::from_seconds(row.try_get("at")?);
        Ok((ItemId(id(row, "item")?), row.try_get("node")?, at))
    };
    rows.iter().map(read).collect()
}

/// How many items wait for persons of each company.
pub(super) async fn count_quarantined(db: &mut SqliteConnection) -> Result<Vec<(String, u64)>, Error> {
    let rows = sqlx::query(sql::COUNT_QUARANTINED).fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, unsigned(row, "items")?))).collect()
}

/// Notes what waits on a node.
pub(super) async fn put_waiting(
    db: &mut SqliteConnection,
    company: &str,
    node: &str,
    count: SealedCount,
    now: Timestamp,
) -> Result<(), Error> {
    let row = sqlx::query(sql::PUT_WAITING)
        .bind(company)
        .bind(node)
        .bind(signed(count.items))
        .bind(signed(count.bytes))
        .bind(now.seconds());
    row.execute(db).await.map(drop)
}

/// What waits on each node, as it said last.
pub(super) async fn waiting(db: &mut SqliteConnection) -> Result<Vec<(String, NodeWaiting)>, Error> {
    let rows = sqlx::query(sql::SELECT_WAITING).fetch_all(db).await?;
    let read = |row: &SqliteRow| {
        let count = SealedCount { items: unsigned(row, "items")?, bytes: unsigned(row, "bytes")? };
        let at = Timestamp::from_seconds(row.try_get("at")?);
        Ok((row.try_get("company")?, NodeWaiting { node: row.try_get("node")?, count, at }))
    };
    rows.iter().map(read).collect()
}
