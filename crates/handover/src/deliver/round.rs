//! What was read and is what headquarters holds: a look at everything, now and then while people work, need not read it again as
//! long as the file system says that nothing has changed. The end of a day reads all of it, whatever that says.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{LazyLock, Mutex, PoisonError};

use hanare_model::Timestamp;

use super::known::{Held, Known};
use super::stamp::Stamp;
use super::tree::Tree;
use crate::path::WorkPath;

/// What is written through a mapping gets its time when the page is first written to after it went to the disk. The kernel lets
/// none wait there for long; so many seconds after its last change a file's time is its own.
static RESTED: LazyLock<i64> = LazyLock::new(|| {
    let setting = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/vm/{name}")).unwrap_or_default();
        text.trim().parse::<i64>().ok().map(|hundredths| hundredths / 100)
    };
    // Of ordinary systems 30 s and 5 s; of laptops up to a minute each. Four times as long for a disk that is busy.
    let waits = setting("dirty_expire_centisecs").zip(setting("dirty_writeback_centisecs"));
    waits.map_or(LEAST, |(expire, writeback)| expire.saturating_add(writeback).saturating_mul(4).max(LEAST))
});
const LEAST: i64 = 120;

/// Files as they were when they were read, in eight bytes each.
#[derive(Debug, Default)]
pub(super) struct Read {
    marks: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Read {
    /// All of them; they are to be noted again as they are met.
    pub(super) fn take(&self) -> HashSet<u64> {
        std::mem::take(&mut *self.marks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// This was read just now, and headquarters holds just that.
    pub(super) fn note(&self, tree: &Tree, path: &WorkPath, (held, stamp): (&Held, &Stamp), now: Timestamp) {
        if tree.times_are_kept() && stamp.changed.0.saturating_add(*RESTED) <= now.seconds() {
            self.put(self.mark(path, held, stamp));
        }
    }

    fn put(&self, mark: u64) {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).insert(mark);
    }

    fn mark(&self, path: &WorkPath, held: &Held, stamp: &Stamp) -> u64 {
        let Stamp { inode, size, mode, modified, changed, .. } = stamp;
        self.hasher.hash_one((path, held.version.as_bytes(), inode, size, mode, modified, changed))
    }
}

/// Whether a file is as it was when it was read, and headquarters holds that still.
pub(super) fn is_as_read(tree: &Tree, known: &Known, earlier: &HashSet<u64>, path: &WorkPath) -> bool {
    if earlier.is_empty() {
        return false;
    }
    let Some(held) = known.held(path).filter(|held| !held.is_forgotten()) else { return false };
    let Ok(Some(stamp)) = tree.look(path) else { return false };
    let mark = known.read().mark(path, &held, &stamp);
    let is_same = earlier.contains(&mark);
    if is_same {
        known.read().put(mark);
    }
    is_same
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::now;
    use crate::deliver::known::Gist;
    use crate::protocol::VersionId;

    fn file() -> WorkPath {
        WorkPath::new(&b"plan"[..]).unwrap()
    }

    /// A file that headquarters holds, read so many seconds from now.
    fn read_after(tree: &Tree, known: &Known, seconds: i64) -> HashSet<u64> {
        let held = Held {
            version: VersionId::from_bytes([7; 16]),
            gist: Gist { digest: crate::Digest::of(b"x"), mode: 0o644 },
        };
        known.put(file(), held);
        let stamp = tree.look(&file()).unwrap().unwrap();
        known.read().note(tree, &file(), (&held, &stamp), Timestamp::from_seconds(now().seconds() + seconds));
        known.read().take()
    }

    #[test]
    fn what_rested_when_it_was_read_and_has_the_same_times_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan");
        fs::write(&path, b"x").unwrap();
        let tree = Tree::open(folder.path()).unwrap().with_times_kept(true);
        let known = Known::load(&tree);
        // Written just now: a mapping may write once more without a word.
        assert!(read_after(&tree, &known, *RESTED - 5).is_empty());
        let earlier = read_after(&tree, &known, *RESTED + 5);
        assert!(is_as_read(&tree, &known, &earlier, &file()));
        // It is noted for the next time.
        assert_eq!(known.read().take(), earlier);
        // The same size with the time put back.
        let times = fs::File::options().write(true).open(&path).unwrap();
        let modified = times.metadata().unwrap().modified().unwrap();
        fs::write(&path, b"y").unwrap();
        times.set_modified(modified).unwrap();
        assert!(!is_as_read(&tree, &known, &earlier, &file()));
    }

    #[test]
    fn what_headquarters_has_forgotten_and_what_is_in_memory_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan"), b"x").unwrap();
        let tree = Tree::open(folder.path()).unwrap().with_times_kept(true);
        let known = Known::load(&tree);
        let earlier = read_after(&tree, &known, *RESTED + 5);
        known.forgotten(file(), VersionId::from_bytes([7; 16]));
        assert!(!is_as_read(&tree, &known, &earlier, &file()));
        let in_memory = tree.with_times_kept(false);
        assert!(read_after(&in_memory, &known, *RESTED + 5).is_empty());
    }
}
