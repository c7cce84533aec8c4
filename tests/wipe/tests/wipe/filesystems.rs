//! Other file systems: what each cannot do is said, and what it can do is done.

use std::fs;
use std::path::Path;

use hanare_wipe_tests::{Image, Kind, Machine, Planter, Result, Seed, Told};

use crate::by_policy::reasons;
use crate::world::{PARTIAL, PASS, PLACE, World, inside, mount, run, text, verdict};

fn partial(told: &Told, kinds: &[&str]) {
    assert_eq!(verdict(told), PARTIAL, "{}", told.text);
    for kind in kinds {
        assert!(told.skipped(kind) > 0, "{kind}: {}", told.text);
    }
}

#[test]
fn xfs_keeps_its_log() {
    inside("filesystems::xfs_keeps_its_log", || {
        let world = World::of("xfs", 512, &[], "")?;
        world.plant(1000, 50)?;
        let told = world.wipe()?;
        partial(&told, &["filesystem"]);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        println!("measured: xfs keeps {:?}", world.remnants()?);
        Ok(())
    });
}

#[test]
fn reflinks_share_blocks() {
    inside("filesystems::reflinks_share_blocks", || {
        for (kind, options) in [("xfs", &["-m", "reflink=1"][..]), ("btrfs", &[])] {
            let mut world = World::of(kind, 512, options, "")?;
            let planter = Planter::new(world.seed);
            planter.file(&world.outside.join("original"), 1 << 20)?;
            let (original, copy) = (world.outside.join("original"), world.tree.join("copy"));
            run("cp", &["--reflink=always", text(&original), text(&copy)])?;
            world.look_outside()?;
            let told = world.wipe()?;
            partial(&told, &["shared-extent"]);
            assert!(!world.tree.exists() && world.is_outside_untouched()?, "{kind}");
            world.mounted.unmount()?;
        }
        Ok(())
    });
}

#[test]
fn btrfs_snapshots_keep_what_they_have() {
    inside("filesystems::btrfs_snapshots_keep_what_they_have", || {
        let world = World::of("btrfs", 512, &[], "")?;
        world.plant(200, 10)?;
        let snapshot = world.mounted.join("snapshot");
        run("btrfs", &["subvolume", "snapshot", "-r", text(world.mounted.at()), text(&snapshot)])?;
        let told = world.wipe()?;
        partial(&told, &["shared-extent", "filesystem"]);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        assert!(snapshot.join("tree/extra").is_dir());
        Ok(())
    });
}

#[test]
fn btrfs_without_snapshots() {
    inside("filesystems::btrfs_without_snapshots", || {
        let world = World::of("btrfs", 512, &[], "")?;
        world.plant(500, 20)?;
        let told = world.wipe()?;
        partial(&told, &["filesystem"]);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        println!("measured: btrfs keeps {:?}", world.remnants()?);
        Ok(())
    });
}

/// A disk image on a file system that never writes over what is there: all that is overwritten in it stays below.
#[test]
fn an_image_on_a_file_system_that_copies_on_write() {
    inside("filesystems::an_image_on_a_file_system_that_copies_on_write", || {
        let place = Path::new(PLACE).join("host");
        let host = Image::make(&place.with_extension("img"), 1024, "btrfs", &[])?.mount("")?;
        let world = World::in_place(host.at(), "ext4", 256, &[], "")?;
        world.plant(200, 5)?;
        let told = world.wipe()?;
        partial(&told, &["snapshot"]);
        drop(world.remnants()?);
        host.unmount()?;
        Ok(())
    });
}

#[test]
fn overlay_lower_layers_stay() {
    inside("filesystems::overlay_lower_layers_stay", || {
        let world = World::ext4()?;
        let at = |name: &str| world.mounted.join(name);
        for name in ["lower/tree", "upper", "work", "merged"] {
            fs::create_dir_all(at(name))?;
        }
        Planter::new(world.seed).files(&at("lower/tree"), 20)?;
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            text(&at("lower")),
            text(&at("upper")),
            text(&at("work"))
        );
        mount(&["-t", "overlay", "-o", &options, "overlay", text(&at("merged"))])?;
        Planter::new(world.seed).file(&at("merged/tree/upper"), 4096)?;
        let told = world.machine.wipe(&[&at("merged/tree")])?;
        partial(&told, &["lower-layer"]);
        assert!(!at("merged/tree").exists() && at("lower/tree").is_dir());
        Ok(())
    });
}

#[test]
fn tmpfs_says_what_it_keeps() {
    inside("filesystems::tmpfs_says_what_it_keeps", || {
        let machine = Machine::new(&Path::new(PLACE).join("state"))?;
        let (memory, seed) = (Path::new(PLACE).join("memory"), Seed::of("wipe"));
        fs::create_dir(&memory)?;
        mount(&["-t", "tmpfs", "memory", text(&memory)])?;
        Planter::new(seed).files(&memory.join("tree"), 100)?;
        let told = machine.wipe(&[&memory.join("tree")])?;
        partial(&told, &["filesystem", "not-evaluated"]);
        assert!(!memory.join("tree").exists());
        Ok(())
    });
}

/// The other ones of the family: without a journal, and with the oldest layout.
#[test]
fn ext4_without_a_journal_and_ext2() {
    inside("filesystems::ext4_without_a_journal_and_ext2", || {
        for (kind, options) in [("ext4", &["-O", "^has_journal"][..]), ("ext2", &[])] {
            let world = World::of(kind, 256, options, "")?;
            world.plant(500, 20)?;
            let told = world.wipe()?;
            // Without a journal ext4 uses no number again for minutes, and then what lay in a removed file's inode stays.
            let is_known = reasons(&told) == ["freed-inodes"];
            assert_eq!(
                verdict(&told),
                if is_known { PARTIAL } else { PASS },
                "{kind} {options:?}: {}",
                told.text
            );
            println!("measured: {kind} {options:?}: {} freed inodes", told.skipped("filesystem"));
            let in_inodes = [Kind::Attribute, Kind::AccessList, Kind::Inline, Kind::Link];
            let found = world.remnants()?;
            assert!(
                found.keys().all(|kind| is_known && in_inodes.contains(kind)),
                "{kind} {options:?}: {found:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn the_tests_mount_nothing_outside_their_laboratory() -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    assert!(!mounts.contains(PLACE), "{mounts}");
    Ok(())
}
