//! Why a receipt cannot be written or its place not be read.

use std::io;
use std::path::{Path, PathBuf};

use hanare_host::Deed;

/// Why a receipt cannot be written or its place not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// A file or directory could not be read or written.
    #[error("{path}: {action} failed")]
    Io {
        /// What was tried.
        action: Deed,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The signing key's file does not hold one.
    #[error("{path} does not hold a signing key of 32 bytes in base64")]
    Key {
        /// Which file.
        path: PathBuf,
    },
    /// Another process has held the receipts for seconds.
    #[error("{path} is held by another process")]
    Held {
        /// The directory.
        path: PathBuf,
    },
    /// A figure has no JSON form, such as an infinite number of seconds.
    #[error("the receipt has no JSON form")]
    Document(#[source] serde_json::Error),
}

/// Puts action and path to an error of the system.
pub(super) fn failed(action: Deed, path: &Path) -> impl FnOnce(io::Error) -> ReceiptError {
    let path = path.to_path_buf();
    move |source| ReceiptError::Io { action, path, source }
}
