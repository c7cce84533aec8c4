//! Files that must be whole or absent, and private from their first byte.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
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
    let temporary = temporary(path)?;
    // Left over by a process that died with this number.
    let _ = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let written =
        unmasked(&file, mode).and_then(|()| file.write_all(contents)).and_then(|()| file.sync_all());
    put_in_place(written, &temporary, path)
}

/// The same where no block and no inode is to be had: `stock`, a file of the same file system, becomes the new one, with
/// what it takes up.
///
/// # Errors
/// What the system says; the old file is untouched then, and the stock may be used up.
pub fn write_atomic_onto(stock: &Path, path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary(path)?;
    std::fs::rename(stock, &temporary)?;
    let written = OpenOptions::new().write(true).open(&temporary).and_then(|mut file| {
        file.write_all(contents)?;
        file.set_len(contents.len() as u64)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    });
    put_in_place(written, &temporary, path)
}

/// Whatever the umask, others are to read what is for them. A confined worker may not change modes: what it writes is its own.
fn unmasked(file: &File, mode: u32) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 == mode {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn temporary(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(name))
}

fn put_in_place(written: io::Result<()>, temporary: &Path, path: &Path) -> io::Result<()> {
    if let Err(error) = written.and_then(|()| std::fs::rename(temporary, path)) {
        // The first error is the one worth reporting.
        let _ = std::fs::remove_file(temporary);
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
    let patient_until = Instant::now() + PATIENCE;
    loop {
        match try_lock(directory, name) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < patient_until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// The same without waiting.
///
/// # Errors
/// `WouldBlock` if another process holds it.
pub fn try_lock(directory: &Path, name: &str) -> io::Result<File> {
    let path = directory.join(name);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = match file {
        // A disk that failed: what is there can be held all the same.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path)?,
        opened => opened?,
    };
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

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
    fn what_is_for_others_is_theirs_to_read_whatever_the_umask() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        // No umask leaves all of these.
        write_atomic(&path, b"nameserver 10.88.0.1\n", 0o666).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o666);
    }

    #[test]
    fn a_file_in_stock_becomes_the_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let (stock, path) = (directory.path().join("stock"), directory.path().join("a"));
        std::fs::write(&stock, [0; 9000]).unwrap();
        let inode = stock.metadata().unwrap().ino();
        write_atomic(&path, b"before", 0o600).unwrap();
        write_atomic_onto(&stock, &path, b"after", 0o640).unwrap();
        let seen = path.metadata().unwrap();
        assert_eq!((seen.ino(), seen.mode() & 0o777), (inode, 0o640));
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let gone = write_atomic_onto(&stock, &path, b"more", 0o600).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
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
