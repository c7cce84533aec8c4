//! Where this store stands, and whether it knows where it is said to have stood; inside a transaction that others open and
//! commit.

use sqlx::Error;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::keys::random_id;
use super::rows::{id, signed, unsigned};
use super::{StoreError, sql};
use crate::protocol::{Mark, VersionId};

/// So many marks are kept: some days of a large company. Who comes with an older one is answered as if it were forgotten, and
/// asks about what they have.
const KEPT: u64 = 100_000;

/// Whether a store knows where it is said to have stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Everything that it had by then is there.
    Known,
    /// It may be: that is too long ago.
    Long,
    /// Objects that it had by then are not there.
    Lost,
    /// It was never there: it was put back to before that.
    Never,
}

/// The newest mark.
pub(super) async fn newest(db: &mut SqliteConnection) -> Result<Option<Mark>, Error> {
    sqlx::query(sql::SELECT_NEWEST_MARK).fetch_optional(db).await?.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<Mark, Error> {
    Ok(Mark { number: unsigned(row, "id")?, name: id(row, "name")? })
}

/// Whether this store knows a mark.
pub(super) async fn stands(db: &mut SqliteConnection, mark: Mark) -> Result<Stands, Error> {
    let number = signed(mark.number);
    let found = sqlx::query(sql::SELECT_MARK).bind(number).fetch_optional(&mut *db).await?;
    let Some(found) = found else {
        let oldest: Option<i64> = sqlx::query_scalar(sql::SELECT_OLDEST_MARK).fetch_one(db).await?;
        return Ok(if oldest.is_some_and(|oldest| number < oldest) { Stands::Long } else { Stands::Never });
    };
    if read(&found)? != mark {
        return Ok(Stands::Never);
    }
    let lost: Option<i64> = sqlx::query_scalar(sql::SELECT_LOST_MARK).fetch_one(db).await?;
    Ok(if lost.is_some_and(|lost| number <= lost) { Stands::Lost } else { Stands::Known })
}

/// Draws the next mark.
pub(super) async fn draw(
    db: &mut SqliteConnection,
    fail: &impl Fn(Error) -> StoreError,
) -> Result<Mark, StoreError> {
    let name = random_id()?;
    let put = sqlx::query_scalar(sql::PUT_MARK).bind(&name.as_bytes()[..]);
    let number: i64 = put.fetch_one(&mut *db).await.map_err(fail)?;
    let number = number.unsigned_abs();
    let old = sqlx::query(sql::DELETE_MARKS).bind(signed(number.saturating_sub(KEPT)));
    old.execute(db).await.map_err(fail)?;
    Ok(Mark { number, name })
}

/// The newest version when the index was last known to have been put back; `None` if it never was.
pub(super) async fn put_back_to(db: &mut SqliteConnection) -> Result<Option<i64>, Error> {
    sqlx::query_scalar(sql::SELECT_PUT_BACK_TO).fetch_one(db).await
}

/// Whether the index has a version of this name.
pub(super) async fn has(db: &mut SqliteConnection, version: VersionId) -> Result<bool, Error> {
    let found: Option<i64> =
        sqlx::query_scalar(sql::SELECT_PUBLIC).bind(&version.as_bytes()[..]).fetch_optional(db).await?;
    Ok(found.is_some())
}
