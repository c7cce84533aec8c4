//! The socket file: taken over from the dead, never from the living, and removed at the end only if it is still ours.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Where `wg(8)` looks.
pub const DIRECTORY: &str = "/var/run/wireguard";

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process answers there.
    #[error("{path}: another WireGuard device of this name is running")]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// What the kernel says.
    #[error("{path}: {source}")]
    Io {
        /// The socket or its directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A listening socket with its file.
#[derive(Debug)]
pub struct Listener {
    pub(super) inner: UnixListener,
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Listens for an interface in [`DIRECTORY`].
    ///
    /// # Errors
    /// [`SocketError`], by cause.
    pub fn bind(interface: &str) -> Result<Self, SocketError> {
        Self::bind_in(Path::new(DIRECTORY), interface)
    }

    /// Listens for an interface in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// [`SocketError`], by cause.
    pub fn bind_in(directory: &Path, interface: &str) -> Result<Self, SocketError> {
        let path = directory.join(format!("{interface}.sock"));
        // `wg` deletes a socket that does not answer: ours has its name only once it does.
        let birth = directory.join(format!(".{interface}.{}", std::process::id()));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| SocketError::Io { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        if UnixStream::connect(&path).is_ok() {
            return Err(SocketError::Taken { path });
        }
        let _ = fs::remove_file(&birth);
        let listener = UnixListener::bind(&birth).map_err(failed(&birth))?;
        let outcome = fs::set_permissions(&birth, Permissions::from_mode(0o600))
            .and_then(|()| fs::metadata(&birth))
            .and_then(|metadata| fs::rename(&birth, &path).map(|()| (metadata.dev(), metadata.ino())));
        match outcome {
            Ok(identity) => Ok(Self { inner: listener, path, identity }),
            Err(source) => {
                let _ = fs::remove_file(&birth);
                Err(SocketError::Io { path, source })
            }
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle of the same socket file, to remove it by or to see whether it was removed.
    ///
    /// # Errors
    /// As the kernel says, if it gives no descriptor.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { inner: self.inner.try_clone()?, path: self.path.clone(), identity: self.identity })
    }

    /// Whether the file is still there and ours: somebody who deletes it wants the device to end.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// Removes the file, if it is still ours.
    pub fn remove(&self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_taken_over_and_a_living_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(directory.path().join("hn9.sock")).unwrap());
        let first = Listener::bind_in(directory.path(), "hn9").unwrap();
        assert!(first.is_in_place());
        assert_eq!(fs::metadata(first.path()).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(Listener::bind_in(directory.path(), "hn9"), Err(SocketError::Taken { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        first.remove();
        assert!(!first.is_in_place());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_its_own_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let first = Listener::bind_in(directory.path(), "hn9").unwrap();
        fs::remove_file(first.path()).unwrap();
        let second = Listener::bind_in(directory.path(), "hn9").unwrap();
        first.remove();
        assert!(second.is_in_place());
    }
}
