//! Appending: an entry takes its place behind the head and is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::SigningKey;

use crate::record::{Entry, EntryError, Hash, Head, MAX_LINE, Record, sorted};

/// A chain that is being written: remembers its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    head: Head,
}

impl Chain {
    /// Goes on after `head`, as the store remembers it.
    #[must_use]
    pub const fn after(head: Head) -> Self {
        Self { head }
    }

    /// Where the chain ends now.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Signs `entry` as the next record and moves the head.
    ///
    /// # Errors
    /// As [`append`]; the head then stays where it is.
    pub fn append(&mut self, entry: Entry, key: &SigningKey) -> Result<Appended, EntryError> {
        let appended = append(self.head, entry, key)?;
        self.head = appended.head;
        Ok(appended)
    }
}

/// A new record, its line and the head it makes: the store keeps all three in one transaction with what the record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The record.
    pub record: Record,
    /// The line that stands for it, without the newline.
    pub line: String,
    /// The chain's new head.
    pub head: Head,
}

/// Signs `entry` as the record after `head`.
///
/// # Errors
/// [`EntryError`] for data without one spelling or too much of it.
pub fn append(head: Head, entry: Entry, key: &SigningKey) -> Result<Appended, EntryError> {
    let Entry { at, actor, kind, subject, data } = entry;
    let data = sorted(&data).ok_or_else(|| EntryError::Fraction { kind: kind.clone() })?;
    let seq = head.seq.checked_add(1).ok_or(EntryError::Exhausted)?;
    let mut record =
        Record { seq, at, actor, kind, subject, data, prev: head.hash, signature: String::new() };
    let unwritable = |record: &Record| EntryError::TooLong { kind: record.kind.clone(), length: usize::MAX };
    let signed = record.signed_bytes().map_err(|_| unwritable(&record))?;
    record.signature = STANDARD.encode(key.sign(&signed));
    let line = record.line().map_err(|_| unwritable(&record))?;
    if line.len() > MAX_LINE {
        return Err(EntryError::TooLong { kind: record.kind, length: line.len() });
    }
    let head = Head { seq, hash: Hash::of(line.as_bytes()) };
    Ok(Appended { record, line, head })
}
