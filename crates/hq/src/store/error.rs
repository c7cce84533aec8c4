//! What a database can do to us, told apart.

use std::path::PathBuf;

use crate::admin::Problem;

/// Why the database does not do its work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none: `hq init` was not run here.
    #[error("there is no headquarters at {path}: run `hanare hq init`")]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{path} has schema {found}, this program knows schemas up to {known}: use a newer version of it")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Another process holds it.
    #[error("{path} is locked by another process")]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left for {path}")]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// It cannot be trusted.
    #[error("{path} is damaged: {text}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// It cannot be opened or written.
    #[error("{path} cannot be used: {text}")]
    Access {
        /// The database.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
    /// Something that should not happen.
    #[error("{path}: {source}")]
    Other {
        /// The database.
        path: PathBuf,
        /// What the driver said.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Sorts what the driver says by SQLite's primary result code (the low byte; sqlite.org/rescode.html).
    pub(crate) fn new(path: &std::path::Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        let text = source.to_string();
        if let sqlx::Error::Io(error) = &source {
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            return if full { Self::DiskFull { path } } else { Self::Access { path, text } };
        }
        let Some(database) = source.as_database_error() else {
            return Self::Other { path, source };
        };
        let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0);
        match code & 0xff {
            5 | 6 => Self::Locked { path },
            13 => Self::DiskFull { path },
            11 | 26 => Self::Damaged { path, text },
            3 | 8 | 10 | 14 | 23 => Self::Access { path, text },
            _ => Self::Other { path, source },
        }
    }

    /// The exit status that `INTERFACE` gives to it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Absent { .. } => 3,
            Self::Newer { .. }
            | Self::Locked { .. }
            | Self::DiskFull { .. }
            | Self::Damaged { .. }
            | Self::Access { .. } => 4,
            Self::Other { .. } => 70,
        }
    }

    /// As an admin hears it over the socket.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Locked { .. } => Problem::Locked,
            Self::DiskFull { .. } => Problem::DiskFull,
            Self::Damaged { .. } | Self::Newer { .. } | Self::Absent { .. } | Self::Access { .. } => {
                Problem::Damaged { text: self.to_string() }
            }
            Self::Other { .. } => Problem::Bug { text: self.to_string() },
        }
    }
}
