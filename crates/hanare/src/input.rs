//! Files that a person names: read with a limit, written so that nothing is overwritten or half there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;

/// No policy, checklist, invite or key is longer (1 MiB).
const MAX_TEXT: usize = 1024 * 1024;

/// Reads a text file; `-` is standard input.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    text_up_to(path, MAX_TEXT)
}

/// The same with another limit in bytes.
pub(crate) fn text_up_to(path: &Path, most: usize) -> Result<String, Failure> {
    if path == Path::new("-") { read(io::stdin().lock(), path, most) } else { read(open(path)?, path, most) }
}

/// A file's text; `None` if there is no such file.
pub(crate) fn text_up_to_if_any(path: &Path, most: usize) -> Result<Option<String>, Failure> {
    if_any(path)?.map(|file| read(file, path, most)).transpose()
}

/// A file's bytes, one more than `most` of a longer one.
pub(crate) fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    bytes_if_any(path, most)?.ok_or_else(|| unreadable(path, &rustix::io::Errno::NOENT.into()))
}

/// The same; `None` if there is no such file.
pub(crate) fn bytes_if_any(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    let Some(file) = if_any(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map(|_| Some(bytes)).map_err(|error| unreadable(path, &error))
}

fn if_any(path: &Path) -> Result<Option<File>, Failure> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// A file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Input, "unreadable").with("path", path.display()).because(error)
}

fn read(source: impl io::Read, path: &Path, most: usize) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let length = source
        .take(limit.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    if length > most {
        let failure = Failure::new(Exit::Input, "too-long");
        return Err(failure.with("path", path.display()).with("limit", most));
    }
    Ok(text)
}

/// A file that did not exist before. Unless [`NewFile::keep`] is called, it is removed again: a command that failed leaves
/// nothing behind.
pub(crate) struct NewFile {
    path: PathBuf,
    file: Option<File>,
}

impl NewFile {
    /// Makes the file; one that is there already is refused.
    pub(crate) fn create(path: &Path, mode: u32) -> Result<Self, Failure> {
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::new(Exit::Impossible, "file-exists").with("path", path.display()))
            }
            Err(error) => Err(unwritable(path, &error)),
        }
    }

    /// Takes room for `size` bytes, down to the disk: what is written into it later cannot fail for want of room.
    pub(crate) fn reserve(&mut self, size: usize) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        // Bytes and not `fallocate`: every file system knows them.
        let reserved =
            file.write_all(&vec![0; size]).and_then(|()| file.sync_all()).and_then(|()| file.rewind());
        reserved.map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes some of it; [`NewFile::complete`] keeps what was added.
    pub(crate) fn add(&mut self, content: &[u8]) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(content).map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes what was added down to the disk, and keeps it.
    pub(crate) fn complete(mut self) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        if let Err(error) = file.sync_all() {
            self.file = Some(file);
            return Err(unwritable(&self.path, &error));
        }
        Ok(())
    }

    /// Writes all of it, down to the disk, and keeps it.
    pub(crate) fn keep(mut self, content: &[u8]) -> Result<(), Failure> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let written = file
            .write_all(content)
            .and_then(|()| file.set_len(content.len() as u64))
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            self.file = Some(file);
            return Err(unwritable(&self.path, &error));
        }
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The failure that led here is what the person must read, not that its traces could not be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes a folder that nobody else reads; one that is there already is refused.
pub(crate) fn new_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::new(Exit::Impossible, "file-exists").with("path", path.display()))
        }
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// A file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_file_is_private_kept_only_when_written_and_never_replaces_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wg.conf");
        drop(NewFile::create(&path, 0o600).unwrap());
        assert!(!path.exists());
        NewFile::create(&path, 0o600).unwrap().keep(b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(NewFile::create(&path, 0o600).err().unwrap().code, "file-exists");
        assert_eq!(text(&path).unwrap(), "secret");
    }

    #[test]
    fn a_file_without_end_is_refused() {
        assert_eq!(text(Path::new("/dev/zero")).unwrap_err().code, "too-long");
    }
}
