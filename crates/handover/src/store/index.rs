//! The index: an SQLite database that says which version is where, durable before anything is acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::StoreError;
use super::sql;

/// The index's name in the store's folder.
pub const FILE_NAME: &str = "index.sqlite3";
/// How long somebody else may hold the index before a write fails: an online backup takes less.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's page cache in KiB: the upper levels of its trees for some million chunks.
const CACHE_KIB: &str = "-8192";

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Connects; the file is there.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIB)
        .pragma("journal_size_limit", "67108864")
        // A confined worker has no other place.
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(32)
        .disable_statement_logging();
    options.connect().await.map_err(|error| StoreError::index(path, &error))
}

/// Makes the files that a confined process could not make, each 0600.
pub(super) fn make_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let paths: Vec<PathBuf> =
        ["", "-wal", "-shm"].iter().map(|suffix| folder.join(format!("{FILE_NAME}{suffix}"))).collect();
    for path in &paths {
        std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    }
    Ok(paths)
}

/// Opens the index, refuses a newer, a damaged or an older one.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    let (connection, found) = look(path).await?;
    if found < known() {
        return Err(StoreError::Older { path: path.to_owned() });
    }
    Ok(connection)
}

/// Brings an older index, or an empty one, up to date.
pub(super) async fn prepare(path: &Path) -> Result<(), StoreError> {
    let (mut connection, found) = look(path).await?;
    if found < known() {
        migrate(&mut connection, path).await?;
    }
    close(connection).await;
    Ok(())
}

fn known() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

async fn look(path: &Path) -> Result<(SqliteConnection, i64), StoreError> {
    let mut connection = connect(path).await?;
    let fail = |error| StoreError::index(path, &error);
    let said: String = sqlx::query_scalar(sql::QUICK_CHECK).fetch_one(&mut connection).await.map_err(fail)?;
    if said != "ok" {
        return Err(StoreError::Damaged { path: path.to_owned(), text: said });
    }
    let tables: i64 =
        sqlx::query_scalar(sql::SELECT_SCHEMA).fetch_one(&mut connection).await.map_err(fail)?;
    let found: i64 = if tables == 0 {
        0
    } else {
        sqlx::query_scalar(sql::SELECT_VERSION).fetch_one(&mut connection).await.map_err(fail)?
    };
    if found > known() {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: known() });
    }
    Ok((connection, found))
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    match MIGRATIONS.run(connection).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(StoreError::index(path, &error))
        }
        Err(error) => Err(StoreError::Damaged { path: path.to_owned(), text: error.to_string() }),
    }
}

/// Closes and folds the log into the database.
pub(super) async fn close(mut connection: SqliteConnection) {
    let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
    if let Err(error) = folded.map(drop).and(connection.close().await) {
        tracing::warn!(%error, "closing the index of work data");
    }
}
