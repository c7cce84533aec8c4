//! What somebody with access to the folder does to it, and that it is noticed.

use super::*;

fn head_path(state: &Path) -> PathBuf {
    Place::of(state, &key(1).verify_key()).head
}

fn swap(one: &Path, other: &Path) {
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, second).unwrap();
    fs::write(other, first).unwrap();
}

#[test]
fn every_removed_receipt_is_missed_also_the_last() {
    for gone in 0..3 {
        let (state, paths) = written(3);
        remove_pair(&paths[gone]);
        let number = gone as u64 + 1;
        let missing = ChainFault::Missing { first: number, last: number };
        assert!(faults(state.path()).contains(&missing), "{gone}: {:?}", faults(state.path()));
    }
    let (state, paths) = written(3);
    for path in &paths {
        remove_pair(path);
    }
    assert_eq!(faults(state.path()), [ChainFault::Missing { first: 1, last: 3 }]);
}

#[test]
fn half_of_a_pair_is_not_enough() {
    for half in 0..3 {
        let (state, paths) = written(3);
        fs::remove_file(signature_path(&paths[half])).unwrap();
        let refused = ChainFault::Refused { path: paths[half].clone(), why: Refused::Unsigned };
        assert!(faults(state.path()).contains(&refused), "{half}");
        let (state, paths) = written(3);
        fs::remove_file(&paths[half]).unwrap();
        let number = half as u64 + 1;
        assert!(faults(state.path()).contains(&ChainFault::Missing { first: number, last: number }));
    }
}

#[test]
fn swapped_receipts_are_noticed_whatever_is_swapped() {
    let (state, paths) = written(3);
    swap(&paths[0], &paths[2]);
    assert_ne!(faults(state.path()), []);
    swap(&signature_path(&paths[0]), &signature_path(&paths[2]));
    assert!(faults(state.path()).contains(&ChainFault::Misnamed { path: paths[0].clone() }));
    swap(&paths[0], &paths[2]);
    assert_ne!(faults(state.path()), []);
    swap(&signature_path(&paths[0]), &signature_path(&paths[2]));
    assert_eq!(faults(state.path()), []);
}

#[test]
fn a_receipt_under_another_number_is_noticed() {
    let (state, paths) = written(2);
    let copy = paths[1].with_file_name(paths[1].file_name().unwrap().to_str().unwrap().replacen('2', "3", 1));
    fs::copy(&paths[1], &copy).unwrap();
    fs::copy(signature_path(&paths[1]), signature_path(&copy)).unwrap();
    assert_eq!(faults(state.path()), [ChainFault::Misnamed { path: copy }]);
}

#[test]
fn another_machines_receipt_is_noticed() {
    let (state, paths) = written(2);
    let other = tempfile::tempdir().unwrap();
    let receipts = Receipts::open(other.path(), key(2)).unwrap();
    receipts.write(&ending(1)).unwrap();
    let foreign = receipts.write(&ending(2)).unwrap();
    assert_eq!(foreign.file_name(), paths[1].file_name());
    fs::copy(&foreign, &paths[1]).unwrap();
    fs::copy(signature_path(&foreign), signature_path(&paths[1])).unwrap();
    let refused = ChainFault::Refused { path: paths[1].clone(), why: Refused::Signer };
    assert!(faults(state.path()).contains(&refused));
}

#[test]
fn an_earlier_receipt_of_the_same_machine_in_a_later_ones_place_is_noticed() {
    // The same machine wrote both, in two states of its disk: an image was put back.
    let (before, old) = written(2);
    let state = tempfile::tempdir().unwrap();
    let receipts = Receipts::open(state.path(), key(1)).unwrap();
    receipts.write(&ending(7)).unwrap();
    let path = receipts.write(&ending(2)).unwrap();
    assert_eq!(faults(state.path()), []);
    fs::copy(&old[1], &path).unwrap();
    fs::copy(signature_path(&old[1]), signature_path(&path)).unwrap();
    assert_eq!(faults(state.path()), [ChainFault::Link { counter: 2 }, ChainFault::Link { counter: 2 }]);
    drop(before);
}

#[test]
fn a_removed_or_foreign_head_is_noticed() {
    let (state, _) = written(2);
    fs::remove_file(head_path(state.path())).unwrap();
    assert_eq!(faults(state.path()), [ChainFault::Head]);
    let other = tempfile::tempdir().unwrap();
    Receipts::open(other.path(), key(2)).unwrap().write(&ending(1)).unwrap();
    let foreign = Place::of(other.path(), &key(2).verify_key()).head;
    fs::copy(foreign, head_path(state.path())).unwrap();
    assert_eq!(faults(state.path()), [ChainFault::Head]);
}

#[test]
fn an_older_head_hides_nothing_that_is_still_there() {
    let (state, _) = written(1);
    let old = fs::read(head_path(state.path())).unwrap();
    let receipts = Receipts::open(state.path(), key(1)).unwrap();
    let paths: Vec<_> = (2..=4).map(|id| receipts.write(&ending(id)).unwrap()).collect();
    fs::write(head_path(state.path()), old).unwrap();
    assert_eq!(faults(state.path()), [ChainFault::OldHead]);
    remove_pair(&paths[1]);
    assert!(faults(state.path()).contains(&ChainFault::Missing { first: 3, last: 3 }));
}

#[test]
fn what_is_not_ours_is_noticed() {
    let (state, paths) = written(1);
    let strange = paths[0].with_file_name("00000002-kofu.json");
    fs::write(&strange, "{}").unwrap();
    assert_eq!(faults(state.path()), [ChainFault::Strange { path: strange }]);
}

#[test]
fn a_wipe_is_recorded_also_behind_a_damaged_chain_and_the_damage_stays_on_record() {
    type Damage = fn(&Path, &[PathBuf]);
    let damages: [Damage; 6] = [
        |_, paths| remove_pair(&paths[2]),
        |_, paths| remove_pair(&paths[0]),
        |state, _| fs::remove_file(head_path(state)).unwrap(),
        |state, _| fs::write(head_path(state), "{}").unwrap(),
        |_, paths| fs::write(&paths[2], "{}").unwrap(),
        |_, paths| fs::write(paths[0].with_file_name("notes.txt"), "").unwrap(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (state, paths) = written(3);
        damage(state.path(), &paths);
        let receipts = Receipts::open(state.path(), key(1)).unwrap();
        assert_ne!(faults(state.path()), [], "{number}: opening mends nothing");
        let path = receipts.write(&ending(9)).unwrap();
        let listing = list(state.path(), &key(1).verify_key()).unwrap();
        let last = listing.entries.last().unwrap();
        assert_eq!((&last.path, last.receipt.chain), (&path, ChainState::Damaged), "{number}");
        let next = receipts.write(&ending(10)).unwrap();
        assert!(next.exists());
        let counter = last.receipt.counter;
        assert!(faults(state.path()).contains(&ChainFault::Recorded { counter }), "{number}");
    }
}

#[test]
fn the_chains_of_other_keys_are_shown_apart() {
    let (state, _) = written(1);
    let receipts = Receipts::open(state.path(), key(2)).unwrap();
    receipts.write(&ending(5)).unwrap();
    let others = others(state.path(), Some(&key(2).verify_key())).unwrap();
    assert_eq!(others.len(), 1);
    assert_eq!((others[0].key, others[0].entries.len()), (key(1).verify_key(), 1));
    assert!(others[0].is_whole() && faults(state.path()).is_empty());
}
