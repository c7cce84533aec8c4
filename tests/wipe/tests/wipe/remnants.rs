//! What an examiner of the raw disk finds afterwards: nothing, of every kind of canary.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hanare_wipe_tests::{Found, Kind, Planter, Seed, scan};
use rustix::fs::FallocateFlags;

use crate::by_policy::reasons;
use crate::world::{PASS, World, inside, run, text, verdict};

#[test]
fn every_kind_of_canary_is_gone_from_the_disk() {
    inside("remnants::every_kind_of_canary_is_gone_from_the_disk", || {
        let world = World::of("ext4", 512, &["-O", "inline_data", "-I", "256"], "")?;
        world.plant(2000, 100)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!((told.number("verified/remnants"), told.word("method")), (0, "clear"));
        // Little enough for all of it to be read again.
        let (reread, bytes) = (told.number("verified/reread_bytes"), told.number("bytes"));
        assert!(reread > 2000 * 4096 && bytes > 2000 * 4096, "{}", told.text);
        assert_eq!(told.document.pointer("/verified/sampled"), Some(&false.into()), "{}", told.text);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        assert_eq!(world.machine.receipts()?.len(), 1);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn the_scanner_finds_every_kind_and_what_rm_leaves_of_each() {
    inside("remnants::the_scanner_finds_every_kind_and_what_rm_leaves_of_each", || {
        let world = World::of("ext4", 512, &["-O", "inline_data", "-I", "256"], "nodiscard")?;
        world.plant(500, 100)?;
        let (tree, image) = (world.tree.clone(), world.mounted.unmount()?);
        let planted = scan(image.path(), world.seed)?;
        for kind in Kind::ALL {
            assert!(planted.get(&kind).is_some_and(|count| *count > 0), "{kind:?}: {planted:?}");
        }
        assert_eq!(scan(image.path(), Seed::of("another"))?, Found::new());
        let mounted = image.mount("nodiscard")?;
        run("rm", &["-rf", text(&tree)])?;
        let image = mounted.unmount()?;
        let left = scan(image.path(), world.seed)?;
        for kind in Kind::ALL {
            println!("measured: rm -rf leaves {:?} of {kind:?}", left.get(&kind).copied().unwrap_or(0));
        }
        assert!(left.len() > 10, "{left:?}");
        Ok(())
    });
}

#[test]
fn no_fitrim_on_the_device() {
    inside("remnants::no_fitrim_on_the_device", || {
        let place = Path::new(crate::world::PLACE).join("ramfs");
        hanare_wipe_tests::Image::place_without_discard(&place)?;
        let world = World::in_place(&place, "ext4", 128, &[], "")?;
        let limit = format!("/sys/block/{}/queue/discard_max_bytes", world.mounted.device()?);
        assert_eq!(std::fs::read_to_string(limit)?.trim(), "0", "there is a discard");
        let reserve = format!("/sys/fs/ext4/{}/reserved_clusters", world.mounted.device()?);
        let reserved = std::fs::read_to_string(&reserve)?;
        world.plant(2000, 100)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!(reserved, std::fs::read_to_string(&reserve)?);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn no_fitrim_and_blocks_that_the_file_system_keeps_back() {
    inside("remnants::no_fitrim_and_blocks_that_the_file_system_keeps_back", || {
        let place = Path::new(crate::world::PLACE).join("ramfs");
        hanare_wipe_tests::Image::place_without_discard(&place)?;
        let world = World::in_place(&place, "ext4", 128, &[], "")?;
        world.plant(2000, 100)?;
        // Where `/sys` cannot be written, ext4 keeps its reserve, and with it whatever it held.
        run("mount", &["-o", "remount,bind,ro", "/sys"])?;
        let told = world.wipe()?;
        run("mount", &["-o", "remount,bind,rw", "/sys"])?;
        assert_eq!(verdict(&told), crate::world::PARTIAL, "{}", told.text);
        // Nor can the numbers of removed files be used again, one by one.
        assert_eq!(reasons(&told), ["free-space-not-filled", "freed-inodes"], "{}", told.text);
        println!("measured: {:?} left in the file system's reserve", world.remnants()?);
        Ok(())
    });
}

/// ext4 sets blocks aside for small files that may come, where others were removed: no discard reaches those.
#[test]
fn blocks_that_are_set_aside_for_small_files() {
    inside("remnants::blocks_that_are_set_aside_for_small_files", || {
        for layout in 0..8_usize {
            let world = World::of("ext4", 256, &["-b", "4096"], "")?;
            world.plant(20, 2)?;
            let planter = Planter::new(world.seed);
            let at = |name: &str, number: usize| world.mounted.join(&format!("{name}-{number}"));
            let settle = || hanare_wipe_tests::write_back(&world.tree);
            for number in 0..700 {
                std::fs::write(at("kept", number), vec![b'k'; 3000])?;
            }
            for number in 0..3000 {
                planter.file(&at("old", number), 3400)?;
            }
            settle()?;
            (0..3000).try_for_each(|number| std::fs::remove_file(at("old", number)))?;
            settle()?;
            for number in 0..=7 * layout {
                std::fs::write(at("small", number), "a small file that stays")?;
                settle()?;
            }
            let told = world.wipe()?;
            assert_eq!(verdict(&told), PASS, "{layout}: {}", told.text);
            assert_eq!(world.remnants()?, Found::new(), "{layout}");
            std::fs::remove_dir_all(Path::new(crate::world::PLACE).join("state"))?;
        }
        Ok(())
    });
}

#[test]
fn blocks_smaller_than_what_the_device_discards() {
    inside("remnants::blocks_smaller_than_what_the_device_discards", || {
        let world = World::of("ext4", 256, &["-b", "1024"], "")?;
        world.plant(2000, 100)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_journal_that_holds_data_too() {
    inside("remnants::a_journal_that_holds_data_too", || {
        let world = World::of("ext4", 256, &[], "data=journal")?;
        world.plant(2000, 100)?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

/// Large files keep their blocks until free space is dealt with. One that has blocks which it never wrote must not: they hold what
/// others have left, and neither an overwriting nor a discard would reach them.
#[test]
fn large_files_and_blocks_that_they_never_wrote() {
    inside("remnants::large_files_and_blocks_that_they_never_wrote", || {
        let world = World::of("ext4", 256, &["-m", "0"], "nodiscard")?;
        let old = world.mounted.join("old");
        std::fs::create_dir(&old)?;
        let planter = Planter::new(world.seed);
        planter.files(&old, 10_000)?;
        let settle = || rustix::fs::syncfs(std::fs::File::open(&world.tree)?).map_err(std::io::Error::from);
        settle()?;
        run("rm", &["-rf", text(&old)])?;
        settle()?;
        let piece = planter.body(Kind::Data, 1, 20 << 20);
        std::fs::write(world.tree.join("whole"), &piece)?;
        let reserved = std::fs::File::create(world.tree.join("reserved"))?;
        reserved.write_all_at(&piece, 0)?;
        settle()?;
        // All that is free, but for what the wipe itself wants.
        let free = rustix::fs::statvfs(&world.tree)?;
        let length = (free.f_bavail * free.f_frsize).saturating_sub(8 << 20);
        rustix::fs::fallocate(&reserved, FallocateFlags::empty(), piece.len() as u64, length)?;
        drop(reserved);
        settle()?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn several_trees_are_one_wipe() {
    inside("remnants::several_trees_are_one_wipe", || {
        let world = World::ext4()?;
        let trees: Vec<_> = ["a", "b", "c"].iter().map(|name| world.mounted.join(name)).collect();
        for tree in &trees {
            std::fs::create_dir(tree)?;
            Planter::new(world.seed).plant(tree, 100, 5)?;
        }
        let paths: Vec<&Path> = trees.iter().map(std::path::PathBuf::as_path).collect();
        let told = world.machine.wipe(&paths)?;
        assert_eq!(verdict(&told), PASS, "{}", told.text);
        assert!(trees.iter().all(|tree| !tree.exists()) && world.tree.exists());
        assert_eq!(world.machine.receipts()?.len(), 1);
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn the_scanner_counts_a_canary_across_two_pieces_once() -> hanare_wipe_tests::Result<()> {
    let seed = Seed::of("a");
    let path = std::env::temp_dir().join(format!("hanare-scan-{}", std::process::id()));
    let canary = [seed.mark(), b"-D-000001".to_vec()].concat();
    let file = std::fs::File::create(&path)?;
    // It reads 8 MiB at once.
    for place in [0, (8 << 20) - 5, (8 << 20) + 100, 24 << 20] {
        std::os::unix::fs::FileExt::write_all_at(&file, &canary, place)?;
    }
    std::os::unix::fs::FileExt::write_all_at(&file, &seed.utf16(), 5000)?;
    let (found, other) = (scan(&path, seed)?, scan(&path, Seed::of("b"))?);
    std::fs::remove_file(&path)?;
    assert_eq!(found, Found::from([(Kind::Data, 4)]));
    assert!(other.is_empty());
    Ok(())
}
