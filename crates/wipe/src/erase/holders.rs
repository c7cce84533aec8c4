//! Files of the tree that have no name any more while somebody still holds them: a process that has them open, mapped or
//! running, or the kernel, for which one is a disk.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hanare_host::storage::AlignedBuffer;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags, fstat, open, statx};

use super::overwrite::overwrite;
use crate::root::{Identity, identity_of};

/// What the kernel writes behind the last path of a file without a name.
const DELETED: &[u8] = b" (deleted)";

/// What was found, and what of it could be overwritten.
#[derive(Debug, Default)]
pub(super) struct InUse {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Overwrites what processes still hold of files that were below `tree`, on `device`. They keep the blocks, and may write
/// more: it is counted whatever becomes of it.
pub(super) fn overwrite_in_use(tree: &Path, device: u64, zeros: &AlignedBuffer) -> InUse {
    let mut seen = BTreeSet::new();
    let mut found = InUse::default();
    let own = std::process::id().to_string();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let is_process = name.as_bytes().iter().all(u8::is_ascii_digit);
        if !is_process || name == *OsStr::new(&own) {
            continue;
        }
        for link in links(&process.path()) {
            if !fs::read_link(&link).is_ok_and(|target| was_below(target.as_os_str(), tree)) {
                continue;
            }
            let Some(identity) = identity(&link).filter(|found| found.device == device) else { continue };
            if seen.insert(identity) {
                found.files += 1;
                found.bytes += blank(&link, identity, zeros);
            }
        }
    }
    // The kernel writes to these on its own, and who uses the disk does not know; so nothing is overwritten under it.
    found.files += disks(tree);
    found
}

/// How many loop devices have a file that was below `tree`.
fn disks(tree: &Path) -> u64 {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let backing = entries.filter_map(|entry| fs::read(entry.path().join("loop/backing_file")).ok());
    let ours =
        backing.filter(|path| was_below(OsStr::from_bytes(path.strip_suffix(b"\n").unwrap_or(path)), tree));
    u64::try_from(ours.count()).unwrap_or(u64::MAX)
}

/// Everything that a process holds: its open files, what it has mapped, its program.
fn links(process: &Path) -> Vec<PathBuf> {
    let mut links = vec![process.join("exe")];
    for folder in ["fd", "map_files"] {
        let entries = fs::read_dir(process.join(folder)).into_iter().flatten().flatten();
        links.extend(entries.map(|entry| entry.path()));
    }
    links
}

/// Looking at the path first asks no file system: one that hangs is not waited for.
fn was_below(target: &OsStr, tree: &Path) -> bool {
    let bytes = target.as_bytes();
    bytes.strip_suffix(DELETED).is_some_and(|path| Path::new(OsStr::from_bytes(path)).starts_with(tree))
}

fn identity(link: &Path) -> Option<Identity> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let seen = statx(CWD, link, flags, StatxFlags::BASIC_STATS).ok()?;
    let is_file = FileType::from_raw_mode(u32::from(seen.stx_mode)) == FileType::RegularFile;
    // With a name left it is outside, where nothing is overwritten.
    (is_file && seen.stx_nlink == 0).then(|| identity_of(&seen))
}

/// Overwrites what is behind a link, if that is still the file that was looked at: a number in `/proc/PID/fd`, or the process
/// itself, may be another one by now.
fn blank(link: &Path, wanted: Identity, zeros: &AlignedBuffer) -> u64 {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: OwnedFd = match open(link, flags, Mode::empty()) {
        Ok(file) => file,
        Err(_) => return 0,
    };
    match fstat(&file) {
        Ok(stat) if is_still(&stat, wanted) => overwrite(&file, &stat, zeros).bytes,
        Ok(_) | Err(_) => 0,
    }
}

fn is_still(stat: &Stat, wanted: Identity) -> bool {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file && stat.st_nlink == 0 && Identity { device: stat.st_dev, inode: stat.st_ino } == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_were_below_the_tree_and_have_no_name_are_meant() {
        let tree = Path::new("/srv/tree");
        assert!(was_below(OsStr::new("/srv/tree/a/b (deleted)"), tree));
        assert!(!was_below(OsStr::new("/srv/tree/a/b"), tree));
        assert!(!was_below(OsStr::new("/srv/tree-2/b (deleted)"), tree));
        assert!(!was_below(OsStr::new("/srv (deleted)"), tree));
    }

    #[test]
    fn a_link_that_leads_to_another_file_by_now_is_not_overwritten() {
        use std::os::fd::AsRawFd as _;
        use std::os::unix::fs::FileExt as _;

        let zeros = AlignedBuffer::zeroed(1 << 20);
        let (wanted, other) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let link = |file: &fs::File| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        for file in [&wanted, &other] {
            file.write_all_at(&[7; 5000], 0).unwrap();
            file.sync_all().unwrap();
        }
        let seen = identity(&link(&wanted)).unwrap();
        let mut read = [0; 5000];
        // Between looking and opening, the number became another file's, which has no name either.
        assert_eq!(blank(&link(&other), seen, &zeros), 0);
        other.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, [7; 5000]);
        assert_eq!(blank(&link(&wanted), seen, &zeros), 5000);
        wanted.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, [0; 5000]);
    }
}
