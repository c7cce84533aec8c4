//! The node's own ledger, `node/ledger.jsonl`: who opened the kill switch and why, chained and signed by the node's key.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hanare_host::Deed;
use hanare_ledger::{Chain, Entry, Hash, Head, Record};
use hanare_model::SigningKey;

use super::file::failed;
use super::{Damage, NodeState, StateError};

/// The file's name.
const NAME: &str = "ledger.jsonl";
/// Of a longer file only so much of its end is read: the head is all that appending needs, and no line is half as long.
const TAIL: u64 = 256 * 1024;

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes that are acknowledged.
    length: u64,
    chain: Chain,
    /// A place that was asked for, so that the next question does not read everything before it.
    known: Mutex<Option<(Head, u64)>>,
}

impl Journal {
    /// Opens the journal and finds its head. What a power cut left of a last line is cut off: it was never acknowledged.
    pub(crate) fn open(state: &NodeState) -> Result<Self, StateError> {
        let path = state.path(NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(Deed::Open, &path))?;
        let length = file.metadata().map_err(failed(Deed::Read, &path))?.len();
        let start = length.saturating_sub(TAIL);
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_to_end(&mut text))
            .map_err(failed(Deed::Read, &path))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole == 0 && start > 0 {
            let why = Damage::LastRecord;
            return Err(StateError::Damaged { path, why });
        }
        let length = start + u64::try_from(whole).unwrap_or(0);
        if whole < text.len() {
            file.set_len(length).map_err(failed(Deed::Write, &path))?;
        }
        let lines = text.get(..whole).unwrap_or_default();
        let head = match lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()) {
            None => Head::GENESIS,
            Some(line) => head(line)
                .ok_or_else(|| StateError::Damaged { path: path.clone(), why: Damage::LastRecord })?,
        };
        Ok(Self { path, file, length, chain: Chain::after(head), known: Mutex::default() })
    }

    /// How many records there are in a journal that cannot be opened.
    pub(crate) fn unreadable(state: &NodeState) -> u64 {
        let bytes = std::fs::read(state.path(NAME)).unwrap_or_default();
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64
    }

    /// Where the chain ends.
    pub(crate) const fn head(&self) -> Head {
        self.chain.head()
    }

    /// Where what follows `held` begins, in bytes; `None` if this chain does not hold it.
    pub(crate) fn place(&self, held: Head) -> Result<Option<u64>, StateError> {
        if held == Head::GENESIS {
            return Ok(Some(0));
        }
        if held == self.head() {
            return Ok(Some(self.length));
        }
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, at)) = known.filter(|(head, _)| *head == held) {
            return Ok(Some(at));
        }
        let mut at = 0;
        for line in self.read(0)? {
            let line = line?;
            let end = at + line.len() as u64 + 1;
            // By what follows it, if the line itself cannot be read any more.
            if before(&line) == Some(held) {
                return Ok(Some(at));
            }
            if head(&line) == Some(held) {
                return Ok(Some(end));
            }
            at = end;
        }
        Ok(None)
    }

    /// `head` ends at this byte.
    pub(crate) fn remember(&self, head: Head, at: u64) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((head, at));
    }

    /// The lines from a byte on, oldest first, each with the byte after it, as many as `most`. What of a line is no text is
    /// replaced: it is nothing that was signed.
    pub(crate) fn lines(&self, from: u64, most: usize) -> Result<Vec<(String, u64)>, StateError> {
        let mut at = from;
        let lines = self.read(from)?.take(most).map(|line| {
            let line = line?;
            at += line.len() as u64 + 1;
            Ok((String::from_utf8_lossy(&line).into_owned(), at))
        });
        lines.collect()
    }

    /// Where this is.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    fn read(&self, from: u64) -> Result<impl Iterator<Item = Result<Vec<u8>, StateError>>, StateError> {
        let mut file = File::open(&self.path).map_err(failed(Deed::Open, &self.path))?;
        file.seek(SeekFrom::Start(from)).map_err(failed(Deed::Read, &self.path))?;
        let lines = BufReader::new(file.take(self.length.saturating_sub(from))).split(b'\n');
        Ok(lines.map(|line| line.map_err(failed(Deed::Read, &self.path))))
    }

    /// Appends durably: what it records may be done afterwards.
    pub(crate) fn record(&mut self, entry: Entry, key: &SigningKey) -> Result<(), StateError> {
        let mut chain = self.chain;
        let appended = chain.append(entry, key).map_err(|error| StateError::Damaged {
            path: self.path.clone(),
            why: Damage::Ledger(error.to_string()),
        })?;
        let mut line = appended.line;
        line.push('\n');
        // What a full disk left of an earlier line was never acknowledged; it must not become the beginning of this one.
        self.file
            .set_len(self.length)
            .and_then(|()| self.file.write_all(line.as_bytes()))
            .and_then(|()| self.file.sync_data())
            .map_err(failed(Deed::Write, &self.path))?;
        self.length += line.len() as u64;
        self.chain = chain;
        Ok(())
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    Record::parse(std::str::from_utf8(line).ok()?)
}

fn head(line: &[u8]) -> Option<Head> {
    Some(Head { seq: parse(line)?.seq, hash: Hash::of(line) })
}

/// What a line says that it follows.
pub(crate) fn before(line: &[u8]) -> Option<Head> {
    let Record { seq, prev, .. } = parse(line)?;
    Some(Head { seq: seq.checked_sub(1)?, hash: prev })
}

#[cfg(test)]
mod tests {
    use hanare_model::Timestamp;

    use super::*;

    fn entry(reason: &str) -> Entry {
        Entry {
            at: Timestamp::from_seconds(0),
            actor: "uid 1000".to_owned(),
            kind: "kill-switch.unlock".to_owned(),
            subject: "pc-1".to_owned(),
            data: serde_json::json!({ "reason": reason }),
        }
    }

    #[test]
    fn the_chain_goes_on_after_a_restart_and_after_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let state = NodeState::new(directory.path());
        let key = state.make_keys().unwrap().signing;
        Journal::open(&state).unwrap().record(entry("受付の画面"), &key).unwrap();
        let path = state.path(NAME);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":2,\"at").unwrap();
        Journal::open(&state).unwrap().record(entry("again"), &key).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let records: Vec<_> = text.lines().map(|line| Record::parse(line).unwrap()).collect();
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(records[1].prev, Hash::of(text.lines().next().unwrap().as_bytes()));
    }

    #[test]
    fn what_a_full_disk_left_does_not_spoil_the_next_record() {
        let directory = tempfile::tempdir().unwrap();
        let state = NodeState::new(directory.path());
        let key = state.make_keys().unwrap().signing;
        let mut journal = Journal::open(&state).unwrap();
        journal.record(entry("one"), &key).unwrap();
        let path = state.path(NAME);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":2,\"at").unwrap();
        journal.record(entry("two"), &key).unwrap();
        drop(journal);
        Journal::open(&state).unwrap().record(entry("three"), &key).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let numbers: Vec<_> = text.lines().map(|line| Record::parse(line).unwrap().seq).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn of_a_long_journal_the_end_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let state = NodeState::new(directory.path());
        let key = state.make_keys().unwrap().signing;
        let mut journal = Journal::open(&state).unwrap();
        for _ in 0..8 {
            journal.record(entry(&"x".repeat(60_000)), &key).unwrap();
        }
        drop(journal);
        assert!(state.path(NAME).metadata().unwrap().len() > TAIL);
        Journal::open(&state).unwrap().record(entry("nine"), &key).unwrap();
        let text = std::fs::read_to_string(state.path(NAME)).unwrap();
        assert_eq!(Record::parse(text.lines().last().unwrap()).unwrap().seq, 9);
    }
}
