//! The node API's port inside the tunnel: that of the first `serve` that could listen, for good. A node that looks for headquarters
//! there finds it wherever the API listens outside by now, and hears of that.
//!
//! It is a file beside the keys: a confined worker has to be given the port before it opens the database.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::init::KEYS_DIRECTORY;
use crate::keys::KeysError;

/// The file; empty until a port is written down.
pub(crate) fn path(state: &Path) -> PathBuf {
    state.join(KEYS_DIRECTORY).join("inside.port")
}

/// The port, if one was written down. Without its newline it was not.
pub(crate) fn read(state: &Path) -> Result<Option<u16>, KeysError> {
    let path = path(state);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeysError::Io { path, source }),
    };
    match text.strip_suffix('\n').map(str::parse) {
        None => Ok(None),
        Some(Ok(port)) if port != 0 => Ok(Some(port)),
        Some(_) => Err(KeysError::Content { path, what: "a port" }),
    }
}

/// Writes the port down if none is yet.
pub(crate) fn keep(state: &Path, port: u16) -> Result<(), KeysError> {
    if read(state)?.is_some() {
        return Ok(());
    }
    let path = path(state);
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(format!("{port}\n").as_bytes())?;
        file.sync_all()
    };
    written().map_err(|source| KeysError::Io { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_port_stays() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join(KEYS_DIRECTORY)).unwrap();
        assert_eq!(read(state.path()).unwrap(), None);
        // A crash left half of it.
        std::fs::write(path(state.path()), "518").unwrap();
        keep(state.path(), 51821).unwrap();
        keep(state.path(), 8443).unwrap();
        assert_eq!(read(state.path()).unwrap(), Some(51821));
        std::fs::write(path(state.path()), "0\n").unwrap();
        assert!(read(state.path()).is_err());
    }
}
