//! Trees that are in use, and devices that fail.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hanare_wipe_tests::{Found, Image, Kind, Machine, Planter, Seed};

use crate::world::{PARTIAL, PASS, PLACE, World, inside, mount, run, text, verdict};

#[test]
fn open_deleted_but_open_mapped_and_running_files() {
    inside("busy::open_deleted_but_open_mapped_and_running_files", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let planter = Planter::new(world.seed);
        for name in ["open", "deleted"] {
            planter.file(&world.tree.join(name), 8192)?;
        }
        let mut open = File::open(world.tree.join("open"))?;
        let mut deleted = File::open(world.tree.join("deleted"))?;
        fs::remove_file(world.tree.join("deleted"))?;
        // Mapped, and closed again: a library.
        let library = world.tree.join("mapped.so");
        run("cc", &["-shared", "-x", "c", "/dev/null", "-o", text(&library)])?;
        let mapping = Command::new("sleep").arg("60").env("LD_PRELOAD", &library).spawn()?;
        let maps = format!("/proc/{}/maps", mapping.id());
        hanare_lab::until("the mapping", Duration::from_secs(10), || {
            fs::read_to_string(&maps).is_ok_and(|maps| maps.contains("mapped.so"))
        })?;
        // A copy of a program, which runs.
        let program = world.tree.join("program");
        fs::copy("/bin/sleep", &program)?;
        File::options().append(true).open(&program)?.write_all(&planter.body(Kind::Data, 7, 8192))?;
        let running = Command::new(&program).arg("60").spawn()?;
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("busy"), 4, "{}", told.text);
        assert!(!world.tree.exists());
        for file in [&mut open, &mut deleted] {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut bytes)?;
            assert!(bytes.iter().all(|byte| *byte == 0), "what is still open can still be read");
        }
        for mut process in [running, mapping] {
            // Without its program or its library it may have ended by itself.
            let _ = process.kill();
            process.wait()?;
        }
        drop((open, deleted));
        Ok(())
    });
}

#[test]
fn a_disk_image_that_is_in_use_as_a_disk() {
    inside("busy::a_disk_image_that_is_in_use_as_a_disk", || {
        let world = World::ext4()?;
        world.plant(50, 5)?;
        let place = Path::new(PLACE).join("inner");
        fs::create_dir(&place)?;
        let inner = Image::make(&world.tree.join("inner.img"), 16, "ext4", &[])?;
        mount(&["-o", "loop", text(inner.path()), text(&place)])?;
        // No process has the image open: the kernel has, and may go on writing to it.
        let told = world.wipe()?;
        assert_eq!(verdict(&told), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("busy"), 1, "{}", told.text);
        run("umount", &[text(&place)])?;
        Ok(())
    });
}

#[test]
fn a_process_that_keeps_writing() {
    inside("busy::a_process_that_keeps_writing", || {
        let world = World::ext4()?;
        world.plant(2000, 5)?;
        let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
        let planter = Planter::new(world.seed);
        let (told, at_the_end) = std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0_u64.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    // Never the tree itself: once it is gone, it stays gone.
                    let place = world.tree.join(format!("more-{}", number % 50));
                    let _ = fs::create_dir(&place);
                    let is_written = planter.file(&place.join(format!("{number}")), 4096).is_ok();
                    written.fetch_add(u64::from(is_written), Ordering::Relaxed);
                }
            });
            let told = world.wipe();
            let at_the_end = written.load(Ordering::Relaxed);
            done.store(true, Ordering::Relaxed);
            told.map(|told| (told, at_the_end))
        })?;
        assert!(at_the_end > 0, "nobody wrote");
        println!("measured: {at_the_end} files were written meanwhile, and it is {}", told.word("verdict"));
        if told.status == Some(0) {
            // A pass says that there was nothing to be found at its end, and nothing could be written since.
            assert!(told.word("verdict") == "pass" && !world.tree.exists(), "{}", told.text);
        } else {
            // It says that something was still written, or found again what was written anew.
            assert!(matches!(told.status, Some(1 | 7)), "{}", told.text);
            assert_ne!(told.word("verdict"), "pass");
            if world.tree.exists() {
                let told = world.wipe()?;
                assert_eq!(verdict(&told), PASS, "{}", told.text);
            } else {
                return Ok(());
            }
        }
        assert_eq!(world.remnants()?, Found::new());
        Ok(())
    });
}

#[test]
fn a_fuse_mount_that_hangs() {
    inside("busy::a_fuse_mount_that_hangs", || {
        let world = World::ext4()?;
        world.plant(200, 5)?;
        let place = world.tree.join("hanging");
        fs::create_dir(&place)?;
        // Nobody will ever answer what the kernel asks through this.
        let server = File::options().read(true).write(true).open("/dev/fuse")?;
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0";
        let mut mounting = Command::new("mount");
        mounting.args(["-i", "-t", "fuse", "-o", options, "hanging"]).arg(&place);
        assert!(mounting.stdin(server.try_clone()?).status()?.success());
        drop(mounting);
        let mut child = world.machine.start(&world.tree)?;
        let ended = hanare_lab::until("the end of the wipe", Duration::from_mins(1), || {
            matches!(child.try_wait(), Ok(Some(_)))
        });
        // Whoever waits for it is released.
        drop(server);
        ended?;
        let output = child.wait_with_output()?;
        assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("\"mount\""));
        run("umount", &["-l", text(&place)])?;
        assert_eq!(fs::read_dir(&world.tree)?.count(), 1, "everything else is gone");
        Ok(())
    });
}

/// The image has all its blocks on a small file system that is full otherwise: one that was taken out of it cannot be written again.
#[test]
fn an_i_o_error_on_one_block_is_partial_not_pass() {
    inside("busy::an_i_o_error_on_one_block_is_partial_not_pass", || {
        let small = Path::new(PLACE).join("small");
        fs::create_dir(&small)?;
        mount(&["-t", "tmpfs", "-o", "size=72m", "small", text(&small)])?;
        let image = Image::make(&small.join("disk.img"), 64, "ext4", &["-b", "4096", "-O", "^has_journal"])?;
        run("fallocate", &["--length", "64M", text(image.path())])?;
        let mounted = image.mount("nodiscard")?;
        let tree = mounted.join("tree");
        fs::create_dir(&tree)?;
        let (seed, path) = (Seed::of("wipe"), tree.join("file"));
        Planter::new(seed).file(&path, 256 * 1024)?;
        rustix::fs::syncfs(File::open(&path)?)?;
        let map = run("filefrag", &["-v", "-b1", text(&path)])?;
        let place = map.lines().find_map(|line| line.trim().strip_prefix("0:")?.split(':').nth(1));
        // The first one: what a loop device could write of a request in part, it calls written.
        let offset = place.unwrap().trim().split("..").next().unwrap().trim();
        run("fallocate", &["--punch-hole", "--offset", offset, "--length", "4096", text(image.path())])?;
        // No page of the small file system is left for the hole.
        let mut filler = File::create(small.join("filler"))?;
        while filler.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
        let told = Machine::new(&Path::new(PLACE).join("state"))?.wipe(&[&tree])?;
        assert_eq!(told.status, Some(7), "{}", told.text);
        assert!(told.skipped("io-error") > 0, "{}", told.text);
        assert_eq!(told.document["verified"]["remnants"], 0, "{}", told.text);
        fs::remove_file(small.join("filler"))?;
        Ok(())
    });
}

#[test]
fn a_name_in_use_by_nobody_is_no_holder() {
    inside("busy::a_name_in_use_by_nobody_is_no_holder", || {
        let world = World::ext4()?;
        world.plant(50, 1)?;
        // Outside, and open: none of the wipe's business.
        let _open = File::open(world.outside.join("file"))?;
        let mut other = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn()?;
        let told = world.wipe()?;
        other.kill()?;
        other.wait()?;
        assert_eq!((told.status, told.skipped("busy")), (Some(0), 0), "{}", told.text);
        Ok(())
    });
}
