//! Whole folders of receipts: what a crash leaves, and what an employee does to them.

use std::fs;

use hanare_model::Timestamp;

use super::*;
use crate::boot::BootId;
use crate::outcome::{Method, Outcome, Verdict, Verified};

mod attacks;
mod crashes;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn ending(id: u8) -> Ending {
    let outcome = Outcome {
        verdict: Verdict::Pass,
        files: 3,
        bytes: 4096,
        seconds: 0.25,
        skipped: Vec::new(),
        method: Method::Clear,
        lost: 0,
        volume: None,
        verified: Verified { reread_bytes: 4096, remnants: 0, sampled: false },
        sealed: 0,
        absent: 0,
    };
    Ending {
        id: WipeId::from_bytes([id; 16]),
        started: Timestamp::from_seconds(1_795_230_245),
        at: Timestamp::from_seconds(1_795_230_246),
        boot_id: BootId::from_bytes([9; 16]),
        cause: Cause::EndOfDay,
        interruptions: 0,
        outcome,
        volume: None,
        policy: None,
        media: Vec::new(),
    }
}

/// A state directory with this many receipts, and their files.
fn written(count: u8) -> (tempfile::TempDir, Vec<PathBuf>) {
    let state = tempfile::tempdir().unwrap();
    let receipts = Receipts::open(state.path(), key(1)).unwrap();
    let paths = (1..=count).map(|id| receipts.write(&ending(id)).unwrap()).collect();
    (state, paths)
}

#[test]
fn others_read_of_a_receipt_what_it_says() {
    let (_state, paths) = written(2);
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let (document, signature) = (read(&paths[1]), read(&signature_path(&paths[1])));
    let own = verify(document.as_bytes(), signature.as_bytes(), &key(1).verify_key()).unwrap();
    let told =
        hanare_ledger::receipt::extract(document.as_bytes(), &signature, &key(1).verify_key()).unwrap();
    assert_eq!((told.counter, told.previous, told.at), (own.counter, own.previous, own.at));
    assert_eq!((told.id, told.boot_id), (own.id.to_string(), own.boot_id.to_string()));
    assert_eq!((told.cause.as_str(), told.volume_kind), ("end-of-day", None));
    assert_eq!(told.outcome.verdict, hanare_ledger::receipt::Verdict::Pass);
}

fn faults(state: &Path) -> Vec<ChainFault> {
    list(state, &key(1).verify_key()).unwrap().faults
}

fn remove_pair(receipt: &Path) {
    fs::remove_file(receipt).unwrap();
    fs::remove_file(signature_path(receipt)).unwrap();
}

#[test]
fn a_chain_is_listed_oldest_first_and_is_whole() {
    let (state, paths) = written(3);
    let listing = list(state.path(), &key(1).verify_key()).unwrap();
    assert_eq!(listing.faults, []);
    assert_eq!(listing.entries.iter().map(|entry| entry.path.clone()).collect::<Vec<_>>(), paths);
    assert_eq!(listing.head().seq, 3);
    assert_eq!(listing.entries[0].receipt.previous, Hash::GENESIS);
    assert!(listing.entries.iter().all(|entry| entry.receipt.chain == ChainState::Intact));
    assert_eq!(list(state.path(), &key(2).verify_key()).unwrap().entries, []);
}

#[test]
fn one_wipe_has_one_receipt() {
    let (state, paths) = written(2);
    let receipts = Receipts::open(state.path(), key(1)).unwrap();
    let again = Ending { cause: Cause::Command, ..ending(1) };
    assert_eq!(receipts.write(&again).unwrap(), paths[0]);
    assert_eq!(list(state.path(), &key(1).verify_key()).unwrap().entries.len(), 2);
}

#[test]
fn a_wipe_that_was_recorded_before_the_machine_was_enrolled_keeps_that_receipt() {
    let (state, paths) = written(2);
    // Whoever wrote it died before the wipe was forgotten, and the machine has another key by now.
    let enrolled = Receipts::open(state.path(), key(2)).unwrap();
    assert_eq!(enrolled.write(&ending(2)).unwrap(), paths[1]);
    assert_eq!(list(state.path(), &key(2).verify_key()).unwrap().entries, []);
    assert_ne!(enrolled.write(&ending(3)).unwrap(), paths[1]);
}

#[test]
fn two_processes_that_finish_the_same_wipe_write_one_receipt() {
    let state = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let state = state.path().to_owned();
            std::thread::spawn(move || {
                // Each its own opening: as separate processes they share only the lock.
                Receipts::open(&state, key(1)).unwrap().write(&ending(1 + number % 2)).unwrap()
            })
        })
        .collect();
    let mut paths: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 2);
    assert_eq!(faults(state.path()), []);
}

#[test]
fn every_changed_bit_is_refused() {
    let (_state, paths) = written(1);
    let bytes = fs::read(&paths[0]).unwrap();
    let signature = fs::read(signature_path(&paths[0])).unwrap();
    let key = key(1).verify_key();
    verify(&bytes, &signature, &key).unwrap();
    let flipped = |whole: &[u8], bit: usize| {
        let mut changed = whole.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    };
    for bit in 0..bytes.len() * 8 {
        assert!(verify(&flipped(&bytes, bit), &signature, &key).is_err(), "receipt, bit {bit}");
    }
    for bit in 0..signature.len() * 8 {
        assert!(verify(&bytes, &flipped(&signature, bit), &key).is_err(), "signature, bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(verify(&bytes[..length], &signature, &key).is_err(), "cut at {length}");
    }
    for length in 0..signature.len() {
        assert!(verify(&bytes, &signature[..length], &key).is_err(), "signature cut at {length}");
    }
    let longer = [bytes.as_slice(), b"\n"].concat();
    assert_eq!(verify(&longer, &signature, &key), Err(Refused::Changed));
}

#[test]
fn what_is_signed_but_no_receipt_is_refused() {
    let sign = |bytes: &[u8], namespace| {
        sshsig::sign(&sshsig::Digest::of(bytes), sshsig::Namespace::new(namespace), &key(1))
    };
    let verify_key = key(1).verify_key();
    let other = b"{\"schema\":\"hanare.ledger/1\"}";
    assert_eq!(verify(other, sign(other, "hanare-receipt").as_bytes(), &verify_key), Err(Refused::Content));
    let (_state, paths) = written(1);
    let bytes = fs::read(&paths[0]).unwrap();
    assert_eq!(verify(&bytes, sign(&bytes, "hanare-ledger").as_bytes(), &verify_key), Err(Refused::Form));
    let signature = fs::read(signature_path(&paths[0])).unwrap();
    assert_eq!(verify(&bytes, &signature, &key(2).verify_key()), Err(Refused::Signer));
    // A receipt that names another machine's key than its signer's.
    let text = String::from_utf8(bytes).unwrap();
    let own = sshsig::openssh_key(&key(1).verify_key(), "");
    let foreign = text.replace(&own, &sshsig::openssh_key(&key(2).verify_key(), ""));
    assert_ne!(foreign, text);
    let signature = sign(foreign.as_bytes(), "hanare-receipt");
    assert_eq!(verify(foreign.as_bytes(), signature.as_bytes(), &verify_key), Err(Refused::Content));
}
