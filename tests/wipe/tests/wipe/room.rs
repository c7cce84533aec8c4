//! A room's machine with a work volume in memory, for the tests of how such a volume is opened and how it ends.

use std::fs;
use std::path::{Path, PathBuf};

use hanare_wipe_tests::{Machine, Result, Told};
use serde_json::Value;

use crate::world::{PLACE, text};

/// A machine with a work volume in memory.
pub(crate) struct Room {
    pub(crate) machine: Machine,
    pub(crate) volume: PathBuf,
    pub(crate) record: PathBuf,
}

impl Room {
    pub(crate) fn new() -> Result<Self> {
        let place = Path::new(PLACE);
        let machine = Machine::with_copy(&place.join("state"), place)?;
        let record = machine.state().join("wipe/opening.json");
        let room = Self { machine, volume: place.join("work"), record };
        room.must(&["wipe", "volume", "create", "--standalone", "--kind", "ram", "--size", "64M"])?;
        Ok(room)
    }

    pub(crate) fn must(&self, arguments: &[&str]) -> Result<Told> {
        let told = self.machine.run(arguments)?;
        assert_eq!(told.status, Some(0), "{arguments:?}: {}", told.text);
        Ok(told)
    }

    pub(crate) fn opening(&self) -> [&str; 5] {
        ["wipe", "volume", "open", "--mount", text(&self.volume)]
    }

    /// A policy that leaves swap alone, with `tree` as work.
    pub(crate) fn policy(&self, tree: &Path) -> Result<PathBuf> {
        let path = Path::new(PLACE).join("policy.toml");
        let (volume, tree) = (self.volume.display(), tree.display());
        let text = format!(
            "version = 1\nname = \"kofu\"\n[volume]\nkinds = [\"ram\"]\nsize = \"64M\"\nmount = \"{volume}\"\n\
             [work]\nallowed = [\"{PLACE}\"]\ntrees = [\"{tree}\"]\n[confine]\nswap = \"as-is\"\n"
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Changes the record of the opening.
    pub(crate) fn record_says(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut record = serde_json::from_slice(&fs::read(&self.record)?)?;
        change(&mut record);
        Ok(fs::write(&self.record, serde_json::to_vec(&record)?)?)
    }

    pub(crate) fn state(&self) -> Result<String> {
        Ok(self.must(&["wipe", "volume", "status"])?.word("state").to_owned())
    }
}
