//! Sealed items on the plain part of a node's disk, until headquarters has acknowledged them.
//!
//! One file each, `SEQUENCE-ID.sealed`: both are drawn here and tell nothing of what is inside. An item has its name only when
//! all of it is on the disk, and so is its name when [`Spool::put`] returns.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::head::ItemId;
use super::reserve::{Level, Reserve};
use crate::protocol::VersionId;

const ENDING: &str = ".sealed";
/// What an item is called while it is written.
const NEW: &str = "new-";
/// Written through a buffer of this size.
const BUFFER: usize = 256 * 1024;

/// An item that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Its place in the order in which items were sealed.
    pub sequence: u64,
    /// Its name.
    pub id: ItemId,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The folder with the items.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    handle: File,
    /// In bytes.
    reserve: AtomicU64,
    /// Held while an item comes or all are counted.
    counting: Mutex<()>,
    next: AtomicU64,
    used: AtomicU64,
    count: AtomicU64,
    /// What headquarters does not take, until when; without a time before the next start.
    left: Mutex<BTreeMap<ItemId, Option<Instant>>>,
}

impl Spool {
    /// Opens the folder, which is made if it is not there, and removes what was being written when somebody died. One process
    /// at a time writes there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(folder: &Path, reserve: Reserve) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(NEW.as_bytes()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Self::beside(folder, reserve)
    }

    /// Opens a folder that somebody else may be writing to, to deliver what is in it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn beside(folder: &Path, reserve: Reserve) -> io::Result<Self> {
        let handle = File::open(folder)?;
        let waiting = list(folder)?;
        let next = waiting.last().map_or(0, |last| last.sequence + 1);
        let used = waiting.iter().map(|item| item.bytes).sum();
        Ok(Self {
            folder: folder.to_owned(),
            handle,
            reserve: AtomicU64::new(reserve.0),
            counting: Mutex::default(),
            next: AtomicU64::new(next),
            used: AtomicU64::new(used),
            count: AtomicU64::new(waiting.len() as u64),
            left: Mutex::default(),
        })
    }

    /// What waits in a folder, in the order in which it was sealed; nothing, if there is no folder. For who only looks.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn look(folder: &Path) -> io::Result<Vec<Waiting>> {
        match list(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }

    /// What waits, in the order in which it was sealed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn waiting(&self) -> io::Result<Vec<Waiting>> {
        let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = list(&self.folder)?;
        // Somebody else may have delivered or carried away some of it.
        self.used.store(waiting.iter().map(|item| item.bytes).sum(), Ordering::Relaxed);
        self.count.store(waiting.len() as u64, Ordering::Relaxed);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if !left.is_empty() {
            let there: std::collections::BTreeSet<ItemId> = waiting.iter().map(|item| item.id).collect();
            left.retain(|id, _| there.contains(id));
        }
        drop(left);
        Ok(waiting)
    }

    /// From now on so many bytes may be used.
    pub fn set_reserve(&self, reserve: Reserve) {
        self.reserve.store(reserve.0, Ordering::Relaxed);
    }

    fn reserve(&self) -> Reserve {
        Reserve(self.reserve.load(Ordering::Relaxed))
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many items wait.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How many of them are not to be sent now.
    #[must_use]
    pub fn left(&self) -> u64 {
        let now = Instant::now();
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.values().filter(|until| until.is_none_or(|until| now < until)).count() as u64
    }

    /// How many bytes they take.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// How many bytes more are taken.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.reserve().hard().saturating_sub(self.used())
    }

    /// How far the reserve is used.
    #[must_use]
    pub fn level(&self) -> Level {
        self.reserve().level(self.used())
    }

    /// Draws a name.
    ///
    /// # Errors
    /// [`io::ErrorKind::Other`] without randomness.
    pub fn draw() -> io::Result<ItemId> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
        Ok(ItemId(VersionId::from_bytes(bytes)))
    }

    /// Takes an item that `write` writes. When this returns, it is on the disk, or nothing of it is. `keep` has the last word:
    /// if it says no, the item is left out and `None` returned.
    ///
    /// # Errors
    /// What `write` or the kernel says; [`io::ErrorKind::QuotaExceeded`] over the hard limit.
    pub fn put<T>(
        &self,
        id: ItemId,
        write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
        keep: impl FnOnce(&T) -> io::Result<bool>,
    ) -> io::Result<Option<(Waiting, T)>> {
        let part = self.folder.join(format!("{NEW}{id}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let written = self.fill(&file, write).and_then(|told| {
            if !keep(&told)? {
                return Ok(None);
            }
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            let sequence = self.next.fetch_add(1, Ordering::Relaxed);
            let waiting = Waiting { sequence, id, bytes };
            {
                let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
                std::fs::rename(&part, self.path(&waiting))?;
                self.used.fetch_add(bytes, Ordering::Relaxed);
                self.count.fetch_add(1, Ordering::Relaxed);
            }
            self.handle.sync_all()?;
            Ok(Some((waiting, told)))
        });
        if !matches!(written, Ok(Some(_))) {
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    fn fill<T>(&self, file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let left = self.room();
        let mut out = BufWriter::with_capacity(BUFFER, Limited { file, left });
        let told = write(&mut out)?;
        out.flush()?;
        Ok(told)
    }

    /// This item cannot be sent now, or is not taken: it waits on, and is not sent again before `until`, or the next start.
    pub fn leave(&self, id: ItemId, until: Option<Instant>) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(id, until);
    }

    /// Whether it is left where it is for now.
    #[must_use]
    pub fn is_left(&self, id: &ItemId) -> bool {
        self.is_left_at(id, Instant::now())
    }

    pub(crate) fn is_left_at(&self, id: &ItemId, now: Instant) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.get(id).is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// Whether it was left once: what came after it may have gone before it.
    #[must_use]
    pub fn was_left(&self, id: &ItemId) -> bool {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Where an item is.
    #[must_use]
    pub fn path(&self, item: &Waiting) -> PathBuf {
        path(&self.folder, item)
    }

    /// Headquarters has it, durably. That an item is gone need not be durable: one that comes back is known there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn remove(&self, item: &Waiting) -> io::Result<()> {
        match std::fs::remove_file(self.path(item)) {
            Ok(()) => {
                self.left.lock().unwrap_or_else(PoisonError::into_inner).remove(&item.id);
                let less = |from: &AtomicU64, by| {
                    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now: u64| {
                        Some(now.saturating_sub(by))
                    })
                };
                let _counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = (less(&self.used, item.bytes), less(&self.count, 1));
                Ok(())
            }
            // Somebody else did: how many others it was is to be counted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.waiting().map(drop),
            Err(error) => Err(error),
        }
    }

    /// Carries an item away: it is in `folder`, durably, before it goes from here.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::AlreadyExists`] if something has its name there.
    pub fn carry(&self, item: &Waiting, folder: &Path) -> io::Result<PathBuf> {
        let to = path(folder, item);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        io::copy(&mut File::open(self.path(item))?, &mut out)?;
        out.sync_all()?;
        File::open(folder)?.sync_all()?;
        self.remove(item)?;
        Ok(to)
    }
}

/// Where an item of a folder is.
pub(super) fn path(folder: &Path, item: &Waiting) -> PathBuf {
    folder.join(format!("{:016x}-{}{ENDING}", item.sequence, item.id))
}

fn list(folder: &Path) -> io::Result<Vec<Waiting>> {
    let mut waiting = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((sequence, id)) = name.to_str().and_then(read_name) else { continue };
        match entry.metadata() {
            Ok(found) => waiting.push(Waiting { sequence, id, bytes: found.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    waiting.sort_unstable();
    Ok(waiting)
}

fn read_name(name: &str) -> Option<(u64, ItemId)> {
    let (sequence, id) = name.strip_suffix(ENDING)?.split_once('-')?;
    Some((u64::from_str_radix(sequence, 16).ok()?, id.parse().ok()?))
}

/// Refuses what would go over the hard limit.
struct Limited<'a> {
    file: &'a File,
    left: u64,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let len = self.file.write(bytes)?;
        self.left -= len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(spool: &Spool, bytes: &[u8]) -> io::Result<Option<Waiting>> {
        let id = Spool::draw().unwrap();
        spool.put(id, |out| out.write_all(bytes), |()| Ok(true)).map(|put| put.map(|(item, ())| item))
    }

    #[test]
    fn items_come_in_order_survive_and_a_half_written_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("sealed");
        assert_eq!(Spool::look(&place).unwrap(), []);
        let spool = Spool::open(&place, Reserve(1000)).unwrap();
        let first = put(&spool, &[1; 10]).unwrap().unwrap();
        let second = put(&spool, &[2; 20]).unwrap().unwrap();
        assert!(
            spool
                .put(Spool::draw().unwrap(), |_| Err::<(), _>(io::Error::other("no")), |()| Ok(true))
                .is_err()
        );
        assert!(spool.put(Spool::draw().unwrap(), |_| Ok(()), |()| Ok(false)).unwrap().is_none());
        std::fs::write(place.join("new-killed"), "half").unwrap();
        drop(spool);
        let again = Spool::open(&place, Reserve(1000)).unwrap();
        assert_eq!(again.waiting().unwrap(), [first, second]);
        assert_eq!((again.count(), again.used()), (2, 30));
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 2);
        again.remove(&first).unwrap();
        again.remove(&first).unwrap();
        assert_eq!((again.count(), again.used()), (1, 20));
        let third = put(&again, &[3; 1]).unwrap().unwrap();
        assert!(third.sequence > second.sequence);
    }

    #[test]
    fn nothing_is_put_beyond_the_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), Reserve(100)).unwrap();
        put(&spool, &[0; 100]).unwrap().unwrap();
        assert_eq!(spool.level(), Level::Full);
        let error = put(&spool, &[0; 11]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        put(&spool, &[0; 10]).unwrap().unwrap();
        assert_eq!((spool.level(), spool.count()), (Level::Over, 2));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-written stays");
    }
}
