//! File systems that cannot say where their blocks are, or may give no more: never a pass.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hanare_wipe_tests::{Image, Machine, Planter, Seed};

use crate::world::{PARTIAL, PLACE, World, inside, run, text, verdict};

/// The kernel that this was built on has no quota for ext4 and XFS. btrfs has its own, which root has to keep to as well.
#[test]
fn quota_reached() {
    inside("damaged::quota_reached", || {
        let place = Path::new(PLACE).join("ramfs");
        Image::place_without_discard(&place)?;
        let world = World::in_place(&place, "btrfs", 256, &[], "")?;
        world.plant(200, 5)?;
        run("btrfs", &["quota", "enable", text(world.mounted.at())])?;
        run("btrfs", &["qgroup", "limit", "16M", text(world.mounted.at())])?;
        // Full to the last block that may be had.
        let mut filler = File::create(world.tree.join("filler"))?;
        let refused = loop {
            if let Err(error) = filler.write(&[7; 8192]).and_then(|_| filler.sync_data()) {
                break error;
            }
        };
        assert_eq!(refused.kind(), std::io::ErrorKind::QuotaExceeded, "{refused}");
        drop(filler);
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        let reasons = told.document["skipped"].to_string();
        assert!(reasons.contains("free-space-quota"), "{}", told.text);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        Ok(())
    });
}

/// A block of the map that says where a file's blocks are is damaged on the disk.
#[test]
fn a_file_whose_map_of_blocks_is_damaged() {
    inside("damaged::a_file_whose_map_of_blocks_is_damaged", || {
        let image = Image::make(&Path::new(PLACE).join("disk.img"), 128, "ext4", &[])?;
        let mounted = image.mount("")?;
        let tree = mounted.join("tree");
        fs::create_dir(&tree)?;
        let planter = Planter::new(Seed::of("wipe"));
        planter.files(&tree, 20)?;
        // So many pieces that the map does not fit into the inode.
        let mut pieces = File::create(tree.join("pieces"))?;
        for piece in 0..200 {
            pieces.seek(SeekFrom::Start(piece << 16))?;
            pieces.write_all(&planter.body(hanare_wipe_tests::Kind::Data, 1, 4096))?;
        }
        drop(pieces);
        let image = mounted.unmount()?;
        let map = run("debugfs", &["-R", "ex /tree/pieces", text(image.path())])?;
        // `0/ 1   1/  1     0 -  3199  8237 …`: the line of the index, whose block is the map.
        let index = map.lines().find(|line| line.trim_start().starts_with("0/")).ok_or("no index")?;
        let block = index.split_whitespace().rev().nth(1).and_then(|word| word.parse::<u64>().ok());
        let block = block.ok_or_else(|| format!("no block in {index:?}"))?;
        let size = run("debugfs", &["-R", "stats", text(image.path())])?;
        let size = size.lines().find_map(|line| line.strip_prefix("Block size:")?.trim().parse::<u64>().ok());
        File::options()
            .write(true)
            .open(image.path())?
            .write_all_at(&[0xa5; 512], block * size.unwrap_or(4096))?;
        let mounted = image.mount("errors=continue")?;
        let told = Machine::new(&Path::new(PLACE).join("state"))?.wipe(&[&mounted.join("tree")])?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert!(told.skipped("io-error") > 0, "{}", told.text);
        Ok(())
    });
}

/// Whether a file's blocks are another's too is asked of a file system that does not answer.
#[test]
fn extents_that_are_not_told() {
    inside("damaged::extents_that_are_not_told", || {
        let world = World::of("xfs", 512, &[], "")?;
        world.plant(50, 2)?;
        let arguments = ["wipe", "tree", "--yes", "--standalone", text(&world.tree)];
        let told = world.machine.failing_at("ioctl", "EIO", &arguments)?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        let reasons = told.document["skipped"].to_string();
        assert!(reasons.contains("sharing-unknown"), "{}", told.text);
        assert!(!world.tree.exists() && world.is_outside_untouched()?);
        Ok(())
    });
}
