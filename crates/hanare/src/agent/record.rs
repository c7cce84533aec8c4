//! What is known of a day, kept on the disk: after a power cut nobody else can say what was safe and what was not. Counts and
//! times only: no name of a file.

use std::path::{Path, PathBuf};

use hanare_host::files;
use hanare_model::{PersonId, Timestamp};
use hanare_wipe::receipt::Cause;
use hanare_wipe::{BootId, Verdict};
use serde::{Deserialize, Serialize};

/// One day of one person on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Whose.
    pub(crate) person: PersonId,
    /// The boot that it was in.
    pub(crate) boot_id: BootId,
    /// When this was written, by headquarters' clock if that was known.
    pub(crate) at: Timestamp,
    /// Files that headquarters held.
    pub(crate) held: u64,
    /// Versions handed over since the opening.
    pub(crate) versions: u64,
    /// Files that it did not hold and that were not sealed, as far as was seen by then.
    pub(crate) waiting: u64,
    /// Since when there were some.
    pub(crate) waiting_since: Option<Timestamp>,
    /// Items sealed, waiting for headquarters.
    pub(crate) sealed: u64,
    /// How it ended, unless it goes on or its end was not seen.
    pub(crate) end: Option<Ended>,
}

/// How a day ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    /// What for.
    pub(crate) cause: Cause,
    /// What the receipt says; none where the receipt could not be written by then.
    pub(crate) verdict: Option<Verdict>,
    /// Files that neither headquarters nor this machine holds.
    pub(crate) lost: u64,
}

impl Record {
    /// The last one of this machine; one that cannot be read is none.
    pub(crate) fn load(state: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(place(state)).ok()?).ok()
    }

    /// Puts it in the place of the one before, durably.
    pub(crate) fn save(&self, state: &Path) {
        let path = place(state);
        let written = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| files::write_atomic(&path, &text, 0o600));
        if let Err(error) = written {
            tracing::warn!(%error, "the day was not written down");
        }
    }

    /// Whether it was cut off with another boot: nobody saw its end.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.end.is_none() && BootId::current().is_ok_and(|boot| boot != self.boot_id)
    }
}

fn place(state: &Path) -> PathBuf {
    state.join("wipe").join("day.json")
}
