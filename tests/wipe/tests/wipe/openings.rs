//! Openings of a work volume in memory and their record: who may end one, and what of it keeps the verdict from a pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hanare_wipe_tests::{Machine, Result, Told, told};

use crate::world::{PLACE, inside, swap_stays, text};

/// A machine with a work volume in memory.
struct Room {
    machine: Machine,
    volume: PathBuf,
    record: PathBuf,
}

impl Room {
    fn new() -> Result<Self> {
        let place = Path::new(PLACE);
        let machine = Machine::with_copy(&place.join("state"), place)?;
        let record = machine.state().join("wipe/opening.json");
        let room = Self { machine, volume: place.join("work"), record };
        room.must(&["wipe", "volume", "create", "--standalone", "--kind", "ram", "--size", "32M"])?;
        Ok(room)
    }

    fn must(&self, arguments: &[&str]) -> Result<Told> {
        let told = self.machine.run(arguments)?;
        assert_eq!(told.status, Some(0), "{arguments:?}: {}", told.text);
        Ok(told)
    }

    fn opening(&self) -> [&str; 5] {
        ["wipe", "volume", "open", "--mount", text(&self.volume)]
    }

    fn state(&self) -> Result<String> {
        Ok(self.must(&["wipe", "volume", "status"])?.word("state").to_owned())
    }
}

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
