//! What can go wrong at headquarters' store. Nothing was acknowledged, and asking again is safe.

use std::path::{Path, PathBuf};

/// Why the store does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no space is left for {path}")]
    Full {
        /// The store.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{path} has schema {found}, this program knows schemas up to {known}: use a newer version of it")]
    Newer {
        /// The index.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An earlier version of this program wrote it, and nobody has [`super::prepare`]d it.
    #[error("{path} was written by an older version of this program: start it again")]
    Older {
        /// The index.
        path: PathBuf,
    },
    /// It cannot be trusted.
    #[error("{path} is damaged: {text}")]
    Damaged {
        /// What.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// It cannot be opened, read or written now.
    #[error("{path} cannot be used: {text}")]
    Access {
        /// What.
        path: PathBuf,
        /// What the system said.
        text: String,
    },
    /// The bucket with the objects does not answer, or says no. Nothing is known to be lost: later.
    #[error("the bucket {bucket} cannot be used: {text}")]
    Bucket {
        /// Where it is.
        bucket: String,
        /// Whether it says no: to whom asks, or because it is another one.
        refused: bool,
        /// What it, or the system, said.
        text: String,
    },
    /// The kernel gave no randomness.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// The store is being closed.
    #[error("the store of work data is being closed")]
    Closing,
}

impl StoreError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        let path = path.to_owned();
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { path };
        }
        Self::Access { path, text: error.to_string() }
    }

    /// Sorts what the driver says by SQLite's primary result code (the low byte; sqlite.org/rescode.html).
    pub(crate) fn index(path: &Path, error: &sqlx::Error) -> Self {
        if let sqlx::Error::Io(error) = error {
            return Self::io(path, error);
        }
        let code = error.as_database_error().and_then(|said| said.code()?.parse::<u32>().ok()).unwrap_or(0);
        let (path, text) = (path.to_owned(), error.to_string());
        match code & 0xff {
            13 => Self::Full { path },
            11 | 26 => Self::Damaged { path, text },
            _ => Self::Access { path, text },
        }
    }

    pub(crate) fn object(path: &Path, error: &object_store::Error) -> Self {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(below) = source {
            if let Some(error) = below.downcast_ref::<std::io::Error>() {
                return Self::io(path, error);
            }
            source = below.source();
        }
        Self::Access { path: path.to_owned(), text: error.to_string() }
    }
}
