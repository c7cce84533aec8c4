//! The remembered head: how many receipts there are and the last one's hash, signed, beside the folder that holds them.
//!
//! Without it the last receipt could vanish and the rest would still be a whole chain. An older head put back together with
//! the removal of what came after it is not noticed here: headquarters' copy of the chain, or the head that an auditor took
//! home, tells it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_host::Deed;
use hanare_ledger::{Hash, Head};
use hanare_model::{SigningKey, VerifyKey};
use serde::{Deserialize, Serialize};

use super::error::{ReceiptError, failed};
use super::place;

/// What the signed bytes begin with, so that no other document of the same key can stand in for a head.
const CONTEXT: &[u8] = b"hanare-receipt-head/1\n";
const FORMAT: u32 = 1;

/// What is known of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remembered {
    /// As it was signed.
    Signed(Head),
    /// There is no such file.
    Absent,
    /// Changed, or signed by another key.
    Damaged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    counter: u64,
    hash: Hash,
    signature: String,
}

pub(super) fn read(path: &Path, key: &VerifyKey) -> Result<Remembered, ReceiptError> {
    let Some(bytes) = place::read(path)? else { return Ok(Remembered::Absent) };
    Ok(open(&bytes, key).map_or(Remembered::Damaged, Remembered::Signed))
}

fn open(bytes: &[u8], key: &VerifyKey) -> Option<Head> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    let head = Head { seq: file.counter, hash: file.hash };
    let signature = STANDARD.decode(&file.signature).ok()?;
    key.verify(&signed_bytes(head), &signature).ok()?;
    // One spelling only.
    let canonical = serde_json::to_vec(&file).ok()?;
    (file.format == FORMAT && canonical == bytes).then_some(head)
}

pub(super) fn write(
    disk: &dyn place::Disk,
    path: &Path,
    head: Head,
    key: &SigningKey,
) -> Result<(), ReceiptError> {
    let signature = STANDARD.encode(key.sign(&signed_bytes(head)));
    let file = File { format: FORMAT, counter: head.seq, hash: head.hash, signature };
    let bytes = serde_json::to_vec(&file).map_err(ReceiptError::Document)?;
    disk.put(path, &bytes).map_err(failed(Deed::Write, path))
}

fn signed_bytes(head: Head) -> Vec<u8> {
    let mut bytes = CONTEXT.to_vec();
    bytes.extend_from_slice(format!("{}\n{}\n", head.seq, head.hash).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_holds_only_as_it_was_signed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.head");
        let key = SigningKey::from_seed([1; 32]);
        assert_eq!(read(&path, &key.verify_key()).unwrap(), Remembered::Absent);
        let head = Head { seq: 3, hash: Hash::of(b"kofu") };
        write(&place::Real::default(), &path, head, &key).unwrap();
        assert_eq!(read(&path, &key.verify_key()).unwrap(), Remembered::Signed(head));
        let stranger = SigningKey::from_seed([2; 32]).verify_key();
        assert_eq!(read(&path, &stranger).unwrap(), Remembered::Damaged);
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&changed, &key.verify_key()), None, "bit {bit}");
        }
    }
}
