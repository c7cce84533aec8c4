//! The database: SQLite with one writing connection, durable before anything is acknowledged.

mod error;
mod flood;
mod load;
mod save;
mod sql;
pub(crate) mod writer;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use hanare_ledger::{Entry, Hash, Head, append};
use hanare_model::{PublicKey, SigningKey, Timestamp};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

pub use error::StoreError;
pub(crate) use flood::{NOT_ENROLLED, REVOKED};

use crate::admin::{ReceiptHeld, ReceiptPlace};
use crate::registry::{Change, Registry, SHOWN_SECONDS};
use crate::settings::Settings;

/// A page of the ledger has no more records than this; a record is some 600 bytes.
const PAGE_RECORDS: i64 = 1_000;
/// A page ends behind the record that fills this.
const PAGE_BYTES: usize = 256 * 1024;

/// The database's name in the state directory.
pub(crate) const FILE_NAME: &str = "hq.sqlite3";
/// How long somebody else may hold the database before a write fails: an online backup takes less.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's page cache in KiB: the registry is in memory, so the cache only serves writing (RSS is a promise: 16 MiB).
const CACHE_KIB: &str = "-256";

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The open database.
pub(crate) struct Store {
    path: PathBuf,
    connection: SqliteConnection,
    head: Head,
    /// After a failed commit the connection is replaced: on a full disk SQLite rolls back by itself and the driver, which
    /// still counts a transaction, refuses to begin another one.
    spoilt: bool,
}

impl Store {
    /// Makes a new database, 0600, with its settings and first rows.
    pub(crate) async fn create(path: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::new(path, error.into()))?;
        let mut store = Self::connect(path).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a database: refuses a newer or a damaged one, keeps a backup before it migrates an older one.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Absent { path: path.to_owned() });
        }
        let mut store = Self::connect(path).await?;
        store.check().await?;
        let known = known_version();
        let found = store.version().await?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        if found < known {
            store.backup(found).await?;
            store.migrate().await?;
        }
        store.head = store.last_record().await?;
        Ok(store)
    }

    /// Whether a database is to be migrated before it can be used.
    pub(crate) async fn is_older(path: &Path) -> Result<bool, StoreError> {
        let mut store = Self::connect(path).await?;
        let found = store.version().await?;
        store.close().await?;
        Ok(found < known_version())
    }

    async fn connect(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            .pragma("journal_size_limit", "1048576")
            // What is overwritten or removed, such as a key, does not stay in a free page.
            .pragma("secure_delete", "ON")
            // A confined worker has no other place, and what is sorted here is small.
            .pragma("temp_store", "MEMORY")
            .statement_cache_capacity(16)
            .command_buffer_size(8)
            .row_buffer_size(16)
            .disable_statement_logging();
        let connection = options.connect().await.map_err(|error| StoreError::new(path, error))?;
        Ok(Self { path: path.to_owned(), connection, head: Head::GENESIS, spoilt: false })
    }

    async fn check(&mut self) -> Result<(), StoreError> {
        let said: String = sqlx::query_scalar(sql::QUICK_CHECK)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| StoreError::new(&self.path, error))?;
        if said == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path.clone(), text: said }) }
    }

    async fn version(&mut self) -> Result<i64, StoreError> {
        let fail = |error| StoreError::new(&self.path, error);
        let tables: i64 =
            sqlx::query_scalar(sql::SELECT_SCHEMA).fetch_one(&mut self.connection).await.map_err(fail)?;
        if tables == 0 {
            return Ok(0);
        }
        sqlx::query_scalar(sql::SELECT_VERSION).fetch_one(&mut self.connection).await.map_err(fail)
    }

    async fn backup(&mut self, version: i64) -> Result<(), StoreError> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".schema-{version}.backup"));
        let target = PathBuf::from(name);
        let fail = |error| StoreError::new(&target, error);
        if target.exists() {
            std::fs::remove_file(&target).map_err(|error| fail(error.into()))?;
        }
        let text = target
            .to_str()
            .ok_or_else(|| fail(std::io::Error::from(std::io::ErrorKind::InvalidInput).into()))?;
        sqlx::query(sql::BACKUP).bind(text).execute(&mut self.connection).await.map_err(fail)?;
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| std::fs::File::open(&target)?.sync_all())
            .map_err(|error| fail(error.into()))
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        use sqlx::migrate::MigrateError;
        let Err(error) = MIGRATIONS.run(&mut self.connection).await else { return Ok(()) };
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
            return Err(StoreError::new(&self.path, error));
        }
        Err(StoreError::Damaged { path: self.path.clone(), text: error.to_string() })
    }

    async fn last_record(&mut self) -> Result<Head, StoreError> {
        let fail = |error| StoreError::new(&self.path, error);
        let row =
            sqlx::query(sql::SELECT_LAST_RECORD).fetch_optional(&mut self.connection).await.map_err(fail)?;
        let Some(row) = row else { return Ok(Head::GENESIS) };
        let seq: i64 = row.try_get("seq").map_err(fail)?;
        let line: String = row.try_get("line").map_err(fail)?;
        Ok(Head { seq: u64::try_from(seq).unwrap_or(0), hash: Hash::of(line.as_bytes()) })
    }

    /// Writes changes and their ledger records in one transaction. After an error nothing of it is there.
    pub(crate) async fn commit(
        &mut self,
        settings: Option<&Settings>,
        changes: &[Change],
        entries: Vec<Entry>,
        key: &SigningKey,
    ) -> Result<(), StoreError> {
        self.mend().await?;
        let written = self.write(settings, changes, entries, key).await;
        self.spoilt = written.is_err();
        written
    }

    async fn mend(&mut self) -> Result<(), StoreError> {
        if self.spoilt {
            self.connection = Self::connect(&self.path).await?.connection;
            self.spoilt = false;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        settings: Option<&Settings>,
        changes: &[Change],
        entries: Vec<Entry>,
        key: &SigningKey,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |error| StoreError::new(&path, error);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
        if let Some(settings) = settings {
            save::settings(&mut transaction, settings).await.map_err(fail)?;
        }
        for change in changes {
            save::change(&mut transaction, change).await.map_err(fail)?;
        }
        let mut head = self.head;
        for entry in entries {
            let at = entry.at.seconds();
            let appended = append(head, entry, key)
                .map_err(|error| StoreError::Damaged { path: path.clone(), text: error.to_string() })?;
            head = appended.head;
            save::record(&mut transaction, head.seq, at, &appended.line).await.map_err(fail)?;
        }
        transaction.commit().await.map_err(fail)?;
        self.head = head;
        Ok(())
    }

    /// Everything, from the database; what is too old to matter is dropped there.
    pub(crate) async fn load(&mut self, now: Timestamp) -> Result<Registry, StoreError> {
        let path = self.path.clone();
        sqlx::query(sql::DELETE_QUARANTINE)
            .bind(now.seconds())
            .execute(&mut self.connection)
            .await
            .map_err(|error| StoreError::new(&path, error))?;
        sqlx::query(sql::DELETE_NOTICES)
            .bind(now.seconds().saturating_sub(SHOWN_SECONDS))
            .execute(&mut self.connection)
            .await
            .map_err(|error| StoreError::new(&path, error))?;
        load::registry(&mut self.connection).await.map_err(|error| error.about(&path))
    }

    /// A page of the ledger's lines behind a place and from a time on, oldest first; empty at the end.
    pub(crate) async fn ledger(
        &mut self,
        after: u64,
        since: Option<Timestamp>,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        self.mend().await?;
        let mut rows = sqlx::query_as(sql::SELECT_RECORDS)
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(since.map_or(i64::MIN, Timestamp::seconds))
            .bind(PAGE_RECORDS)
            .fetch(&mut self.connection);
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES {
            let row: Option<(i64, String)> =
                rows.try_next().await.map_err(|error| StoreError::new(&self.path, error))?;
            let Some((seq, line)) = row else { break };
            bytes += line.len();
            lines.push((u64::try_from(seq).unwrap_or(0), line));
        }
        Ok(lines)
    }

    /// Some of a node's receipts, oldest first.
    pub(crate) async fn receipts(
        &mut self,
        node: PublicKey,
        after: Option<ReceiptPlace>,
        limit: u32,
    ) -> Result<Vec<ReceiptHeld>, StoreError> {
        self.mend().await?;
        let path = self.path.clone();
        load::receipts(&mut self.connection, node, after, limit).await.map_err(|error| error.about(&path))
    }

    /// The ledger's head.
    pub(crate) const fn head(&self) -> Head {
        self.head
    }

    /// Closes the database and folds its log into it. A confined process may not remove the log: it is emptied, or it would
    /// be laid over another database that somebody puts in this one's place.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let Self { path, mut connection, .. } = self;
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        let closed = connection.close().await;
        folded.map(drop).and(closed).map_err(|error| StoreError::new(&path, error))
    }
}

fn known_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
