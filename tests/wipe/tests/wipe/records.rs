//! A key goes whatever has become of the records that say where it is.

use std::fs;
use std::path::Path;

use hanare_wipe_tests::{Machine, Result};

use crate::room::Room;
use crate::world::{PLACE, inside, mount, run, swap_stays, text};

/// A room whose state is on a file system of its own, with its volume open and work in it.
fn open_room() -> Result<Room> {
    let state = Path::new(PLACE).join("state");
    fs::create_dir(&state)?;
    mount(&["-t", "tmpfs", "state", text(&state)])?;
    let room = Room::new()?;
    room.must(&room.opening())?;
    fs::write(room.volume.join("letter"), "work")?;
    Ok(room)
}

fn is_mounted(room: &Room) -> bool {
    run("findmnt", &[text(&room.volume)]).is_ok()
}

fn lock(machine: &Machine) -> Result<hanare_wipe_tests::Told> {
    machine.run(&["wipe", "volume", "lock", "--yes"])
}

/// As `errors=remount-ro` does.
#[test]
fn a_disk_that_went_read_only_keeps_no_key() {
    inside("records::a_disk_that_went_read_only_keeps_no_key", || {
        let _swap = swap_stays()?;
        let room = open_room()?;
        let state = room.machine.state();
        mount(&["-o", "remount,ro", text(state)])?;
        let told = lock(&room.machine)?;
        assert_eq!(told.status, Some(4), "it cannot be written down: {}", told.text);
        assert!(!is_mounted(&room), "the volume is still there: {}", told.text);
        mount(&["-o", "remount,rw", text(state)])?;
        let told = room.machine.run(&["wipe", "resume"])?;
        assert_eq!((told.status, room.machine.receipts()?.len()), (Some(7), 1), "{}", told.text);
        Ok(())
    });
}

#[test]
fn a_record_that_is_damaged_or_gone_keeps_no_key() {
    inside("records::a_record_that_is_damaged_or_gone_keeps_no_key", || {
        let _swap = swap_stays()?;
        let room = open_room()?;
        for (number, lose) in [
            (1, (|path: &Path| fs::write(path, "not what we wrote")) as fn(&Path) -> std::io::Result<()>),
            (2, |path: &Path| fs::remove_file(path)),
            (3, |path: &Path| fs::remove_file(path).and_then(|()| std::os::unix::fs::symlink(path, path))),
        ] {
            room.must(&room.opening())?;
            fs::write(room.volume.join("letter"), "work")?;
            lose(&room.record)?;
            let told = lock(&room.machine)?;
            assert_eq!((told.status, told.word("verdict")), (Some(0), "pass"), "{number}: {}", told.text);
            assert!(!is_mounted(&room), "{number}");
            assert_eq!(room.machine.receipts()?.len(), number);
        }
        Ok(())
    });
}

/// The disk of `/var` is gone by the time the machine stops.
#[test]
fn the_last_moment_needs_no_state() {
    inside("records::the_last_moment_needs_no_state", || {
        let _swap = swap_stays()?;
        let room = open_room()?;
        run("umount", &["-l", text(room.machine.state())])?;
        let told = room.machine.run(&["wipe", "last"])?;
        assert_eq!(told.document.get("key_destroyed"), Some(&true.into()), "{}", told.text);
        assert!(!is_mounted(&room), "{}", told.text);
        Ok(())
    });
}
