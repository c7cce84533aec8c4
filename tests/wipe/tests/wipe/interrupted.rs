//! `kill -9` at random instants: resumed, nothing left, one receipt, the outside untouched.

use std::path::Path;
use std::time::{Duration, Instant};

use hanare_wipe_tests::{Found, Planter, Random, Result};

use crate::world::{PLACE, World, careless, inside, long};

fn plant_all(world: &World, files: usize) -> Result<()> {
    std::fs::create_dir_all(&world.tree)?;
    world.plant(files, 50)?;
    let planter = Planter::new(world.seed);
    for number in 0..50 {
        let name = world.tree.join(format!("first-{number}"));
        planter.file(&name, 4096)?;
        std::fs::hard_link(&name, world.tree.join(format!("second-{number}")))?;
    }
    Ok(())
}

#[test]
fn kill_9_at_a_random_instant_then_resume() {
    inside("interrupted::kill_9_at_a_random_instant_then_resume", || {
        let mut random = Random::by_the_clock();
        println!("measured: {random:?}");
        let (rounds, files) = if long() { (100, 50_000) } else { (20, 50_000) };
        let mut world = World::of("ext4", 1024, &["-N", "80000"], "")?;
        let begun = Instant::now();
        plant_all(&world, files)?;
        let prepared = Path::new(PLACE).join("prepared.img");
        world = world.keep(&prepared)?;
        let (planting, mut scanning) = (begun.elapsed(), Duration::ZERO);
        let started = Instant::now();
        let whole = {
            let told = world.wipe()?;
            assert_eq!(told.word("verdict"), "pass", "{}", told.text);
            started.elapsed()
        };
        let (mut interrupted, mut resumes) = (0, 0);
        for round in 1..=rounds {
            world = world.back_to(&prepared)?;
            let mut child = world.machine.start(&world.tree)?;
            let most = u64::try_from(whole.as_micros())?;
            std::thread::sleep(Duration::from_micros(random.below(most)));
            child.kill()?;
            child.wait()?;
            // Killed again while it resumes, once in three times.
            let marker = world.machine.state().join("wipe/pending.json");
            if marker.exists() && random.below(3) == 0 {
                let mut child = std::process::Command::new(hanare_lab::Program::built()?.path())
                    .arg("--state")
                    .arg(world.machine.state())
                    .args(["-q", "wipe", "resume"])
                    .spawn()?;
                std::thread::sleep(Duration::from_micros(random.below(most / 2)));
                child.kill()?;
                child.wait()?;
                resumes += 1;
            }
            let was_pending = marker.exists();
            interrupted += u32::from(was_pending);
            let told = world.machine.run(&["wipe", "resume"])?;
            // What had been recorded before the kill is lost, so that the verdict cannot be a pass.
            let wanted = if was_pending { Some(7) } else { Some(0) };
            assert_eq!(told.status, wanted, "{}", told.text);
            assert!(!was_pending || told.skipped("not-evaluated") > 0, "{}", told.text);
            if world.tree.exists() {
                // Killed before the marker: nothing was done, and the wipe is begun anew.
                let told = world.machine.wipe(&[&world.tree])?;
                assert_eq!(told.status, Some(0), "{}", told.text);
            }
            assert!(!marker.exists() && !world.tree.exists(), "round {round}");
            assert!(world.is_outside_untouched()?);
            let receipts = world.machine.receipts()?.len();
            assert_eq!(receipts, round + 1, "receipts after round {round}");
            let begun = Instant::now();
            let found = remnants_while_mounted(&world)?;
            scanning += begun.elapsed();
            assert_eq!(found, Found::new(), "round {round}");
        }
        println!(
            "measured: {interrupted} of {rounds} were interrupted, {resumes} of them twice; planting took {planting:?}, a whole wipe {whole:?}, all scans {scanning:?}"
        );
        assert!(interrupted > rounds_at_least(rounds), "only {interrupted} were interrupted");
        let verified = world.machine.run(&["wipe", "receipt", "list"])?;
        assert_eq!(verified.status, Some(0), "{}", verified.text);
        Ok(())
    });
}

fn rounds_at_least(rounds: usize) -> u32 {
    u32::try_from(rounds / 4).unwrap_or(0)
}

/// The image as it is, once everything is written back: a scan needs no unmount.
fn remnants_while_mounted(world: &World) -> Result<Found> {
    let device = format!("/dev/{}", world.mounted.device()?);
    crate::world::run("blockdev", &["--flushbufs", &device])?;
    let image = world.mounted.at().with_extension("img");
    hanare_wipe_tests::scan(&image, world.seed)
}

/// What systemd does to a service that takes longer than it may (90 s by default), done sooner.
#[test]
fn a_wipe_cut_off_by_sigterm_and_sigkill_is_resumed() {
    inside("interrupted::a_wipe_cut_off_by_sigterm_and_sigkill_is_resumed", || {
        let world = World::ext4()?;
        world.plant(20_000, 5)?;
        let mut child = world.machine.start(&world.tree)?;
        let marker = world.machine.state().join("wipe/pending.json");
        hanare_lab::until("the marker", Duration::from_secs(20), || marker.exists())?;
        crate::world::run("kill", &["-TERM", &child.id().to_string()])?;
        std::thread::sleep(Duration::from_millis(100));
        // It may have ended at the first signal.
        let _ = child.kill();
        child.wait()?;
        assert!(marker.exists());
        let told = world.machine.run(&["wipe", "resume", "--dry-run"])?;
        assert_eq!((told.status, &told.document["pending"]), (Some(0), &true.into()), "{}", told.text);
        assert_eq!((told.number("trees"), &told.document["volume"]), (1, &false.into()), "{}", told.text);
        assert!(world.machine.receipts()?.is_empty() && marker.exists());
        let told = world.machine.run(&["wipe", "resume"])?;
        assert_eq!((told.status, told.number("verified/remnants")), (Some(7), 0), "{}", told.text);
        assert_eq!(
            (world.machine.receipts()?.len(), world.tree.exists(), marker.exists()),
            (1, false, false)
        );
        assert!(world.is_outside_untouched()?);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_tree_that_was_replaced_meanwhile_is_not_touched() {
    inside("interrupted::a_tree_that_was_replaced_meanwhile_is_not_touched", || {
        let world = World::ext4()?;
        world.plant(20_000, 5)?;
        let mut child = world.machine.start(&world.tree)?;
        let marker = world.machine.state().join("wipe/pending.json");
        hanare_lab::until("the marker", Duration::from_secs(20), || marker.exists())?;
        child.kill()?;
        child.wait()?;
        assert!(marker.exists());
        // Another wipe waits for this one.
        let other = world.mounted.join("other");
        std::fs::create_dir(&other)?;
        assert_eq!(world.machine.wipe(&[&other])?.status, Some(6));
        std::fs::rename(&world.tree, world.mounted.join("aside"))?;
        std::fs::create_dir(&world.tree)?;
        std::fs::write(world.tree.join("new"), "stays")?;
        // Who goes by the path alone destroys what is there by now.
        careless(&world.tree)?;
        assert!(!world.tree.join("new").exists(), "the attack is none");
        std::fs::write(world.tree.join("new"), "stays")?;
        let told = world.machine.run(&["wipe", "resume"])?;
        assert_eq!((told.status, told.skipped("not-evaluated") > 0), (Some(7), true), "{}", told.text);
        assert_eq!(std::fs::read_to_string(world.tree.join("new"))?, "stays");
        assert_eq!(world.machine.receipts()?.len(), 1);
        Ok(())
    });
}

/// ext4 gives the number of a directory that was removed to the next one that is made.
#[test]
fn a_new_directory_in_the_place_of_a_removed_tree_is_not_touched() {
    inside("interrupted::a_new_directory_in_the_place_of_a_removed_tree_is_not_touched", || {
        use std::os::unix::fs::MetadataExt as _;

        // Killed before the removal is noted, and after it.
        for (call, count, noted) in [("rename", 6, false), ("syncfs", 3, true)] {
            let world = World::ext4()?;
            world.plant(50, 1)?;
            let before = std::fs::metadata(&world.tree)?;
            let tree = ["wipe", "tree", "--yes", "--standalone", crate::world::text(&world.tree)];
            assert!(world.machine.killed_at(call, count, &tree)?, "it ended by itself");
            let marker = std::fs::read_to_string(world.machine.state().join("wipe/pending.json"))?;
            assert!(!world.tree.exists(), "{call}: it was not removed: {marker}");
            assert_eq!(marker.contains("\"removed\":true"), noted, "{marker}");
            std::fs::create_dir(&world.tree)?;
            let now = std::fs::metadata(&world.tree)?;
            assert_eq!((before.dev(), before.ino()), (now.dev(), now.ino()), "the attack is none");
            std::fs::write(world.tree.join("new"), "stays")?;
            let told = world.machine.run(&["wipe", "resume"])?;
            assert_eq!((told.status, told.skipped("not-evaluated") > 0), (Some(7), true), "{}", told.text);
            assert_eq!(std::fs::read_to_string(world.tree.join("new"))?, "stays");
            assert_eq!(world.machine.receipts()?.len(), 1);
            // What the removed tree has left in free blocks and in the journal is seen to all the same.
            assert_eq!(world.remnants()?, Found::new());
            clear()?;
        }
        Ok(())
    });
}

#[test]
fn a_tree_whose_device_has_another_number_is_erased_all_the_same() {
    inside("interrupted::a_tree_whose_device_has_another_number_is_erased_all_the_same", || {
        let world = World::ext4()?;
        world.plant(2000, 5)?;
        let tree = ["wipe", "tree", "--yes", "--standalone", crate::world::text(&world.tree)];
        assert!(world.machine.killed_at("rename", 5, &tree)?, "it ended by itself");
        let world = world.renumbered()?;
        let told = world.machine.run(&["wipe", "resume"])?;
        assert_eq!(told.status, Some(7), "{}", told.text);
        assert!(!told.text.contains("tree-replaced") && !world.tree.exists(), "{}", told.text);
        assert_eq!(world.machine.receipts()?.len(), 1);
        assert!(world.is_outside_untouched()?);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_wipe_that_died_after_its_receipt_is_what_that_says() {
    inside("interrupted::a_wipe_that_died_after_its_receipt_is_what_that_says", || {
        let world = World::ext4()?;
        world.plant(50, 1)?;
        let (marker, kept) =
            (world.machine.state().join("wipe/pending.json"), Path::new(PLACE).join("marker"));
        let tree = ["wipe", "tree", "--yes", "--standalone", crate::world::text(&world.tree)];
        let wiping = world.machine.delayed_at("syncfs", 1000, &tree)?;
        hanare_lab::until("the marker", Duration::from_secs(20), || std::fs::copy(&marker, &kept).is_ok())?;
        let told = hanare_wipe_tests::told(wiping)?;
        assert_eq!((told.status, told.word("verdict")), (Some(0), "pass"), "{}", told.text);
        // As if it had been killed before it forgot the marker.
        std::fs::copy(&kept, &marker)?;
        let again = world.machine.run(&["wipe", "resume"])?;
        assert_eq!((again.status, again.word("verdict")), (Some(0), "pass"), "{}", again.text);
        assert_eq!(again.word("receipt"), told.word("receipt"));
        assert!(!marker.exists());
        assert_eq!(world.machine.receipts()?.len(), 1);
        Ok(())
    });
}

/// Room for another world in the same laboratory.
fn clear() -> Result<()> {
    std::fs::remove_dir_all(Path::new(PLACE))?;
    Ok(std::fs::create_dir(PLACE)?)
}
