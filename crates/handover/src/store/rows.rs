//! What is written to the index and read from it, statement by statement, inside a transaction that others open and commit.

use hanare_model::{NodeName, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::draft::{self, Draft};
use super::judge::{Change, Head, Judgement, judge, vanish};
use super::keys::Name;
use super::marks;
use super::pack::Packed;
use super::space;
use super::sql;
use crate::protocol::{Browse, VANISHING_WINDOW_SECONDS, VersionId};

/// A person and their company as rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnerRow {
    pub company: i64,
    pub person: i64,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    /// To be put beside: the path was not free. Nothing is written yet.
    Beside(VersionId),
    Known(VersionId),
    Stays(Option<VersionId>),
    Incomplete,
    Malformed,
    Full {
        quota: u64,
        used: u64,
    },
}

pub(super) fn id(row: &SqliteRow, column: &str) -> Result<VersionId, Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let bytes = bytes.try_into().map_err(|_| Error::Decode("an id of 16 bytes".into()))?;
    Ok(VersionId::from_bytes(bytes))
}

pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64, Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| Error::Decode(error.into()))
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) async fn owner(
    db: &mut SqliteConnection,
    company: &str,
    person: &str,
) -> Result<Option<OwnerRow>, Error> {
    let company: Option<i64> =
        sqlx::query_scalar(sql::SELECT_COMPANY).bind(company).fetch_optional(&mut *db).await?;
    let Some(company) = company else { return Ok(None) };
    let person: Option<i64> =
        sqlx::query_scalar(sql::SELECT_PERSON).bind(company).bind(person).fetch_optional(db).await?;
    Ok(person.map(|person| OwnerRow { company, person }))
}

pub(super) async fn make_owner(
    db: &mut SqliteConnection,
    company: &str,
    person: &str,
) -> Result<OwnerRow, Error> {
    sqlx::query(sql::PUT_COMPANY).bind(company).execute(&mut *db).await?;
    let id: i64 = sqlx::query_scalar(sql::SELECT_COMPANY).bind(company).fetch_one(&mut *db).await?;
    sqlx::query(sql::PUT_PERSON).bind(id).bind(person).execute(&mut *db).await?;
    owner(db, company, person).await?.ok_or(Error::RowNotFound)
}

/// The row and length of a chunk that this person has sent.
pub(super) async fn held(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    name: &Name,
) -> Result<Option<(i64, u64)>, Error> {
    let row = sqlx::query(sql::SELECT_HELD)
        .bind(owner.person)
        .bind(owner.company)
        .bind(&name[..])
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok((row.try_get("id")?, unsigned(&row, "len")?))).transpose()
}

/// Where a chunk of this person is.
pub(super) async fn locate(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    name: &Name,
) -> Result<Option<(VersionId, Packed)>, Error> {
    let row = sqlx::query(sql::LOCATE)
        .bind(owner.person)
        .bind(owner.company)
        .bind(&name[..])
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let place = u32::try_from(unsigned(&row, "place")?).map_err(|error| Error::Decode(error.into()))?;
    let packed = Packed { name: *name, place, start: unsigned(&row, "start")?, len: unsigned(&row, "len")? };
    Ok(Some((id(&row, "object")?, packed)))
}

/// What is at a path: the file's row and its head.
pub(super) async fn head(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    path: &Name,
) -> Result<Option<(i64, Option<Head<Vec<u8>>>)>, Error> {
    let row = sqlx::query(sql::SELECT_FILE).bind(owner.person).bind(&path[..]).fetch_optional(db).await?;
    row.map(|row| Ok((row.try_get("id")?, read_head(&row)?))).transpose()
}

/// The head of a file, if it has one.
pub(super) fn read_head(row: &SqliteRow) -> Result<Option<Head<Vec<u8>>>, Error> {
    let Some(head) = row.try_get("head")? else { return Ok(None) };
    Ok(Some(Head {
        row: head,
        version: id(row, "public")?,
        content: row.try_get("content")?,
        deleted: row.try_get("deleted")?,
    }))
}

/// Whether so many deletions are to be asked about.
pub(super) async fn would_vanish(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    deletions: u64,
    now: Timestamp,
) -> Result<bool, Error> {
    let live: i64 = sqlx::query_scalar(sql::COUNT_LIVE).bind(owner.person).fetch_one(&mut *db).await?;
    let lately: i64 = sqlx::query_scalar(sql::COUNT_VANISHED)
        .bind(owner.person)
        .bind(now.seconds() - VANISHING_WINDOW_SECONDS)
        .fetch_one(db)
        .await?;
    Ok(vanish(live.unsigned_abs(), lately.unsigned_abs(), deletions))
}

/// Puts a version into its place, or says why not.
pub(super) async fn put_version(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    draft: &Draft,
    node: &NodeName,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let there = head(db, owner, &draft.path).await?;
    let (file, head) = there.map_or((None, None), |(file, head)| (Some(file), head));
    let change = match &draft.content {
        Some(content) => Change::Content(content.to_vec()),
        None => Change::Deleted,
    };
    let parent = remembered(db, head.as_ref(), draft).await?;
    match judge(head.as_ref(), parent, &change) {
        Judgement::Replace => {}
        Judgement::Beside(head) => return Ok(Outcome::Beside(head)),
        Judgement::Known(version) => {
            let row = head.as_ref().map(|head| head.row);
            let not_there: i64 =
                sqlx::query_scalar(sql::COUNT_NOT_THERE).bind(row).fetch_one(&mut *db).await?;
            if not_there == 0 {
                return Ok(Outcome::Known(version));
            }
            // Its chunks are wanted again, and once they are here it is whole.
            return Ok(Outcome::Incomplete);
        }
        Judgement::Stays(head) => return Ok(Outcome::Stays(head)),
    }
    let mut chunks = Vec::with_capacity(draft.chunks.len());
    let mut size = 0u64;
    for name in &draft.chunks {
        let Some((chunk, len)) = held(db, owner, name).await? else { return Ok(Outcome::Incomplete) };
        chunks.push(chunk);
        size = size.saturating_add(len);
    }
    if size != draft.size {
        return Ok(Outcome::Malformed);
    }
    let spaces = space::of(db, owner).await?;
    if let Some((quota, used)) = spaces.into_iter().find_map(|space| space.is_full_for(size)) {
        return Ok(Outcome::Full { quota, used });
    }
    let file = if let Some(file) = file {
        file
    } else {
        let made = sqlx::query_scalar(sql::PUT_FILE).bind(owner.person).bind(&draft.path[..]);
        made.fetch_one(&mut *db).await?
    };
    let content = draft.content.as_ref().unwrap_or(&draft.deleted_content);
    let version: i64 = sqlx::query_scalar(sql::PUT_VERSION)
        .bind(&draft.id.as_bytes()[..])
        .bind(file)
        .bind(draft.parent.map(|parent| parent.as_bytes().to_vec()))
        .bind(now.seconds())
        .bind(node.as_str())
        .bind(draft.class)
        .bind(draft.content.is_none())
        .bind(signed(size))
        .bind(&content[..])
        .bind(&draft.manifest)
        .bind(draft.moved)
        .fetch_one(&mut *db)
        .await?;
    for chunk in chunks {
        sqlx::query(sql::PUT_USED).bind(version).bind(chunk).execute(&mut *db).await?;
    }
    sqlx::query(sql::UPDATE_HEAD).bind(file).bind(version).execute(&mut *db).await?;
    sqlx::query(sql::UPDATE_USED).bind(owner.person).bind(signed(size)).execute(db).await?;
    Ok(Outcome::Kept)
}

/// What a draft follows. A store that was put back may have forgotten that: then the draft follows what was there at that time,
/// which is older; what has come since is somebody else's.
async fn remembered(
    db: &mut SqliteConnection,
    head: Option<&Head<Vec<u8>>>,
    draft: &Draft,
) -> Result<Option<VersionId>, Error> {
    let (Some(head), Some(parent), true) = (head, draft.parent, draft.again) else { return Ok(draft.parent) };
    if head.version == parent || marks::has(db, parent).await? {
        return Ok(Some(parent));
    }
    let is_older = marks::put_back_to(db).await?.is_some_and(|newest| head.row <= newest);
    Ok(Some(if is_older { head.version } else { parent }))
}

/// A version that was put beside another one by an earlier try of the same commit: its id and sealed manifest.
pub(super) async fn beside(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    draft: &Draft,
    node: &NodeName,
) -> Result<Option<(VersionId, Vec<u8>)>, Error> {
    let Some(content) = &draft.content else { return Ok(None) };
    let file = head(db, owner, &draft.path).await?.map_or(0, |(file, _)| file);
    let row = sqlx::query(sql::SELECT_BESIDE)
        .bind(owner.person)
        .bind(&content[..])
        .bind(draft.parent.map(|parent| parent.as_bytes().to_vec()))
        .bind(node.as_str())
        .bind(file)
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok((id(&row, "public")?, row.try_get("manifest")?))).transpose()
}

/// A row of a list, still sealed.
#[derive(Debug)]
pub(super) struct Listed {
    pub row: i64,
    pub version: VersionId,
    pub parent: Option<VersionId>,
    pub at: Timestamp,
    pub node: String,
    pub class: String,
    pub manifest: Vec<u8>,
}

/// A page of what a person has, newest first.
pub(super) async fn browse(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    browse: &Browse,
    limit: u32,
) -> Result<Vec<Listed>, Error> {
    let text = if browse.at.is_some() { sql::BROWSE_AT } else { sql::BROWSE };
    let before = browse.after.unwrap_or(i64::MAX);
    let query = sqlx::query(text).bind(owner.person).bind(before).bind(browse.deleted);
    let mut query = query.bind(i64::from(limit)).bind(browse.class.map(draft::word));
    if let Some(at) = browse.at {
        query = query.bind(at.seconds());
    }
    query.fetch_all(db).await?.iter().map(read_listed).collect()
}

/// A page of what came from a node and is the newest of its file at a time, with whose it is.
pub(super) async fn browse_node(
    db: &mut SqliteConnection,
    company: &str,
    node: &str,
    at: Timestamp,
    before: i64,
    limit: u32,
) -> Result<Vec<(String, Listed)>, Error> {
    let rows = sqlx::query(sql::BROWSE_NODE)
        .bind(company)
        .bind(node)
        .bind(before)
        .bind(at.seconds())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("person")?, read_listed(row)?))).collect()
}

/// One version of a person's.
pub(super) async fn version(
    db: &mut SqliteConnection,
    owner: OwnerRow,
    version: &VersionId,
) -> Result<Option<Listed>, Error> {
    let query = sqlx::query(sql::SELECT_VERSION_OF).bind(owner.person).bind(&version.as_bytes()[..]);
    query.fetch_optional(db).await?.as_ref().map(read_listed).transpose()
}

fn read_listed(row: &SqliteRow) -> Result<Listed, Error> {
    let parent: Option<Vec<u8>> = row.try_get("parent")?;
    Ok(Listed {
        row: row.try_get("id")?,
        version: id(row, "public")?,
        parent: parent.and_then(|bytes| bytes.try_into().ok()).map(VersionId::from_bytes),
        at: Timestamp::from_seconds(row.try_get("at")?),
        node: row.try_get("node")?,
        class: row.try_get("class")?,
        manifest: row.try_get("manifest")?,
    })
}
