//! Clearing up, also after a bench that was killed: a process beside it sees it end, in whatever way, and takes its disks away.
//!
//! The kernel takes mounts and processes of a laboratory away, but neither files nor loop devices.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Failure, say};

/// How long a killed laboratory may take to let go of its mounts.
const PATIENCE: Duration = Duration::from_mins(1);

/// The process beside the bench.
pub(super) struct Guard {
    child: Child,
    /// Only one bench has the place.
    lock: File,
}

impl Guard {
    /// Clears what an earlier run left, and starts to watch over this one.
    pub(super) fn start(place: &Path) -> Result<Self, Failure> {
        let lock = lock(place)?;
        lock.try_lock().map_err(|error| format!("{}: another bench uses it: {error}", place.display()))?;
        clear(place)?;
        std::fs::create_dir_all(place)?;
        let mut command = Command::new(std::env::current_exe()?);
        // In a group of its own: Ctrl-C in the terminal ends only those whom it waits for.
        command.args(["bench", "wipe-guard"]).stdin(Stdio::piped()).process_group(0);
        Ok(Self { child: command.spawn()?, lock })
    }

    /// Lets it clear up, and waits for that.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.lock.unlock()?;
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err("the images and their devices were not all removed".into())
        }
    }
}

/// What the process beside does: waits until nobody holds the other end of its stdin, then clears the place.
pub(super) fn keep_guard(place: &Path) -> Result<ExitCode, Failure> {
    let _ended = std::io::stdin().read_to_end(&mut Vec::new());
    let lock = lock(place)?;
    lock.lock()?;
    let patient_until = Instant::now() + PATIENCE;
    while let Err(error) = clear(place) {
        if Instant::now() > patient_until {
            say(&format!("bench: {error}"));
            return Ok(ExitCode::from(4));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(ExitCode::SUCCESS)
}

fn clear(place: &Path) -> Result<(), Failure> {
    hanare_wipe_tests::clear(place).map_err(super::text)
}

/// Beside the place, which goes away.
fn lock(place: &Path) -> Result<File, Failure> {
    let path: PathBuf = place.with_extension("lock");
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Ok(File::create(path)?)
}
