//! Who can put something else in the place of a path: whoever can write to a directory above it. What root mounts, formats or
//! gives away by that path would be theirs to choose.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use hanare_host::Deed;

use super::error::VolumeError;

/// Anybody may write there, and only their own names may they take away (`S_ISVTX`).
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o022;

/// Whether only root, or who runs this, can change the directories above a path. One that is not there yet is made by whoever
/// asks. In a user namespace the machine's root is nobody's number.
///
/// # Errors
/// [`VolumeError::Replaceable`] with the first directory that somebody else can change.
pub(super) fn nobody_else_can_replace(path: &Path) -> Result<(), VolumeError> {
    judge(path, path)?;
    // And where the links on the way lead.
    let parent = path.parent().and_then(|above| above.canonicalize().ok());
    match parent.zip(path.file_name()) {
        Some((parent, name)) if Some(parent.as_path()) != path.parent() => judge(&parent.join(name), path),
        _ => Ok(()),
    }
}

/// Judges what is above `path`, for somebody who named it `named`.
fn judge(path: &Path, named: &Path) -> Result<(), VolumeError> {
    let own = rustix::process::geteuid().as_raw();
    let nobody = nobody();
    for above in path.ancestors().skip(1) {
        let seen = match fs::symlink_metadata(above) {
            Ok(seen) => seen,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(VolumeError::io(Deed::Read, above)(error)),
        };
        let is_ours = [Some(0), Some(own), nobody].contains(&Some(seen.uid()));
        // Of a link the mode says nothing; whose it is does, and where it leads is judged, too.
        let is_open = seen.is_dir() && seen.mode() & OTHERS_WRITE != 0 && seen.mode() & STICKY == 0;
        if !is_ours || is_open || !(seen.is_dir() || seen.is_symlink()) {
            return Err(VolumeError::Replaceable { path: named.to_owned(), above: above.to_owned() });
        }
    }
    // Among everybody's names, who has this one already could exchange it.
    let is_everybodys =
        |above: &Path| fs::symlink_metadata(above).is_ok_and(|seen| seen.mode() & OTHERS_WRITE != 0);
    let is_theirs = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|seen| ![Some(0), Some(own), nobody].contains(&Some(seen.uid())))
    };
    match path.parent() {
        Some(above) if is_everybodys(above) && is_theirs(path) => {
            Err(VolumeError::Replaceable { path: named.to_owned(), above: above.to_owned() })
        }
        _ => Ok(()),
    }
}

/// What root is called in a user namespace that does not know it; `None` outside of one.
fn nobody() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return None;
    }
    fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_above_that_others_may_write_to_is_named() {
        let place = tempfile::tempdir().unwrap();
        let place = fs::canonicalize(place.path()).unwrap();
        let above = place.join("above");
        let path = above.join("not/there/yet");
        fs::create_dir(&above).unwrap();
        nobody_else_can_replace(&path).unwrap();
        fs::set_permissions(&above, fs::Permissions::from_mode(0o770)).unwrap();
        let told = nobody_else_can_replace(&path);
        assert!(
            matches!(&told, Err(VolumeError::Replaceable { above: named, .. }) if *named == above),
            "{told:?}"
        );
        // As `/tmp` is.
        fs::set_permissions(&above, fs::Permissions::from_mode(0o1777)).unwrap();
        nobody_else_can_replace(&path).unwrap();
        // What is not root's and not ours.
        if rustix::process::geteuid().is_root() {
            let named = above.join("named");
            fs::create_dir(&named).unwrap();
            nobody_else_can_replace(&named).unwrap();
            std::os::unix::fs::chown(&named, Some(1000), None).unwrap();
            assert!(nobody_else_can_replace(&named).is_err(), "its owner can exchange it");
            std::os::unix::fs::chown(&above, Some(1000), None).unwrap();
            fs::set_permissions(&above, fs::Permissions::from_mode(0o755)).unwrap();
            assert!(nobody_else_can_replace(&path).is_err());
        }
    }
}
