//! Openings of a work volume in memory and their record: who may end one, and what of it keeps the verdict from a pass.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hanare_lab::Settings;
use hanare_wipe_tests::{Result, Told, told};

use crate::by_policy::reasons;
use crate::room::Room;
use crate::world::{PARTIAL, PASS, PLACE, inside, run, swap_changes, swap_stays, text, verdict};

#[test]
fn one_that_is_open_by_the_time_of_the_lock_is_left_alone() {
    inside("openings::one_that_is_open_by_the_time_of_the_lock_is_left_alone", || {
        let _swap = swap_stays()?;
        let room = Room::new()?;
        for ending in [&["wipe", "resume"][..], &room.opening()] {
            // While it is being opened, its record is that of one to be ended.
            let opening = room.machine.delayed_at("mount", 2000, &room.opening())?;
            hanare_lab::until("the record", Duration::from_secs(20), || room.record.exists())?;
            let ending = room.machine.delayed_at("flock", 5000, ending)?;
            let opened = told(opening)?;
            assert_eq!(opened.status, Some(0), "{}", opened.text);
            let left = told(ending)?;
            assert_eq!((left.status, room.state()?.as_str()), (Some(0), "open"), "{}", left.text);
            let status = room.must(&["wipe", "receipt", "list"])?;
            let receipts = status.list("receipts").len();
            room.must(&["wipe", "volume", "lock", "--yes"])?;
            assert_eq!(room.must(&["wipe", "receipt", "list"])?.list("receipts").len(), receipts + 1);
            assert!(!fs::exists(&room.record)?);
        }
        Ok(())
    });
}

fn of_another_boot(record: &mut serde_json::Value) {
    let boot = record["boot_id"].as_str().unwrap_or_default();
    let first = if boot.starts_with('0') { "1" } else { "0" };
    let other = format!("{first}{}", &boot[1..]);
    record["boot_id"] = other.into();
}

#[test]
fn after_a_power_cut_the_trees_of_the_policy_that_it_was_opened_by_are_erased() {
    inside("openings::after_a_power_cut_the_trees_of_the_policy_that_it_was_opened_by_are_erased", || {
        let tree = Path::new(PLACE).join("leftovers");
        // Nobody had ordered an end; with the policy that it was opened by, and without one.
        for by_policy in [true, false] {
            let room = Room::new()?;
            fs::create_dir_all(tree.join("folder"))?;
            fs::write(tree.join("folder/letter"), "work")?;
            let policy = room.policy(&tree)?;
            let more: &[&str] = if by_policy { &["--policy", text(&policy)] } else { &[] };
            let opened = room.must(&[&room.opening()[..], more].concat())?;
            run("umount", &[text(&room.volume)])?;
            room.record_says(of_another_boot)?;
            // Whoever opens next is as good as the next boot: both give what was left its end first.
            let told = room.machine.run(&["wipe", "resume"])?;
            assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
            assert!(reasons(&told).contains(&"power-lost".to_owned()), "{}", told.text);
            assert_eq!(tree.exists(), !by_policy, "{}", told.text);
            let receipts = room.machine.receipts()?;
            assert_eq!(receipts.len(), 1, "{receipts:?}");
            let receipt = fs::read_to_string(&receipts[0])?;
            assert!(receipt.contains(opened.word("id")), "{receipt}");
            assert_eq!(receipt.contains("\"kofu\""), by_policy, "{receipt}");
            fs::remove_dir_all(room.machine.state())?;
        }
        Ok(())
    });
}

#[test]
fn a_power_cut_is_not_taken_for_an_escape() {
    inside("openings::a_power_cut_is_not_taken_for_an_escape", || {
        let _alone = swap_changes()?;
        let _settings = Settings::keep();
        let room = Room::new()?;
        let policy = room.policy(&Path::new(PLACE).join("absent"))?;
        room.must(&[&room.opening()[..], &["--confine", "--policy", text(&policy)]].concat())?;
        // What the next boot finds: the record of another one, and no mounts.
        for place in ["/tmp", "/var/tmp", text(&room.volume)] {
            run("umount", &[place])?;
        }
        room.record_says(of_another_boot)?;
        let told = room.machine.run(&["wipe", "resume"])?;
        assert_eq!(
            (verdict(&told), reasons(&told)),
            (PARTIAL, vec!["power-lost".to_owned()]),
            "{}",
            told.text
        );
        Ok(())
    });
}

#[test]
fn confinement_asked_of_a_volume_that_is_open_without_it_is_refused() {
    inside("openings::confinement_asked_of_a_volume_that_is_open_without_it_is_refused", || {
        let _alone = swap_changes()?;
        let _settings = Settings::keep();
        let room = Room::new()?;
        let policy = room.policy(&Path::new(PLACE).join("absent"))?;
        let confined = [&room.opening()[..], &["--confine", "--policy", text(&policy)]].concat();
        let home = Path::new(PLACE).join("home");
        fs::create_dir(&home)?;
        room.must(&room.opening())?;
        let refused = |arguments: &[&str]| -> Result<()> {
            let told = room.machine.run(arguments)?;
            assert_eq!((told.status, told.word("code")), (Some(4), "volume-open-without"), "{}", told.text);
            assert_eq!(room.state()?, "open");
            Ok(())
        };
        refused(&confined)?;
        room.must(&["wipe", "volume", "lock", "--yes"])?;
        let open = room.must(&confined)?;
        // The same again is good, with or without the word; more is not.
        assert_eq!(room.must(&confined)?.word("id"), open.word("id"));
        assert_eq!(room.must(&room.opening())?.word("id"), open.word("id"));
        refused(&[&confined[..], &["--home", text(&home)]].concat())?;
        assert_eq!(verdict(&room.machine.run(&["wipe", "volume", "lock", "--yes"])?), PASS);
        Ok(())
    });
}

#[test]
fn an_order_that_cannot_be_read_is_no_pass() {
    inside("openings::an_order_that_cannot_be_read_is_no_pass", || {
        let _swap = swap_stays()?;
        let room = Room::new()?;
        let tree = Path::new(PLACE).join("tree");
        let policy = room.policy(&tree)?;
        let by_policy = ["wipe", "run", "--yes", "--standalone", "--policy", text(&policy)];
        for (ending, is_erased) in [(&["wipe", "volume", "lock", "--yes"][..], false), (&by_policy, true)] {
            fs::create_dir_all(&tree)?;
            fs::write(tree.join("file"), "work")?;
            room.must(&room.opening())?;
            room.record_says(|record| record["order"] = "version = 99\nname = \"newer\"\n".into())?;
            let told = room.machine.run(ending)?;
            assert_eq!((told.status, told.word("verdict")), PARTIAL, "{}", told.text);
            assert!(reasons(&told).contains(&"policy-unreadable".to_owned()), "{}", told.text);
            // The one that is given now is followed.
            assert_eq!((room.state()?.as_str(), !tree.exists()), ("locked", is_erased), "{}", told.text);
        }
        Ok(())
    });
}

#[test]
fn trees_that_are_owed_are_named_by_lock() {
    inside("openings::trees_that_are_owed_are_named_by_lock", || {
        let _swap = swap_stays()?;
        let room = Room::new()?;
        let tree = Path::new(PLACE).join("tree");
        let policy = room.policy(&tree)?;
        let by_policy = ["wipe", "run", "--yes", "--standalone", "--policy", text(&policy)];
        let pending = room.machine.state().join("wipe/pending.json");
        // Killed where the trees are noted and the opening is not forgotten yet.
        let found = (1..20).try_fold(false, |found, step| -> Result<bool> {
            if found {
                return Ok(true);
            }
            room.machine.run(&["wipe", "resume"])?;
            fs::create_dir_all(&tree)?;
            fs::write(tree.join("file"), "work")?;
            room.must(&room.opening())?;
            room.machine.killed_at("unlink", step, &by_policy)?;
            Ok(pending.exists() && room.record.exists())
        })?;
        assert!(found, "no kill came between the two records");
        let told = room.machine.run(&["wipe", "volume", "lock", "--yes"])?;
        assert_eq!((told.status, &told.document["pending"]), (Some(7), &true.into()), "{}", told.text);
        assert!(told.text.contains("hanare wipe resume") && tree.exists(), "{}", told.text);
        let told = room.machine.run(&["wipe", "resume"])?;
        assert_eq!((told.status, tree.exists()), (Some(7), false), "{}", told.text);
        let told = room.must(&["wipe", "volume", "lock", "--yes"])?;
        assert_eq!(told.document["pending"], false, "{}", told.text);
        Ok(())
    });
}

#[test]
fn lateness_another_policy_and_a_volume_that_is_not_named_are_no_pass() {
    inside("openings::lateness_another_policy_and_a_volume_that_is_not_named_are_no_pass", || {
        let _swap = swap_stays()?;
        let room = Room::new()?;
        let tree = Path::new(PLACE).join("tree");
        let policy = room.policy(&tree)?;
        let noted = fs::read_to_string(&policy)?;
        let by_policy = ["wipe", "run", "--yes", "--standalone", "--policy", text(&policy)];
        let ended = |told: &Told, reason: &str| {
            assert_eq!((told.status, told.word("verdict")), PARTIAL, "{}", told.text);
            assert_eq!(reasons(told), [reason], "{}", told.text);
        };
        fs::write(&policy, format!("{noted}[limits]\nwipe_seconds = 1\n"))?;
        room.must(&room.opening())?;
        ended(&told(room.machine.delayed_at("umount2", 1500, &by_policy)?)?, "over-time");
        room.must(&room.opening())?;
        room.record_says(|record| record["order"] = noted.as_str().into())?;
        ended(&room.machine.run(&by_policy)?, "another-policy");
        // Neither, and all is good.
        room.must(&room.opening())?;
        assert_eq!(verdict(&room.machine.run(&by_policy)?), PASS);
        let (before, after) = noted.split_once("[volume]").ok_or("no volume")?;
        let (_, after) = after.split_once("[work]").ok_or("no work")?;
        fs::write(&policy, format!("{before}[work]{after}"))?;
        room.must(&room.opening())?;
        fs::create_dir(&tree)?;
        let told = room.machine.run(&by_policy)?;
        assert!(reasons(&told).contains(&"volume-not-named".to_owned()), "{}", told.text);
        assert_eq!((verdict(&told), room.state()?.as_str()), (PARTIAL, "open"));
        room.must(&["wipe", "volume", "lock", "--yes"])?;
        Ok(())
    });
}
