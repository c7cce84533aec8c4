//! Making room for a work volume in a file: what it takes over from the disk, and what is left when it is cut off.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hanare_wipe_tests::{Planter, write_back};

use crate::world::{PLACE, World, inside, text};

#[test]
fn a_volume_in_a_file_holds_nothing_of_files_that_were_removed_before() {
    inside("making::a_volume_in_a_file_holds_nothing_of_files_that_were_removed_before", || {
        let world = World::of("ext4", 128, &[], "")?;
        for number in 0..10 {
            Planter::new(world.seed).file(&world.tree.join(number.to_string()), 8 << 20)?;
        }
        write_back(&world.tree)?;
        fs::remove_dir_all(&world.tree)?;
        write_back(&world.outside)?;
        // Two thirds of the disk: some of what was removed lies below it.
        let file = world.mounted.join("volume");
        let create =
            ["wipe", "volume", "create", "--standalone", "--kind", "fscrypt", "--size", "80M", text(&file)];
        let told = world.machine.run(&create)?;
        assert_eq!(told.status, Some(0), "{}", told.text);
        let places = hanare_host::storage::extents(&fs::File::open(&file)?, 1000)?;
        assert!(places.iter().map(|place| place.length).sum::<u64>() >= 80 << 20);
        let mark = world.seed.mark();
        let image = fs::File::open(world.mounted.unmount()?.path())?;
        for place in places {
            let mut bytes = vec![0; usize::try_from(place.length)?];
            image.read_exact_at(&mut bytes, place.physical)?;
            assert!(!bytes.windows(mark.len()).any(|window| window == mark), "{place:?}");
        }
        Ok(())
    });
}

#[test]
fn a_volume_whose_making_was_cut_off_can_be_made() {
    inside("making::a_volume_whose_making_was_cut_off_can_be_made", || {
        let place = Path::new(PLACE);
        let create = ["wipe", "volume", "create", "--standalone", "--kind", "fscrypt", "--size", "64M"];
        // While it is filled, before it is written down, before it has a name.
        for (number, (call, count)) in [("pwrite64", 3), ("fsync", 2), ("linkat", 1)].into_iter().enumerate()
        {
            let machine = hanare_wipe_tests::Machine::new(&place.join(format!("state-{number}")))?;
            assert!(machine.killed_at(call, count, &create)?, "{call}: it ended by itself");
            let volume = machine.state().join("wipe/work.volume");
            assert!(!volume.exists());
            let told = machine.run(&create)?;
            assert_eq!(told.status, Some(0), "{call}: {}", told.text);
            assert_eq!(fs::metadata(&volume)?.len(), 64 << 20);
            assert_eq!(machine.run(&create)?.status, Some(0));
        }
        Ok(())
    });
}
