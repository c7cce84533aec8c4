//! The end of a volume in memory harms nothing outside it, whatever is mounted in it or moved about.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use hanare_wipe_tests::{Result, Told, print_of};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::outside::careless_with;
use crate::room::Room;
use crate::world::{PARTIAL, PLACE, inside, mount, run, swap_stays, text};

/// Files of the same names inside and outside.
const FILES: usize = 300;

/// A volume in memory, and a folder outside it.
struct Day {
    room: Room,
    outside: PathBuf,
}

impl Day {
    fn new() -> Result<Self> {
        let (room, outside) = (Room::new()?, Path::new(PLACE).join("outside"));
        files(&outside)?;
        Ok(Self { room, outside })
    }

    fn open(&self) -> Result<()> {
        self.room.must(&self.room.opening()).map(drop)
    }

    fn end(&self) -> Result<Told> {
        self.room.machine.run(&["wipe", "run", "--yes", "--standalone"])
    }
}

fn files(folder: &Path) -> Result<()> {
    fs::create_dir(folder)?;
    for number in 0..FILES {
        fs::write(folder.join(number.to_string()), "stays as it is\n".repeat(100))?;
    }
    Ok(())
}

/// The eraser without guards has to fall for what `attack` does to a folder in the volume; then the outside is as it was.
fn is_an_attack(day: &Day, attack: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
    let (folder, link) = (day.room.volume.join("victim/folder"), day.room.volume.join("victim/link"));
    fs::create_dir(day.room.volume.join("victim"))?;
    files(&folder)?;
    let before = print_of(&day.outside)?;
    careless_with(&day.room.volume.join("victim"), || attack(&folder, &link))?;
    assert_ne!(print_of(&day.outside)?, before, "the attack is none");
    // Nothing of it is there, if it was a mount or is one.
    let _ = run("umount", &[text(&folder)]);
    fs::remove_dir_all(day.room.volume.join("victim"))?;
    fs::remove_dir_all(&day.outside)?;
    files(&day.outside)
}

#[test]
fn what_is_mounted_in_a_volume_in_memory_stays() {
    inside("in_memory::what_is_mounted_in_a_volume_in_memory_stays", || {
        let _same_swap = swap_stays()?;
        let day = Day::new()?;
        day.open()?;
        is_an_attack(&day, |folder, _| mount(&["--bind", text(&day.outside), text(folder)]))?;
        let before = print_of(&day.outside)?;
        let (folder, file) = (day.room.volume.join("folder"), day.room.volume.join("file"));
        files(&folder)?;
        fs::write(&file, "work")?;
        let hidden = fs::File::open(folder.join("0"))?;
        mount(&["--bind", text(&day.outside), text(&folder)])?;
        mount(&["--bind", text(&day.outside.join("0")), text(&file)])?;
        drop(hidden);
        let told = day.end()?;
        assert_eq!(print_of(&day.outside)?, before, "the outside was touched: {}", told.text);
        // What lies below the mounts went too; that they kept the volume busy is said.
        assert_eq!((told.status, told.word("verdict")), PARTIAL, "{}", told.text);
        assert_eq!(told.skipped("mount"), 2, "{}", told.text);
        assert_eq!(told.document["volume"]["key_destroyed"], true, "{}", told.text);
        let reread = told.document["verified"]["reread_bytes"].as_u64().unwrap_or(0);
        assert!(reread >= (FILES * 1500) as u64, "{}", told.text);
        assert!(run("findmnt", &[text(&day.room.volume)]).is_err(), "it is still mounted");
        Ok(())
    });
}

#[test]
fn a_directory_exchanged_with_a_link_harms_nothing_outside() {
    inside("in_memory::a_directory_exchanged_with_a_link_harms_nothing_outside", || {
        let _same_swap = swap_stays()?;
        let day = Day::new()?;
        day.open()?;
        is_an_attack(&day, |folder, link| {
            symlink(&day.outside, link)?;
            Ok(renameat_with(CWD, folder, CWD, link, RenameFlags::EXCHANGE)?)
        })?;
        let before = print_of(&day.outside)?;
        for round in 0..6 {
            day.open()?;
            // The link's own directory is the later one: until it is reached the exchange goes on.
            let (folder, link) = (day.room.volume.join("early/folder"), day.room.volume.join("late/link"));
            fs::create_dir(day.room.volume.join("early"))?;
            files(&folder)?;
            fs::create_dir(day.room.volume.join("late"))?;
            symlink(&day.outside, &link)?;
            let done = AtomicBool::new(false);
            let told = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        // They are gone in the end.
                        let _ = renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
                    }
                });
                let told = day.end();
                done.store(true, Ordering::Relaxed);
                told
            })?;
            assert_eq!(
                print_of(&day.outside)?,
                before,
                "round {round}: the outside was touched: {}",
                told.text
            );
            assert_eq!(told.document["volume"]["key_destroyed"], true, "round {round}: {}", told.text);
        }
        Ok(())
    });
}
