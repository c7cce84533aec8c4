//! Receipts: what came of each wipe, signed by the machine, chained, checked by anybody with `ssh-keygen -Y verify`.
//!
//! A receipt is one JSON file of exactly the signed bytes with its signature (SSHSIG) beside it, in
//! `STATE/wipe/receipts/KEY/NUMBER-WIPE.json`. Each holds the hash of the one before; the head is remembered beside the folder.
//!
//! Order of a write: signature, receipt, head; each durable before the next. A crash therefore leaves nothing (a signature
//! without receipt is removed at the next opening) or a complete pair (the head is brought up to it). A receipt without
//! signature, or a gap below the head, is never the work of a crash: it is never mended, a later receipt says so.

mod chain;
mod document;
mod ending;
mod error;
mod head;
mod id;
mod place;
mod signer;
mod verify;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files};
use hanare_ledger::{Hash, Head, sshsig};
use hanare_model::{SigningKey, VerifyKey};

use crate::outcome::Outcome;

pub use chain::{ChainFault, Entry, Listing, list, others};
pub use document::{Certificate, ChainState, Machine, Receipt, Verification};
pub use ending::{Cause, Ending, Medium, MediumKind, PolicyRef};
pub use error::ReceiptError;
pub use hanare_ledger::signed::signature_path;
pub use id::{NotAWipeId, WipeId};
pub use signer::{make_standalone_key, standalone_key};
pub use verify::{MAX_LEN, NAMESPACE, Refused, open, verify};

use error::failed;
use head::Remembered;
use place::{Disk, Names, Place, Slot};

/// How often a lock is asked for that another process holds; each time waits two seconds. A disk that is busy with what a
/// wipe has written can take that long for one receipt.
const PATIENCE: u32 = 15;

/// One machine's receipts, to be added to.
pub struct Receipts {
    root: PathBuf,
    place: Place,
    key: SigningKey,
    machine: Machine,
    disk: Box<dyn Disk>,
}

/// What a new receipt goes on from.
struct Found {
    head: Head,
    state: ChainState,
    names: Names,
}

impl Receipts {
    /// Opens the receipts of `key` below a state directory, made if they are not there, and settles what a crash left.
    ///
    /// # Errors
    /// [`ReceiptError`] if files cannot be read or written, or another process holds them for half a minute.
    pub fn open(state: &Path, key: SigningKey) -> Result<Self, ReceiptError> {
        Self::open_on(Box::new(place::Real { state: state.to_owned() }), state, key)
    }

    fn open_on(disk: Box<dyn Disk>, state: &Path, key: SigningKey) -> Result<Self, ReceiptError> {
        let place = Place::of(state, &key.verify_key());
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let machine = Machine { key: sshsig::openssh_key(&key.verify_key(), &name), name };
        let receipts = Self { root: place::root(state), place, key, machine, disk };
        files::create_private_directory(&receipts.place.folder)
            .map_err(failed(Deed::Create, &receipts.place.folder))?;
        let _held = receipts.lock()?;
        receipts.settle()?;
        if place::read(&receipts.place.key)?.is_none() {
            let line = format!("{}\n", receipts.machine.key);
            let path = &receipts.place.key;
            receipts.disk.put(path, line.as_bytes()).map_err(failed(Deed::Write, path))?;
        }
        Ok(receipts)
    }

    /// The key that checks what is written here.
    #[must_use]
    pub fn verify_key(&self) -> VerifyKey {
        self.key.verify_key()
    }

    /// Writes the receipt of a wipe and returns its file. A wipe that has one already keeps that one, whatever `ending` says
    /// now: there is one receipt per wipe.
    ///
    /// # Errors
    /// [`ReceiptError`]; the next [`Receipts::open`] settles what was half done.
    pub fn write(&self, ending: &Ending) -> Result<PathBuf, ReceiptError> {
        let _held = self.lock()?;
        let found = self.settle()?;
        if let Some(entry) = self.entry(ending.id, &found)? {
            return Ok(entry.path);
        }
        let receipt = Receipt::after(found.head, found.state, ending, &self.machine);
        let bytes = receipt.bytes()?;
        let path = self.place.folder.join(receipt.file_name());
        let signature = sshsig::sign(&sshsig::Digest::of(&bytes), NAMESPACE, &self.key);
        let signature_path = signature_path(&path);
        self.disk.put(&signature_path, signature.as_bytes()).map_err(failed(Deed::Write, &signature_path))?;
        self.disk.put(&path, &bytes).map_err(failed(Deed::Write, &path))?;
        let head = Head { seq: receipt.counter, hash: Hash::of(&bytes) };
        head::write(self.disk.as_ref(), &self.place.head, head, &self.key)?;
        Ok(path)
    }

    /// The receipt that a wipe has already: its file, and what came of it.
    ///
    /// # Errors
    /// As [`Receipts::write`].
    pub(crate) fn written(&self, id: WipeId) -> Result<Option<(PathBuf, Outcome)>, ReceiptError> {
        let _held = self.lock()?;
        let found = self.settle()?;
        Ok(self.entry(id, &found)?.map(|entry| (entry.path, entry.receipt.outcome)))
    }

    fn entry(&self, id: WipeId, found: &Found) -> Result<Option<Entry>, ReceiptError> {
        match Self::of_wipe(id, &found.names, &self.verify_key())? {
            None => self.of_wipe_elsewhere(id),
            found => Ok(found),
        }
    }

    fn lock(&self) -> Result<File, ReceiptError> {
        for _ in 0..PATIENCE {
            match files::lock(&self.root, "lock") {
                Ok(held) => return Ok(held),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(Deed::Lock, &self.root)(error)),
            }
        }
        Err(ReceiptError::Held { path: self.root.clone() })
    }

    /// The receipt that a wipe has in a chain.
    fn of_wipe(id: WipeId, names: &Names, key: &VerifyKey) -> Result<Option<Entry>, ReceiptError> {
        for ((_, wipe), slot) in &names.slots {
            if *wipe != id {
                continue;
            }
            if let Ok(Some(entry)) = chain::entry(slot, key)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The receipt that it has in the chain of another key: of this machine before it was enrolled, when whoever wrote it
    /// died before it could say so.
    fn of_wipe_elsewhere(&self, id: WipeId) -> Result<Option<Entry>, ReceiptError> {
        let own = place::short(&self.verify_key());
        for name in place::chains(&self.root)?.into_iter().filter(|name| *name != own) {
            let place = Place::named(&self.root, &name);
            let Some(key) = chain::key_of(&place, &name)? else { continue };
            if let Some(entry) = Self::of_wipe(id, &Names::read(&place.folder)?, &key)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Finishes or takes back what a crash left, and says where the chain goes on. Only while the lock is held.
    fn settle(&self) -> Result<Found, ReceiptError> {
        let mut names = Names::read(&self.place.folder)?;
        for path in std::mem::take(&mut names.temporary) {
            self.disk.remove(&path).map_err(failed(Deed::Remove, &path))?;
        }
        let key = self.verify_key();
        let remembered = match head::read(&self.place.head, &key)? {
            Remembered::Signed(head) => head,
            Remembered::Absent if names.slots.is_empty() && names.strange.is_empty() => {
                head::write(self.disk.as_ref(), &self.place.head, Head::GENESIS, &self.key)?;
                Head::GENESIS
            }
            Remembered::Absent | Remembered::Damaged => {
                let head = self.last_good(&names)?;
                return Ok(Found { head, state: ChainState::Damaged, names });
            }
        };
        let mut state = if names.strange.is_empty() && Self::complete_to(remembered, &names)? {
            ChainState::Intact
        } else {
            ChainState::Damaged
        };
        let head = self.catch_up(remembered, &mut names)?;
        if head.seq.saturating_sub(remembered.seq) > 1 || names.slots.keys().any(|(n, _)| *n > head.seq) {
            state = ChainState::Damaged;
        }
        Ok(Found { head, state, names })
    }

    /// Whether each number up to the head has one complete pair, and the head is the last one's hash. What is inside the
    /// older ones is for [`list`] to check: a wipe at shutdown has no time to read years.
    fn complete_to(head: Head, names: &Names) -> Result<bool, ReceiptError> {
        let mut next = 1;
        let mut last: Option<&Slot> = None;
        for ((counter, _), slot) in names.slots.iter().take_while(|((counter, _), _)| *counter <= head.seq) {
            if *counter != next || slot.receipt.is_none() || slot.signature.is_none() {
                return Ok(false);
            }
            next += 1;
            last = Some(slot);
        }
        if next != head.seq.saturating_add(1) {
            return Ok(false);
        }
        let Some(path) = last.and_then(|slot| slot.receipt.as_ref()) else { return Ok(true) };
        Ok(place::read(path)?.is_some_and(|bytes| Hash::of(&bytes) == head.hash))
    }

    /// Brings the head up to what was written behind it, and removes a signature whose receipt was never written.
    fn catch_up(&self, from: Head, names: &mut Names) -> Result<Head, ReceiptError> {
        let mut head = from;
        loop {
            let next = head.seq.saturating_add(1);
            let behind: Vec<(u64, WipeId)> =
                names.slots.keys().copied().filter(|(n, _)| *n == next).collect();
            let mut moved = None;
            for slot_name in behind {
                let Some(slot) = names.slots.get(&slot_name) else { continue };
                if let (None, Some(path)) = (&slot.receipt, &slot.signature) {
                    self.disk.remove(path).map_err(failed(Deed::Remove, path))?;
                    names.slots.remove(&slot_name);
                } else if let Ok(Some(entry)) = chain::entry(slot, &self.verify_key())?
                    && entry.receipt.previous == head.hash
                {
                    moved = Some(Head { seq: next, hash: entry.hash });
                }
            }
            let Some(to) = moved else { break };
            head = to;
        }
        if head != from {
            head::write(self.disk.as_ref(), &self.place.head, head, &self.key)?;
        }
        Ok(head)
    }

    /// The highest receipt that is what was signed, where no head says which one is the last.
    fn last_good(&self, names: &Names) -> Result<Head, ReceiptError> {
        for slot in names.slots.values().rev() {
            if let Ok(Some(entry)) = chain::entry(slot, &self.verify_key())? {
                return Ok(Head { seq: entry.receipt.counter, hash: entry.hash });
            }
        }
        Ok(Head::GENESIS)
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipts").field("folder", &self.place.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
