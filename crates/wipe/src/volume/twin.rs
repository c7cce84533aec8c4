//! The opening's record once more, in memory: the disk that the first one lies on can break or be taken away while a key lives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hanare_host::files;
use ring::digest::{SHA256, digest};

use super::Places;
use super::opening::Opening;
use crate::boot::BootId;

/// State directories share a runtime directory; each has a record of its own there.
fn place(places: Places<'_>, ending: &str) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;

    // However it was written.
    let state = places.state.canonicalize().or_else(|_| std::path::absolute(places.state));
    let state: PathBuf = state.unwrap_or_else(|_| places.state.to_owned()).components().collect();
    let name =
        hex::encode(digest(&SHA256, state.as_os_str().as_bytes()).as_ref().get(..8).unwrap_or_default());
    places.runtime.join(format!("wipe/opening-{name}.{ending}"))
}

/// Whether there is one, of whatever boot.
pub(super) fn is_there(places: Places<'_>) -> bool {
    place(places, "json").exists()
}

/// Writes it: whole, or the one before stays.
pub(super) fn write(places: Places<'_>, text: &[u8]) -> io::Result<()> {
    let path = place(places, "json");
    files::create_private_directory(path.parent().unwrap_or(places.runtime))?;
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

/// The opening of this boot, if there is one that can be read.
pub(super) fn read(places: Places<'_>) -> Option<Opening> {
    let opening: Opening = serde_json::from_slice(&fs::read(place(places, "json")).ok()?).ok()?;
    BootId::current().is_ok_and(|boot| boot == opening.boot_id).then_some(opening)
}

/// Removes it; none is as good.
pub(super) fn remove(places: Places<'_>) -> io::Result<()> {
    match fs::remove_file(place(places, "json")) {
        Err(error) if !is_nothing(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What is held where the state directory's own lock cannot be had.
pub(super) fn lock(places: Places<'_>) -> io::Result<fs::File> {
    let path = place(places, "lock");
    let folder: &Path = path.parent().unwrap_or(places.runtime);
    files::create_private_directory(folder)?;
    files::lock(folder, &path.file_name().unwrap_or_default().to_string_lossy())
}
