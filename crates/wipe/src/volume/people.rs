//! The people's processes at the end of a day: asked to end, then stopped, so that what they last wrote is what is handed over.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hanare_host::freezer::UserSlice;
use rustix::process::Signal;

use super::holders::{self, Holders};
use super::opening::Opening;
use super::{Places, VolumeError};

/// How often it is looked whether processes that were asked to end are gone.
const LOOK: Duration = Duration::from_millis(100);
/// Rounds of stopping while new processes appear.
const ROUNDS: u32 = 8;

/// Whose processes end with the day: whoever uses the open volume, and all of one account.
#[derive(Debug, Clone, Copy)]
pub struct People {
    device: Option<u64>,
    uid: Option<u32>,
}

/// Processes that stand still until they are let go, or for good.
#[derive(Debug)]
pub struct Standstill {
    people: People,
    slice: Option<UserSlice>,
    stopped: Holders,
}

impl People {
    /// Those who use the volume that is open now, and `uid`'s, if one is given.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`], [`VolumeError::Io`].
    pub fn of(places: Places<'_>, uid: Option<u32>) -> Result<Self, VolumeError> {
        let device = Opening::load(places)?.and_then(|opening| opening.device);
        // Root's processes are the machine's.
        Ok(Self { device, uid: uid.filter(|uid| *uid != 0) })
    }

    /// Asks them to end, and waits for it; how many did not.
    #[must_use]
    pub fn close(&self, limit: Duration) -> usize {
        let until = Instant::now() + limit;
        for pid in self.find() {
            holders::signal(pid, Signal::TERM);
        }
        loop {
            let left = self.find().len();
            if left == 0 || Instant::now() >= until {
                return left;
            }
            sleep(LOOK);
        }
    }

    /// Stops them: all of the account at once where the kernel has a freezer for it, and whoever is left one by one.
    #[must_use]
    pub fn freeze(self) -> Standstill {
        let slice = self.uid.and_then(UserSlice::of).filter(|slice| match slice.freeze() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the account's processes are stopped one by one");
                false
            }
        });
        let mut stopped = Holders::default();
        for _ in 0..ROUNDS {
            let new: Vec<u32> = self.find().into_iter().filter(|pid| !stopped.has(*pid)).collect();
            if new.is_empty() {
                break;
            }
            stopped.stop(new);
        }
        Standstill { people: self, slice, stopped }
    }

    fn find(&self) -> Vec<u32> {
        let mut found = self.device.map(holders::find).unwrap_or_default();
        if let Some(uid) = self.uid {
            let is_its = |pid: &u32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|seen| seen.uid() == uid);
            found.extend(holders::processes().into_iter().filter(is_its));
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

impl Standstill {
    /// Ends them: their volume is gone.
    pub fn end(self) {
        // Whoever used the volume has ended with it, and its number may be another's by now.
        for pid in (People { device: None, ..self.people }).find() {
            holders::signal(pid, Signal::KILL);
        }
        if let Some(slice) = &self.slice {
            if let Err(error) = slice.kill() {
                tracing::warn!(%error, "ending the account's processes");
            }
            self.thaw();
        }
    }

    /// Lets them go on.
    pub fn release(self) {
        self.thaw();
        self.stopped.go_on();
    }

    fn thaw(&self) {
        if let Some(slice) = &self.slice
            && let Err(error) = slice.thaw()
        {
            tracing::warn!(%error, "letting the account's processes go");
        }
    }
}
