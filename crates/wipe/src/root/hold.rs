//! Keeping a second wipe away from a tree. Not by a lock on the tree itself: whoever works there could hold that for ever.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hanare_host::files;

use super::{Refusal, Refused, Root};

/// One place for the whole machine, emptied by a reboot: two wipes of one tree meet whatever their state directories are.
const SHARED: &str = "/run/hanare/erasing";

impl Root {
    /// Keeps a second wipe away from this tree for as long as this is there.
    ///
    /// # Errors
    /// [`Refusal::BeingErased`] if there is one already, [`Refusal::Unreadable`] if nobody can tell.
    pub(crate) fn hold(&self, state: &Path) -> Result<(), Refused> {
        let refused = |refusal| Refused { path: self.path.clone(), refusal };
        let folder = folder(state).map_err(|error| refused(Refusal::Unreadable(error)))?;
        let name = format!("{:x}-{:x}", self.identity.device, self.identity.inode);
        let lock = files::try_lock(&folder, &name).map_err(|error| {
            let is_held = error.kind() == io::ErrorKind::WouldBlock;
            refused(if is_held { Refusal::BeingErased } else { Refusal::Unreadable(error) })
        })?;
        // Whoever held it until now may have removed it.
        if rustix::fs::fstat(&self.top).is_ok_and(|seen| seen.st_nlink == 0) {
            return Err(refused(Refusal::Absent));
        }
        // Held before by this same process: the first lock stays.
        let _ = self.held.set(lock);
        Ok(())
    }
}

/// Where nobody but this user can hold anything. Who may not use the machine's place has one in the state directory.
fn folder(state: &Path) -> io::Result<PathBuf> {
    let shared = PathBuf::from(SHARED);
    if rustix::process::geteuid().is_root()
        && files::create_private_directory(&shared).is_ok()
        && is_private(&shared)
    {
        return Ok(shared);
    }
    let own = state.join("wipe/erasing");
    files::create_private_directory(&own)?;
    Ok(own)
}

fn is_private(folder: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(folder)
        .is_ok_and(|seen| seen.is_dir() && seen.uid() == own && seen.mode().trailing_zeros() >= 6)
}
