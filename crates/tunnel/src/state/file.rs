//! Files that hold secrets or must never be half-written; every error names its path.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_host::{Deed, files};
use zeroize::{Zeroize as _, Zeroizing};

use super::StateError;

/// No file of ours is longer; a larger one is not ours and is not read into memory.
const MAX_LEN: u64 = 4 * 1024 * 1024;
const PRIVATE: u32 = 0o600;

pub(super) fn failed(action: Deed, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_path_buf();
    move |source| StateError::Io { action, path, source }
}

pub(super) fn make_directory(path: &Path) -> Result<(), StateError> {
    files::create_private_directory(path).map_err(failed(Deed::Create, path))
}

/// Creates `path` with 32 bytes from `source` in base64, unless it is there already. A crash in between leaves no file of
/// that name: the content is complete before the name appears, and the name is given exclusively (`link` fails if it is
/// taken, where `rename` would replace).
pub(super) fn create_secret(
    path: &Path,
    source: impl FnOnce() -> io::Result<[u8; 32]>,
) -> Result<(), StateError> {
    if path.try_exists().map_err(failed(Deed::Read, path))? {
        return Ok(());
    }
    let mut seed = source().map_err(failed(Deed::Random, path))?;
    let mut text = Zeroizing::new(STANDARD.encode(seed));
    seed.zeroize();
    text.push('\n');
    let temporary = temporary_name(path);
    // Left over from a process of the same number that died here.
    remove(&temporary)?;
    files::create_exclusive(&temporary, text.as_bytes()).map_err(failed(Deed::Create, &temporary))?;
    let linked = fs::hard_link(&temporary, path);
    remove(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(Deed::Create, path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn read_secret(path: &Path) -> Result<Option<Zeroizing<String>>, StateError> {
    Ok(read(path)?.map(|text| Zeroizing::new(text.trim_end().to_owned())))
}

pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(Deed::Open, path)(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_LEN).read_to_string(&mut text).map_err(failed(Deed::Read, path))?;
    Ok(Some(text))
}

/// Replaces `path` as a whole: old content or new, never a mixture, also across a power cut.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StateError> {
    files::write_atomic(path, content, PRIVATE).map_err(failed(Deed::Write, path))
}

pub(super) fn remove(path: &Path) -> Result<(), StateError> {
    match files::remove(path) {
        // The directory itself may be gone.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(Deed::Remove, path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn remove_directory(path: &Path) -> Result<(), StateError> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(Deed::Remove, path)(error)),
        _ => Ok(()),
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    path.with_extension(format!("new-{}", std::process::id()))
}
