//! The whole chain, read without changing anything: a removed, last-removed, swapped, replayed or foreign receipt is a fault.

use std::path::{Path, PathBuf};

use hanare_ledger::{Hash, Head, sshsig};
use hanare_model::VerifyKey;
use serde::Serialize;

use super::document::{ChainState, Receipt};
use super::error::ReceiptError;
use super::head::{self, Remembered};
use super::place::{self, Names, Place, Slot};
use super::verify::{Refused, verify};

/// How often a folder is read again because somebody wrote to it meanwhile.
const ATTEMPTS: u32 = 5;

/// A receipt and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its file.
    pub path: PathBuf,
    /// Hash of its bytes.
    pub hash: Hash,
    /// What it says.
    pub receipt: Receipt,
}

/// A chain as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Whose it is.
    pub key: VerifyKey,
    /// Every receipt that is what was signed, oldest first.
    pub entries: Vec<Entry>,
    /// What is wrong; nothing if the chain is whole.
    pub faults: Vec<ChainFault>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum ChainFault {
    /// Receipts are missing.
    #[error("receipts {first} to {last} are missing")]
    Missing {
        /// The first that is missing.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A file that is not the receipt that its name says.
    #[error("{path}: {why}")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: Refused,
    },
    /// A receipt under another one's name: swapped, or a copy.
    #[error("{path} holds another receipt than its name says")]
    Misnamed {
        /// Which file.
        path: PathBuf,
    },
    /// A receipt that does not continue the one before.
    #[error("receipt {counter} does not continue the one before")]
    Link {
        /// Its number.
        counter: u64,
    },
    /// Something in the folder that is not ours.
    #[error("{path} does not belong to the receipts")]
    Strange {
        /// Which file.
        path: PathBuf,
    },
    /// The remembered head is gone, changed or signed by somebody else.
    #[error("the remembered head is missing or was changed")]
    Head,
    /// The remembered head is older than the receipts.
    #[error("the remembered head is older than the receipts")]
    OldHead,
    /// A receipt says that the chain before it was damaged already when it was added.
    #[error("receipt {counter} was added to a damaged chain")]
    Recorded {
        /// Its number.
        counter: u64,
    },
}

impl Listing {
    /// Where the chain ends: an auditor who takes it home can demand that a later chain extends it.
    #[must_use]
    pub fn head(&self) -> Head {
        self.entries
            .last()
            .map_or(Head::GENESIS, |entry| Head { seq: entry.receipt.counter, hash: entry.hash })
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads and checks the receipts of `key` below a state directory. None at all is a whole chain of none.
///
/// # Errors
/// [`ReceiptError::Io`] if something cannot be read.
pub fn list(state: &Path, key: &VerifyKey) -> Result<Listing, ReceiptError> {
    check(&Place::of(state, key), key)
}

/// The chains of other keys below the same state directory: of the machine before it was enrolled, or enrolled anew. Each is
/// checked against the key that lies beside it, whose only witness is the folder itself.
///
/// # Errors
/// As [`list`].
pub fn others(state: &Path, own: Option<&VerifyKey>) -> Result<Vec<Listing>, ReceiptError> {
    let root = place::root(state);
    let mut listings = Vec::new();
    for name in place::chains(&root)? {
        if own.is_some_and(|own| place::short(own) == name) {
            continue;
        }
        let place = Place::named(&root, &name);
        let Some(key) = key_of(&place, &name)? else { continue };
        listings.push(check(&place, &key)?);
    }
    Ok(listings)
}

pub(super) fn key_of(place: &Place, name: &str) -> Result<Option<VerifyKey>, ReceiptError> {
    let Some(bytes) = place::read(&place.key)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    Ok(sshsig::parse_openssh_key(&text).ok().filter(|key| place::short(key) == name))
}

fn check(place: &Place, key: &VerifyKey) -> Result<Listing, ReceiptError> {
    let mut head = head::read(&place.head, key)?;
    for _ in 1..ATTEMPTS {
        let listing = examine(place, key, head)?;
        let now = head::read(&place.head, key)?;
        if now == head {
            return Ok(listing);
        }
        head = now;
    }
    examine(place, key, head)
}

fn examine(place: &Place, key: &VerifyKey, head: Remembered) -> Result<Listing, ReceiptError> {
    let Names { slots, temporary: _, strange } = Names::read(&place.folder)?;
    let mut faults: Vec<ChainFault> = strange.into_iter().map(|path| ChainFault::Strange { path }).collect();
    let nothing = slots.is_empty() && faults.is_empty();
    let next = match head {
        Remembered::Signed(head) => head.seq.checked_add(1),
        Remembered::Absent | Remembered::Damaged => None,
    };
    let mut entries = Vec::new();
    for ((counter, _), slot) in slots {
        // The first thing that a write puts there is the signature: behind the head it is one that was cut off, or that is
        // being made at this moment.
        if slot.receipt.is_none() && Some(counter) == next {
            continue;
        }
        match entry(&slot, key)? {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(links(&entries));
    faults.extend(end(&entries, head, nothing));
    Ok(Listing { key: *key, entries, faults })
}

/// One receipt; nothing where only its signature is left, which the numbers tell.
pub(super) fn entry(slot: &Slot, key: &VerifyKey) -> Result<Result<Option<Entry>, ChainFault>, ReceiptError> {
    let Some(path) = slot.receipt.clone() else { return Ok(Ok(None)) };
    let refused = |path: PathBuf, why| Ok(Err(ChainFault::Refused { path, why }));
    let Some(signature) = &slot.signature else { return refused(path, Refused::Unsigned) };
    let (Some(bytes), Some(armoured)) = (place::read(&path)?, place::read(signature)?) else {
        return Ok(Ok(None));
    };
    match verify(&bytes, &armoured, key) {
        Err(why) => refused(path, why),
        Ok(receipt) if path.file_name().and_then(|name| name.to_str()) == Some(&receipt.file_name()) => {
            Ok(Ok(Some(Entry { path, hash: Hash::of(&bytes), receipt })))
        }
        Ok(_) => Ok(Err(ChainFault::Misnamed { path })),
    }
}

fn links(entries: &[Entry]) -> Vec<ChainFault> {
    let mut faults = Vec::new();
    let mut before = Head::GENESIS;
    for entry in entries {
        let counter = entry.receipt.counter;
        match before.seq.checked_add(1) {
            Some(expected) if expected == counter => {
                if entry.receipt.previous != before.hash {
                    faults.push(ChainFault::Link { counter });
                }
            }
            Some(expected) if expected < counter => {
                faults.push(ChainFault::Missing { first: expected, last: counter - 1 });
            }
            // Two of one number.
            Some(_) | None => faults.push(ChainFault::Link { counter }),
        }
        if entry.receipt.chain == ChainState::Damaged {
            faults.push(ChainFault::Recorded { counter });
        }
        before = Head { seq: counter, hash: entry.hash };
    }
    faults
}

fn end(entries: &[Entry], remembered: Remembered, nothing: bool) -> Option<ChainFault> {
    let head = match remembered {
        Remembered::Signed(head) => head,
        Remembered::Absent if nothing => return None,
        Remembered::Absent | Remembered::Damaged => return Some(ChainFault::Head),
    };
    let last = entries.last().map_or(0, |entry| entry.receipt.counter);
    if last < head.seq {
        return Some(ChainFault::Missing { first: last + 1, last: head.seq });
    }
    let named = entries.iter().find(|entry| entry.receipt.counter == head.seq);
    if named.is_some_and(|entry| entry.hash != head.hash) {
        return Some(ChainFault::Link { counter: head.seq });
    }
    // One more than the head says is a write that was cut off before its last step.
    if last - head.seq > 1 {
        return Some(ChainFault::OldHead);
    }
    None
}
