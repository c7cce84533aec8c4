//! Large files that are overwritten keep their blocks until free space is dealt with: what holds zeros on the device already
//! needs neither a discard nor a second overwriting. Discarding a file of 4 GiB took half as long as overwriting it.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use hanare_host::storage::{Extent, lease};
use rustix::fs::fstat;

/// Bytes from which on a file is worth it.
const FROM: u64 = 16 << 20;
/// Files at most: each keeps a descriptor open.
const MOST: usize = 128;
/// Extents that a file can have without a block for their map, and with one: with a block size of 4 KiB 340.
const WITHOUT_MAP: usize = 4;

/// Overwritten files, by the number of their device.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Vec<(u64, OwnedFd)>>);

impl Held {
    /// Takes word from the kernel that nobody else writes to a file from now on, before it is overwritten; whether it is worth
    /// that, and nobody has it open.
    pub(super) fn watch(file: &OwnedFd, extents: &[Extent]) -> bool {
        let written: u64 = extents.iter().map(|extent| extent.length).sum();
        // Unwritten extents are not overwritten, and may hold what others have left.
        written >= FROM && extents.iter().all(|extent| extent.plain) && lease::take(file).is_ok()
    }

    /// Keeps a file that was watched and is overwritten, if it has no blocks but these and the one of their map.
    pub(super) fn keep(&self, device: u64, file: &OwnedFd, extents: &[Extent]) {
        let Ok(stat) = fstat(file) else { return };
        let map = if extents.len() > WITHOUT_MAP { u64::try_from(stat.st_blksize).unwrap_or(0) } else { 0 };
        let expected = extents.iter().map(|extent| extent.length).sum::<u64>() + map;
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if u64::try_from(stat.st_blocks).is_ok_and(|blocks| blocks.saturating_mul(512) == expected)
            && files.len() < MOST
            && let Ok(file) = file.try_clone()
        {
            files.push((device, file));
        }
    }

    /// Lets those go that somebody has opened since: they may hold more than zeros.
    pub(super) fn settle(&mut self) {
        self.files().retain(|(_, file)| lease::is_sole(file));
    }

    /// Lets those of a device go, whose free space is dealt with.
    pub(super) fn let_go(&mut self, device: u64) {
        self.files().retain(|(held, _)| *held != device);
    }

    fn files(&mut self) -> &mut Vec<(u64, OwnedFd)> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::path::Path;

    use hanare_host::storage::extents;

    use super::*;

    /// A file that is on the disk, opened to be overwritten.
    fn file(path: &Path) -> OwnedFd {
        std::fs::write(path, vec![7; usize::try_from(FROM).unwrap()]).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        file.sync_all().unwrap();
        file.into()
    }

    fn numbers(held: &mut Held) -> Vec<u64> {
        held.files().iter().map(|(device, _)| *device).collect()
    }

    #[test]
    fn a_file_is_held_until_its_device_is_done_unless_somebody_opens_it() {
        let place = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut held = Held::default();
        for number in 1..=3 {
            let path = place.path().join(number.to_string());
            let file = file(&path);
            let places = extents(&file, 100).unwrap();
            assert!(Held::watch(&file, &places));
            held.keep(number, &file, &places);
            // Nobody has all of these, and a file that has more is not held.
            held.keep(9, &file, &places[1..]);
        }
        held.settle();
        assert_eq!(numbers(&mut held), [1, 2, 3]);
        let path = place.path().join("2");
        let opening = std::thread::spawn(move || OpenOptions::new().write(true).open(path).unwrap());
        while held.files().len() == 3 {
            held.settle();
        }
        opening.join().unwrap();
        assert_eq!(numbers(&mut held), [1, 3]);
        held.let_go(1);
        assert_eq!(numbers(&mut held), [3]);
    }

    #[test]
    fn what_may_hold_more_than_was_overwritten_is_not_watched() {
        let place = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();

        let path = place.path().join("file");
        let file = file(&path);
        let mut places = extents(&file, 100).unwrap();
        let other = File::open(&path).unwrap();
        assert!(!Held::watch(&file, &places), "somebody has it open");
        drop(other);
        assert!(!Held::watch(&file, &[]), "too small");
        places[0].plain = false;
        assert!(!Held::watch(&file, &places), "not all of it is written");
    }
}
