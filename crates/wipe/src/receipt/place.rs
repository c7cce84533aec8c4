//! Where receipts lie, and how files are put there: whole or not at all, in an order that a crash cannot turn around.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files};
use hanare_model::VerifyKey;
use ring::digest;

use super::WipeId;
use super::error::{ReceiptError, failed};
use super::verify::MAX_LEN;
use crate::records;

/// Digits of a key's hash that name its chain.
const SHORT: usize = 16;

/// The two changes that are ever made: in tests one of them is the last before the power goes.
pub(super) trait Disk: Send + Sync {
    /// Puts a file there as a whole, durable when this returns.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file durably.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The machine's own.
#[derive(Debug, Default)]
pub(super) struct Real {
    pub(super) state: PathBuf,
}

impl Disk for Real {
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        records::write(&self.state, path, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        files::remove(path).map(|_| ())
    }
}

/// One machine key's receipts below a state directory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder of the receipts.
    pub(super) folder: PathBuf,
    /// The remembered head, outside of that folder so that it outlives it.
    pub(super) head: PathBuf,
    /// The public key, as OpenSSH writes it, for `ssh-keygen` and for `--key`.
    pub(super) key: PathBuf,
}

/// The folder that holds all of this state directory's receipts.
pub(super) fn root(state: &Path) -> PathBuf {
    state.join("wipe").join("receipts")
}

impl Place {
    /// Where the receipts of `key` are: a chain belongs to one key, so a machine that enrols anew begins a new one.
    pub(super) fn of(state: &Path, key: &VerifyKey) -> Self {
        Self::named(&root(state), &short(key))
    }

    pub(super) fn named(root: &Path, name: &str) -> Self {
        let with = |extension: &str| root.join(format!("{name}.{extension}"));
        Self { folder: root.join(name), head: with("head"), key: with("pub") }
    }
}

/// The names of the chains in the folder of all, by any of their three files.
pub(super) fn chains(root: &Path) -> Result<BTreeSet<String>, ReceiptError> {
    let mut names = BTreeSet::new();
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(failed(Deed::Read, root)(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed(Deed::Read, root))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let base = name.strip_suffix(".head").or_else(|| name.strip_suffix(".pub")).unwrap_or(name);
        if base.len() == SHORT && base.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            names.insert(base.to_owned());
        }
    }
    Ok(names)
}

/// The first 16 hexadecimal digits of the key's SHA-256.
pub(super) fn short(key: &VerifyKey) -> String {
    let mut digits = hex::encode(digest::digest(&digest::SHA256, key.as_bytes()));
    digits.truncate(SHORT);
    digits
}

/// What lies in a folder of receipts, by name only.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Receipts and signatures by what their names say.
    pub(super) slots: BTreeMap<(u64, WipeId), Slot>,
    /// Left over by a write that was cut off.
    pub(super) temporary: Vec<PathBuf>,
    /// Nothing of ours.
    pub(super) strange: Vec<PathBuf>,
}

/// The two files of a receipt.
#[derive(Debug, Default, Clone)]
pub(super) struct Slot {
    /// The receipt.
    pub(super) receipt: Option<PathBuf>,
    /// Its signature.
    pub(super) signature: Option<PathBuf>,
}

impl Names {
    /// Reads a folder; one that is not there holds nothing.
    pub(super) fn read(folder: &Path) -> Result<Self, ReceiptError> {
        let mut names = Self::default();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(failed(Deed::Read, folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed(Deed::Read, folder))?.path();
            names.take(path);
        }
        names.temporary.sort();
        names.strange.sort();
        Ok(names)
    }

    fn take(&mut self, path: PathBuf) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_temporary(name) {
            self.temporary.push(path);
            return;
        }
        let (base, is_signature) = match name.strip_suffix(".sig") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let Some(slot) = parse(base) else {
            self.strange.push(path);
            return;
        };
        let files = self.slots.entry(slot).or_default();
        let place = if is_signature { &mut files.signature } else { &mut files.receipt };
        *place = Some(path);
    }
}

/// `00000001-ID.json`, and nothing that only resembles it.
fn parse(name: &str) -> Option<(u64, WipeId)> {
    let (counter, id) = name.strip_suffix(".json")?.split_once('-')?;
    let (counter, id): (u64, WipeId) = (counter.parse().ok()?, id.parse().ok()?);
    (format!("{counter:08}-{id}.json") == name).then_some((counter, id))
}

/// As [`files::write_atomic`] names what it has not finished: `NAME.PID.new`.
fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".new").and_then(|rest| rest.rsplit_once('.')).is_some_and(|(base, pid)| {
        pid.parse::<u32>().is_ok() && parse(base.strip_suffix(".sig").unwrap_or(base)).is_some()
    })
}

/// Reads a file up to one byte more than the longest receipt, so that a longer one is never taken for a whole one; `None`
/// if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, ReceiptError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(Deed::Open, path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_LEN.saturating_add(1)).read_to_end(&mut bytes).map_err(failed(Deed::Read, path))?;
    Ok(Some(bytes))
}
