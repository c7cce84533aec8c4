//! Files whose names cannot simply go: those with several are overwritten only when the last one, inside the tree, is the only one
//! anywhere; those that cannot be opened yet keep theirs until they can.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many files with several names are followed one by one; 2^20 of them take about 40 MB. Above it the names go all the
/// same, and the rest counts as having names outside.
const MOST: usize = 1 << 20;

/// Files with several names, by inode.
#[derive(Debug, Default)]
pub(super) struct Links {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    files: BTreeMap<u64, File>,
    beyond: u64,
    /// Whether any waits since that was asked last.
    is_waiting: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct File {
    /// Names that the kernel counts.
    names: u32,
    /// Names that the walk met.
    inside: u32,
    /// Whether it was left with one name, inside.
    is_ours: bool,
    /// Whether it was met again with that one name: what could be done to its contents is done.
    is_done: bool,
}

/// The files with several names, held: what is decided about one name holds until its removal.
#[derive(Debug)]
pub(super) struct Held<'l>(MutexGuard<'l, Seen>);

impl Links {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a name of a file that has several.
    pub(super) fn note(&self, inode: u64, names: u32) {
        let mut seen = self.lock();
        if seen.files.len() >= MOST && !seen.files.contains_key(&inode) {
            seen.beyond += 1;
            return;
        }
        let file = seen.files.entry(inode).or_default();
        // Also one that was ours: somebody has given it another name since.
        file.is_ours = false;
        file.is_done = false;
        file.names = names;
        file.inside += 1;
    }

    /// This file cannot be opened yet: a name of it that is the only one stays.
    pub(super) fn wait(&self, inode: u64) {
        let mut seen = self.lock();
        seen.is_waiting = true;
        if seen.files.len() < MOST || seen.files.contains_key(&inode) {
            // It is not outside, unless it turns out to have more names.
            let file = seen.files.entry(inode).or_insert(File {
                names: 1,
                inside: 1,
                is_ours: true,
                is_done: false,
            });
            file.is_done = false;
        }
    }

    /// Whether any had to wait since this was asked last.
    pub(super) fn had_to_wait(&self) -> bool {
        std::mem::take(&mut self.lock().is_waiting)
    }

    /// This file was met with one name: its contents were dealt with, and the name may go.
    pub(super) fn done(&self, inode: u64) {
        if let Some(file) = self.lock().files.get_mut(&inode) {
            file.is_done = true;
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        let seen = self.lock();
        seen.files.is_empty() && seen.beyond == 0
    }

    /// Holds them, if this file may be one of them.
    pub(super) fn hold(&self, inode: u64) -> Option<Held<'_>> {
        let seen = self.lock();
        (seen.files.contains_key(&inode) || seen.beyond > 0).then_some(Held(seen))
    }

    /// How many seem to have a name outside, before anything is removed.
    pub(super) fn expected_outside(&self) -> u64 {
        let seen = self.lock();
        let outside = seen.files.values().filter(|file| file.inside < file.names).count();
        seen.beyond + u64::try_from(outside).unwrap_or(u64::MAX)
    }

    /// How many had a name outside: all that were never left with one name, inside.
    pub(super) fn outside(&self) -> u64 {
        let seen = self.lock();
        let outside = seen.files.values().filter(|file| !file.is_ours).count();
        seen.beyond + u64::try_from(outside).unwrap_or(u64::MAX)
    }
}

impl Held<'_> {
    /// Whether its contents were dealt with.
    pub(super) fn is_done(&self, inode: u64) -> bool {
        // Above the bound nobody knows: its name goes, and it was counted.
        self.0.files.get(&inode).is_none_or(|file| file.is_done)
    }

    /// The file has other names now, also if it was one that waited: it is outside, until one is left.
    pub(super) fn has_others(&mut self, inode: u64) {
        if let Some(file) = self.0.files.get_mut(&inode) {
            file.is_ours = false;
        }
    }

    /// The file's last name is inside: it will be overwritten.
    pub(super) fn is_ours(&mut self, inode: u64) {
        if let Some(file) = self.0.files.get_mut(&inode) {
            file.is_ours = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_names_are_all_inside_is_ours_once_one_is_left() {
        let links = Links::default();
        assert!(links.is_empty());
        links.note(1, 2);
        links.note(1, 2);
        links.note(2, 2);
        assert_eq!((links.expected_outside(), links.outside()), (1, 2));
        links.hold(1).unwrap().is_ours(1);
        assert!(links.hold(3).is_none());
        assert_eq!(links.outside(), 1);
    }

    #[test]
    fn a_file_that_waits_is_not_outside_and_keeps_its_name() {
        let links = Links::default();
        assert!(!links.had_to_wait());
        links.wait(1);
        assert!(links.had_to_wait() && !links.had_to_wait());
        assert_eq!((links.expected_outside(), links.outside()), (0, 0));
        assert!(!links.hold(1).unwrap().is_done(1));
        links.done(1);
        assert!(links.hold(1).unwrap().is_done(1));
        // It turns out to have another name, once it is open or before.
        links.wait(2);
        links.note(2, 2);
        assert_eq!(links.outside(), 1);
        links.wait(3);
        links.hold(3).unwrap().has_others(3);
        assert_eq!(links.outside(), 2);
    }
}
