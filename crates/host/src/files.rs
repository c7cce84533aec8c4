//! Files that must be whole or absent, and private from their first byte.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Creates a file that must not exist yet, mode 0600, durable when this returns. A file that could not be written whole
/// is removed again.
///
/// # Errors
/// `AlreadyExists` if there is one; otherwise what the system says.
pub fn create_exclusive(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // The first error is the one worth reporting.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    sync_directory(&parent(path))
}

/// Replaces a file by another in one step: after a crash there is the old one or the new one, whole.
///
/// # Errors
/// What the system says; the old file is untouched then.
pub fn write_atomic(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(temporary);
    // Left over by a process that died with this number.
    let _ = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = renamed {
        // The first error is the one worth reporting.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    sync_directory(&parent(path))
}

/// Makes a directory, mode 0700, with what is missing above it; one that is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a removal or a new name durable.
///
/// # Errors
/// What the system says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file durably; `false` if it was not there.
///
/// # Errors
/// What the system says.
pub fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_directory(&parent(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// How long [`lock`] waits for another process to let go. A child that a killed process had just forked holds its files
/// until it executes its program: milliseconds, on a busy machine tens of them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Holds a directory for this process: an exclusive lock on `NAME` inside it, until the file is dropped.
///
/// # Errors
/// `WouldBlock` if another process holds it, and still does two seconds later.
pub fn lock(directory: &Path, name: &str) -> io::Result<File> {
    let path = directory.join(name);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let patient_until = Instant::now() + PATIENCE;
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < patient_until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        create_exclusive(&path, b"one").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create_exclusive(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        write_atomic(&path, b"three", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_is_held_once() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path(), "lock").unwrap();
        assert_eq!(lock(directory.path(), "lock").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        lock(directory.path(), "lock").unwrap();
    }

    #[test]
    fn a_lock_that_a_dying_process_still_holds_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path(), "lock").unwrap();
        let dying = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(held);
        });
        lock(directory.path(), "lock").unwrap();
        dying.join().unwrap();
    }
}
