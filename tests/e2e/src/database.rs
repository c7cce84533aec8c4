//! Headquarters' database in somebody else's hands.

use std::path::Path;

use hanare_lab::{Error, Result};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::runtime::Runtime;

/// Another process's connection. Its transaction ends with it.
pub struct Stranger {
    runtime: Runtime,
    connection: Option<SqliteConnection>,
}

impl Stranger {
    /// Opens the database at `path` and runs `sql`.
    ///
    /// # Errors
    /// [`Error::Content`] with SQLite's words.
    pub fn run(path: &Path, sql: &'static str) -> Result<Self> {
        let failed = |why: String| Error::Content { what: path.display().to_string(), why };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let connection = runtime.block_on(async {
            let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(connection)
        });
        let connection = Some(connection.map_err(|error| failed(error.to_string()))?);
        Ok(Self { runtime, connection })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _closed = self.runtime.block_on(connection.close());
        }
    }
}
