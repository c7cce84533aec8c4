//! Evenings that go wrong in ways that nobody attacks with: a disk that is full with the wipe's own records on it, a second
//! shutdown while the first one is at it, a clock that jumps.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use std::path::Path;
use std::time::Duration;

use hanare_lab::Shifted;
use hanare_wipe_tests::{Found, Mounted, Planter, Result, told};

use crate::by_policy::Office;
use crate::world::{PASS, PLACE, inside, swap_stays, verdict};

/// Takes the last block.
fn fill(mounted: &Mounted) -> Result<()> {
    let (full, mut chunk, mut at) = (File::create(mounted.join("full"))?, 1 << 20, 0);
    while chunk > 0 {
        match full.write_at(&vec![1; chunk], at) {
            Ok(written) if written > 0 => at += u64::try_from(written)?,
            Ok(_) | Err(_) => chunk /= 2,
        }
    }
    Ok(full.sync_all()?)
}

/// Takes the last inode.
fn crowd(mounted: &Mounted) -> Result<()> {
    let folder = mounted.join("crowd");
    fs::create_dir(&folder)?;
    let mut number = 0;
    while fs::write(folder.join(number.to_string()), "").is_ok() {
        number += 1;
    }
    assert!(number > 10);
    Ok(())
}

fn the_day_ends(exhaust: impl Fn(&Mounted) -> Result<()>) -> Result<()> {
    let _swap = swap_stays()?;
    let office = Office::new("\"ram\"", "")?;
    office.create()?;
    office.open()?;
    fs::write(office.volume.join("file"), "work")?;
    Planter::new(office.seed).plant(&office.tree, 200, 10)?;
    exhaust(&office.mounted)?;
    let told = office.end()?;
    assert_eq!(told.document.pointer("/volume/key_destroyed"), Some(&true.into()), "{}", told.text);
    assert!(matches!(told.status, Some(0 | 7)), "{}", told.text);
    assert!(!office.tree.exists(), "{}", told.text);
    assert_eq!((office.state()?.as_str(), office.receipts()?), ("locked", 1));
    assert_eq!(office.remnants()?, Found::new());
    Ok(())
}

#[test]
fn a_disk_100_percent_full_with_the_records_on_it() {
    inside("bad_evenings::a_disk_100_percent_full_with_the_records_on_it", || the_day_ends(fill));
}

#[test]
fn no_inodes_left_for_the_records() {
    inside("bad_evenings::no_inodes_left_for_the_records", || the_day_ends(crowd));
}

/// What a second shutdown, or a second one who ends the day, finds is that somebody is at it.
#[test]
fn a_second_shutdown_during_a_wipe() {
    inside("bad_evenings::a_second_shutdown_during_a_wipe", || {
        let _swap = swap_stays()?;
        let office = Office::new("\"ram\"", "")?;
        office.create()?;
        let marks = Path::new("/run/hanare/wipe");
        let is_ending = || {
            let names = fs::read_dir(marks).into_iter().flatten().flatten();
            names
                .map(|entry| entry.path())
                .any(|path| path.extension().is_some_and(|ending| ending == "ending"))
        };
        let is_erasing = || office.machine.state().join("wipe/pending.json").exists();
        let phases: [(&str, &dyn Fn() -> bool, i32); 2] =
            [("umount2", &is_ending, 4), ("syncfs", &is_erasing, 6)];
        for (evening, (slow, has_begun, status)) in phases.into_iter().enumerate() {
            office.open()?;
            fs::write(office.volume.join("file"), "work")?;
            fs::create_dir_all(&office.tree)?;
            Planter::new(office.seed).plant(&office.tree, 100, 5)?;
            let first = office.machine.delayed_at(slow, 4000, &office.arguments())?;
            hanare_lab::until("the first one", Duration::from_secs(20), has_begun)?;
            let second = office.end()?;
            assert_eq!(second.status, Some(status), "{slow}: {}", second.text);
            let first = told(first)?;
            assert_eq!(verdict(&first), PASS, "{slow}: {}", first.text);
            assert_eq!((office.tree.exists(), office.receipts()?), (false, evening + 1));
        }
        assert_eq!(office.remnants()?, Found::new());
        Ok(())
    });
}

/// Days by the clock between opening and end, and between an end that was interrupted and its resume.
#[test]
fn a_clock_set_back_or_forward() {
    inside("bad_evenings::a_clock_set_back_or_forward", || {
        let _swap = swap_stays()?;
        let (office, clock) = (Office::new("\"ram\"", "")?, Shifted::build_in(Path::new(PLACE))?);
        office.create()?;
        let mut receipts = 0;
        for days in [0, -400, 400, -1] {
            office.open()?;
            fs::write(office.volume.join("file"), "work")?;
            fs::create_dir_all(&office.tree)?;
            Planter::new(office.seed).plant(&office.tree, 50, 2)?;
            let told = office.machine.run_at(&clock, days, &office.arguments())?;
            assert_eq!(verdict(&told), PASS, "{days}: {}", told.text);
            assert!(
                told.document["seconds"].as_f64().is_some_and(|seconds| seconds < 100.0),
                "{}",
                told.text
            );
            receipts += 1;
            assert_eq!(office.receipts()?, receipts, "{days}");

            office.open()?;
            fs::create_dir_all(&office.tree)?;
            Planter::new(office.seed).plant(&office.tree, 50, 2)?;
            assert!(office.machine.killed_at("unlinkat", 1, &office.arguments())?);
            let told = office.machine.run_at(&clock, days, &["wipe", "resume"])?;
            assert!(matches!(told.status, Some(0 | 7)), "{days}: {}", told.text);
            receipts += 1;
            assert_eq!(
                (office.receipts()?, office.tree.exists()),
                (receipts, false),
                "{days}: {}",
                told.text
            );
        }
        assert_eq!(office.remnants()?, Found::new());
        Ok(())
    });
}
