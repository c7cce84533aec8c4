//! The records of files that were removed before: ext4 leaves attributes, access lists and short contents in a freed inode until its
//! number is used again. So each such number is used again, once, and its record is blank from then on.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

use super::attributes;
use super::ext4::Tables;
use super::free_space::{FreeSpace, Setting};
use crate::outcome::{SkipKind, Tally};

/// How often what is left is looked at: so many are dealt with at once, and meanwhile others remove files, too.
const ROUNDS: u32 = 8;

/// Blanks the records of all inodes that are free. `settle` brings what was done to the device; `before` is told of each setting
/// before it is changed.
pub(super) fn blank_freed(
    space: &FreeSpace<'_>,
    settle: &mut dyn FnMut(&mut Tally),
    before: &mut dyn FnMut(Option<&Setting>) -> io::Result<()>,
    tally: &mut Tally,
) {
    let Some(device) = space.device.filter(|_| space.kind.has_inode_tables) else { return };
    // What is never read again was never looked at.
    let unknown = |tally: &mut Tally, error: io::Error| {
        tracing::debug!(%error, "the records of removed files are not known");
        tally.add(SkipKind::NotEvaluated, "freed-inodes-unknown", 1);
    };
    let tables = || device.open().and_then(|device| Ok((Tables::read(&device)?, device)));
    for round in 0..=ROUNDS {
        let left = match tables().and_then(|(tables, device)| tables.left(&device)) {
            Ok(left) => left,
            Err(error) => return unknown(tally, error),
        };
        tracing::debug!(round, left = left.len(), "records of removed files");
        if left.is_empty() {
            return;
        }
        if round == ROUNDS {
            return tally.add(SkipKind::Filesystem, "freed-inodes", left.len() as u64);
        }
        let path = Path::new("/sys/fs/ext4").join(device.name()).join("inode_goal");
        if let Err(error) = reuse(space, &path, &left, before, tally) {
            tracing::debug!(%error, "inodes cannot be used again");
            return tally.add(SkipKind::Filesystem, "freed-inodes", left.len() as u64);
        }
        settle(tally);
    }
}

/// Has a file without a name use each of these numbers, one after the other.
fn reuse(
    space: &FreeSpace<'_>,
    path: &PathBuf,
    numbers: &[u32],
    before: &mut dyn FnMut(Option<&Setting>) -> io::Result<()>,
    tally: &mut Tally,
) -> io::Result<()> {
    let value = std::fs::read_to_string(path)?.trim().to_owned();
    let goal = OpenOptions::new().write(true).open(path)?;
    let setting = Setting::new(path.clone(), value);
    before(Some(&setting))?;
    let used = numbers.iter().try_for_each(|number| use_once(space, &goal, *number, tally));
    setting.put_back();
    // The note of a setting that is back is harmless.
    let _ = before(None);
    used
}

/// The kernel blanks the record of a new inode.
fn use_once(space: &FreeSpace<'_>, goal: &File, number: u32, tally: &mut Tally) -> io::Result<()> {
    goal.write_all_at(number.to_string().as_bytes(), 0)?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(space.directory, c".", flags, Mode::RUSR | Mode::WUSR)?;
    // What it takes over from the directory that it is in, such as an access list.
    attributes::remove(&file, tally);
    Ok(())
}
