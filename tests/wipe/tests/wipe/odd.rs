//! Odd things in trees.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;

use hanare_wipe_tests::{Found, Planter, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};

use crate::world::{PARTIAL, PASS, World, inside, long, run, text, verdict};

fn wiped_without_a_trace(world: World) -> Result<()> {
    let told = world.wipe()?;
    assert_eq!(verdict(&told), PASS, "{}", told.text);
    assert!(!world.tree.exists() && world.is_outside_untouched()?);
    assert_eq!(world.remnants()?, Found::new());
    Ok(())
}

#[test]
fn chattr_i_and_a_on_files_and_directories() {
    inside("odd::chattr_i_and_a_on_files_and_directories", || {
        let mut world = World::ext4()?;
        world.plant(50, 5)?;
        let planter = Planter::new(world.seed);
        for flag in ["+i", "+a"] {
            let folder = world.tree.join(format!("folder{flag}"));
            fs::create_dir(&folder)?;
            planter.file(&folder.join("file"), 4096)?;
            planter.file(&folder.join("plain"), 4096)?;
            run("chattr", &[flag, text(&folder.join("file"))])?;
            run("chattr", &[flag, text(&folder)])?;
        }
        // One with a name outside keeps its flags out there, and everything else.
        fs::hard_link(world.outside.join("file"), world.tree.join("linked"))?;
        run("chattr", &["+i", text(&world.outside.join("file"))])?;
        run("chattr", &["+i", text(&world.tree)])?;
        world.look_outside()?;
        let contents = fs::read(world.outside.join("file"))?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!((told.skipped("hard-link-outside"), told.skipped("io-error")), (1, 0), "{}", told.text);
        assert!(!world.tree.exists());
        assert_eq!(fs::read(world.outside.join("file"))?, contents);
        assert!(run("lsattr", &[text(&world.outside.join("file"))])?.contains("-i-"));
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_sparse_file_of_1_tib() {
    inside("odd::a_sparse_file_of_1_tib", || {
        let world = World::ext4()?;
        let file = File::create(world.tree.join("sparse"))?;
        let island = Planter::new(world.seed).body(hanare_wipe_tests::Kind::Island, 1, 8192);
        for place in [0, 1 << 30, 1 << 39, (1 << 40) - 8192] {
            file.write_all_at(&island, place)?;
        }
        drop(file);
        wiped_without_a_trace(world)
    });
}

#[test]
fn very_many_files_in_one_directory() {
    inside("odd::very_many_files_in_one_directory", || {
        let world = World::of("ext4", 2048, &["-N", "1200000", "-b", "1024"], "")?;
        let count = if long() { 1_000_000 } else { 100_000 };
        let mark = String::from_utf8(world.seed.mark())?;
        for number in 0..count {
            fs::write(world.tree.join(format!("{mark}-N-{number:06x}")), "x")?;
        }
        let child = world.machine.start(&world.tree)?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        let watcher = std::thread::spawn(move || {
            while let Ok(text) = fs::read_to_string(&status) {
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let Some(line) = line else { break };
                peak = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(peak);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            peak
        });
        let output = child.wait_with_output()?;
        let peak = watcher.join().unwrap();
        println!("measured: {peak} KiB for {count} files in one directory");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(peak < 64 * 1024 && peak > 0, "{peak} KiB");
        assert!(!world.tree.exists());
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn directories_10_000_deep_with_paths_over_path_max() {
    inside("odd::directories_10_000_deep_with_paths_over_path_max", || {
        let world = World::ext4()?;
        let name = String::from_utf8(world.seed.mark())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut here = openat(CWD, &world.tree, flags, Mode::empty())?;
        for _ in 0..10_000 {
            mkdirat(&here, name.as_str(), Mode::RWXU)?;
            here = openat(&here, name.as_str(), flags, Mode::empty())?;
        }
        let file = openat(&here, "deepest", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR)?;
        File::from(file)
            .write_all_at(&Planter::new(world.seed).body(hanare_wipe_tests::Kind::Data, 1, 4096), 0)?;
        drop(here);
        wiped_without_a_trace(world)
    });
}

#[test]
fn names_that_are_not_utf_8_hold_newlines_and_are_255_bytes() {
    inside("odd::names_that_are_not_utf_8_hold_newlines_and_are_255_bytes", || {
        let world = World::ext4()?;
        let planter = Planter::new(world.seed);
        let mark = world.seed.mark();
        let names = [
            [&mark[..], b"\xff\xfe"].concat(),
            [&mark[..], b"\nrm -rf ~"].concat(),
            mark.repeat(21)[..252].to_vec(),
        ];
        for name in &names {
            planter.file(&world.tree.join(OsStr::from_bytes(name)), 4096)?;
            fs::create_dir(world.tree.join(OsStr::from_bytes(&[name, &b"d"[..]].concat())))?;
        }
        fs::write(world.tree.join("n".repeat(255)), "long")?;
        fs::write(world.tree.join("-rf"), "option")?;
        wiped_without_a_trace(world)
    });
}

#[test]
fn fifo_socket_and_device_nodes() {
    inside("odd::fifo_socket_and_device_nodes", || {
        let world = World::ext4()?;
        world.plant(10, 1)?;
        let node = |name: &str, kind, device| mknodat(CWD, world.tree.join(name), kind, Mode::RUSR, device);
        node("fifo", FileType::Fifo, 0)?;
        node("zero", FileType::CharacterDevice, rustix::fs::makedev(1, 5))?;
        node("disk", FileType::BlockDevice, rustix::fs::makedev(259, 99))?;
        drop(std::os::unix::net::UnixListener::bind(world.tree.join("socket"))?);
        wiped_without_a_trace(world)
    });
}

#[test]
fn a_disk_100_percent_full() {
    inside("odd::a_disk_100_percent_full", || {
        let world = World::of("ext4", 64, &[], "")?;
        world.plant(500, 20)?;
        let mut chunk = 1 << 20;
        let full = File::create(world.mounted.join("full"))?;
        let mut at = 0;
        while chunk > 0 {
            match full.write_at(&vec![1; chunk], at) {
                Ok(written) if written > 0 => at += u64::try_from(written)?,
                Ok(_) | Err(_) => chunk /= 2,
            }
        }
        drop(full);
        wiped_without_a_trace(world)
    });
}

#[test]
fn no_inodes_left() {
    inside("odd::no_inodes_left", || {
        let world = World::of("ext4", 64, &["-N", "1200"], "")?;
        world.plant(300, 10)?;
        let mut number = 0;
        while fs::write(world.mounted.join(&format!("full-{number}")), "").is_ok() {
            number += 1;
        }
        assert!(number > 10);
        wiped_without_a_trace(world)
    });
}

#[test]
fn a_place_that_takes_no_canaries_is_no_pass() {
    inside("odd::a_place_that_takes_no_canaries_is_no_pass", || {
        let world = World::ext4()?;
        let parent = world.mounted.join("parent");
        fs::create_dir_all(parent.join("tree"))?;
        Planter::new(world.seed).plant(&parent.join("tree"), 50, 5)?;
        // Nothing can be made beside the tree, and the emptied tree itself cannot go.
        run("chattr", &["+i", text(&parent)])?;
        let told = world.machine.wipe(&[&parent.join("tree")])?;
        run("chattr", &["-i", text(&parent)])?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        let missing = told.list("skipped").iter().any(|entry| {
            entry["reason"] == "canaries-missing" && entry["kind"] == "not-evaluated" && entry["count"] == 4
        });
        assert!(missing, "{}", told.text);
        assert_eq!(fs::read_dir(parent.join("tree"))?.count(), 0);
        Ok(())
    });
}
