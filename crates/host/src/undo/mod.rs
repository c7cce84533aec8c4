//! The undo log: every change to the machine is written down durably before it is made, and undone from there.
//!
//! `undo.jsonl` in the state directory, one JSON line an entry, appended and fsynced. A torn last line means a change that
//! was not made. Entries are undone in reverse order; undoing what was not done, or twice, is harmless. What lives in the
//! kernel's memory does not outlive its boot or namespace, so that such entries are then passed over.

mod change;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use change::Change;

use crate::deed::Deed;
use crate::error::HostError;
use crate::files;
use crate::netlink::Netlink;

/// The log's name in the state directory.
pub const FILE: &str = "undo.jsonl";

/// The open log of one host process.
#[derive(Debug)]
pub struct UndoLog {
    path: PathBuf,
    file: Option<File>,
    place: Place,
    entries: Vec<Entry>,
    next: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    number: u64,
    place: Place,
    change: Change,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Made(Entry),
    Undone { undone: u64 },
}

/// Where the kernel's memory is the one that we changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    boot: String,
    network: u64,
    mounts: u64,
}

impl Place {
    fn here() -> Self {
        let inode = |path: &str| std::fs::metadata(path).map_or(0, |found| found.ino());
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self {
            boot: boot.trim().to_owned(),
            network: inode("/proc/self/ns/net"),
            mounts: inode("/proc/self/ns/mnt"),
        }
    }
}

impl UndoLog {
    /// Opens the log, first undoing whatever an earlier process left. The caller holds the state directory's lock.
    ///
    /// # Errors
    /// [`HostError::Io`] for a log that cannot be read or written; what undoing meets.
    pub fn open(state: &Path) -> Result<Self, HostError> {
        let path = state.join(FILE);
        let (entries, next) = read(&path)?;
        let mut log = Self { path, file: None, place: Place::here(), entries, next };
        log.undo_all()?;
        Ok(log)
    }

    /// Writes `change` down durably. The caller makes it afterwards, only if this succeeded. The number is for
    /// [`UndoLog::undo`].
    ///
    /// # Errors
    /// [`HostError::Io`], for example on a full disk: then the change must not be made.
    pub fn record(&mut self, change: Change) -> Result<u64, HostError> {
        let entry = Entry { number: self.next, place: self.place.clone(), change };
        self.next += 1;
        let number = entry.number;
        self.append(&Line::Made(entry.clone()))?;
        self.entries.push(entry);
        Ok(number)
    }

    /// Undoes one change.
    ///
    /// # Errors
    /// What undoing meets; the entry stays in the log then.
    pub fn undo(&mut self, number: u64) -> Result<(), HostError> {
        let Some(position) = self.entries.iter().position(|entry| entry.number == number) else {
            return Ok(());
        };
        if let Some(entry) = self.entries.get(position) {
            self.revert(entry)?;
        }
        self.entries.remove(position);
        self.append(&Line::Undone { undone: number })
    }

    /// Undoes the changes for which `matches` holds, the latest first.
    ///
    /// # Errors
    /// The first that undoing meets.
    pub fn undo_where(&mut self, matches: impl Fn(&Change) -> bool) -> Result<(), HostError> {
        let numbers: Vec<u64> = self
            .entries
            .iter()
            .rev()
            .filter(|entry| matches(&entry.change))
            .map(|entry| entry.number)
            .collect();
        numbers.into_iter().try_for_each(|number| self.undo(number))
    }

    /// Whether a change for which `matches` holds is in force.
    #[must_use]
    pub fn has(&self, matches: impl Fn(&Change) -> bool) -> bool {
        self.entries.iter().any(|entry| matches(&entry.change))
    }

    /// Undoes everything and removes the log. One entry that cannot be undone does not keep the others from it.
    ///
    /// # Errors
    /// The first that undoing met; the log stays then.
    pub fn undo_all(&mut self) -> Result<(), HostError> {
        let mut first = Ok(());
        let mut kept = Vec::new();
        for entry in std::mem::take(&mut self.entries).into_iter().rev() {
            if let Err(error) = self.revert(&entry) {
                tracing::warn!(change = ?entry.change, %error, "cannot be undone");
                kept.push(entry);
                first = first.and(Err(error));
            }
        }
        kept.reverse();
        self.entries = kept;
        first?;
        self.file = None;
        files::remove(&self.path)
            .map(drop)
            .map_err(|error| HostError::io(Deed::Remove.of(self.path.display()), &error))
    }

    fn revert(&self, entry: &Entry) -> Result<(), HostError> {
        let same_boot = entry.place.boot == self.place.boot;
        let network = same_boot && entry.place.network == self.place.network;
        let mounts = same_boot && entry.place.mounts == self.place.mounts;
        if !entry.change.is_here(network, mounts) {
            return Ok(());
        }
        entry.change.revert(&mut Netlink::open()?)
    }

    fn append(&mut self, line: &Line) -> Result<(), HostError> {
        let failed = |error: &std::io::Error| HostError::io(Deed::Write.of(self.path.display()), error);
        // A line begins on a line of its own: what a full disk left of another one must not swallow it.
        let mut text = vec![b'\n'];
        serde_json::to_writer(&mut text, line).map_err(|error| failed(&error.into()))?;
        text.push(b'\n');
        if self.file.is_none() {
            let opened = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&self.path)
                .map_err(|e| failed(&e))?;
            if let Some(directory) = self.path.parent() {
                files::sync_directory(directory).map_err(|error| failed(&error))?;
            }
            self.file = Some(opened);
        }
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        file.write_all(&text).and_then(|()| file.sync_data()).map_err(|error| failed(&error))
    }
}

/// Entries in force, and the next number.
fn read(path: &Path) -> Result<(Vec<Entry>, u64), HostError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(HostError::io(Deed::Read.of(path.display()), &error)),
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut next = 0;
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        match serde_json::from_slice(line) {
            Ok(Line::Made(entry)) => {
                next = next.max(entry.number + 1);
                entries.push(entry);
            }
            Ok(Line::Undone { undone }) => entries.retain(|entry| entry.number != undone),
            // The process died, or the disk was full, while it wrote this line, hence before it made the change.
            Err(error) if error.is_eof() || (is_last && !error.is_data()) => {
                tracing::debug!(%error, "a torn line in the undo log");
            }
            // What it stands for may be in force, and this program cannot undo it.
            Err(error) => return Err(HostError::io(Deed::Read.of(path.display()), &error.into())),
        }
    }
    Ok((entries, next))
}

/// Undoes whatever an earlier process left in `state`: for `down`, once no host process runs.
///
/// # Errors
/// [`HostError::Busy`] if a host process runs; what undoing meets.
pub fn replay(state: &Path) -> Result<(), HostError> {
    let _lock = crate::hands::hold(state)?;
    UndoLog::open(state).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_disk_left_of_a_line_swallows_no_other() {
        let state = tempfile::tempdir().unwrap();
        let mut log = UndoLog::open(state.path()).unwrap();
        let change = |name: &str| Change::Up { interface: name.to_owned() };
        log.record(change("a")).unwrap();
        let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
        file.write_all(b"{\"number\":1,\"place\":{\"bo").unwrap();
        log.record(change("b")).unwrap();
        let (entries, _) = read(&log.path).unwrap();
        let changes: Vec<_> = entries.into_iter().map(|entry| entry.change).collect();
        assert_eq!(changes, [change("a"), change("b")]);
    }

    #[test]
    fn a_line_that_cannot_be_read_keeps_the_log_and_says_so() {
        let state = tempfile::tempdir().unwrap();
        let mut log = UndoLog::open(state.path()).unwrap();
        log.record(Change::Up { interface: "a".to_owned() }).unwrap();
        let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
        // Of a later version; rotten; and a good one behind them.
        for bad in
            ["{\"number\":1,\"place\":{},\"change\":{\"change\":\"of-tomorrow\"}}", "{\"numb\u{0}r\":1}"]
        {
            let before = std::fs::read(&log.path).unwrap();
            file.write_all(format!("{bad}\n").as_bytes()).unwrap();
            log.record(Change::Up { interface: "b".to_owned() }).unwrap();
            let error = UndoLog::open(state.path()).unwrap_err();
            assert!(error.to_string().contains(FILE), "{error}");
            assert!(log.path.exists());
            std::fs::write(&log.path, before).unwrap();
        }
        assert_eq!(read(&log.path).unwrap().0.len(), 1);
    }
}
