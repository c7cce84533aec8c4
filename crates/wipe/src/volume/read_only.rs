//! A volume that may be read and not written for a while: there is no room left for what is written.
//!
//! What is confined to it stays writable. It holds for whoever sees the mount that everybody sees: a copy of it in a mount
//! namespace that was made before goes on, and so does a descriptor that was open by way of it.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hanare_host::Deed;
use hanare_host::mounts::{self, Mount};
use rustix::process::Signal;

use super::opening::Opening;
use super::{Places, VolumeError, holders, is_open};

/// How long somebody who is saving a file is waited for, and how often it is looked.
const SAVING: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// Who can still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Nobody.
    Stopped,
    /// Whoever opens a file now: some have one open for writing, which the kernel does not take from them. So many of them
    /// stand still; ask again soon.
    Busy(usize),
    /// Everybody: no volume is open.
    Absent,
}

/// Lets nobody write to the volume. Whoever has a file open for writing is stopped until [`let_write`].
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn stop_writing(places: Places<'_>) -> Result<Writing, VolumeError> {
    let Some(mount) = mount(places)? else { return Ok(Writing::Absent) };
    if mount.read_only {
        return Ok(Writing::Stopped);
    }
    match patient(&mount.point) {
        Ok(()) => Ok(Writing::Stopped),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            let writers = holders::writers(&mount);
            let running = writers.iter().filter(|pid| !holders::stands_still(**pid));
            running.for_each(|pid| drop(holders::signal(*pid, Signal::STOP)));
            Ok(Writing::Busy(writers.len()))
        }
        Err(error) => Err(VolumeError::io(Deed::Mount, &mount.point)(error)),
    }
}

/// Lets everybody write who may, and those go on who were stopped for it; whoever stopped them.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn let_write(places: Places<'_>) -> Result<(), VolumeError> {
    let Some(mount) = mount(places)? else { return Ok(()) };
    if mount.read_only {
        mounts::set_read_only(&mount.point, false).map_err(VolumeError::io(Deed::Open, &mount.point))?;
    }
    for pid in holders::writers(&mount).into_iter().filter(|pid| holders::stands_still(*pid)) {
        // One that has just ended needs nothing.
        let _ = holders::signal(pid, Signal::CONT);
    }
    Ok(())
}

/// Whoever is saving just now may be done in a moment.
fn patient(point: &Path) -> io::Result<()> {
    let until = Instant::now() + SAVING;
    loop {
        match mounts::set_read_only(point, true) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                sleep(LOOK);
            }
            other => return other,
        }
    }
}

fn mount(places: Places<'_>) -> Result<Option<Mount>, VolumeError> {
    match Opening::load(places)?.filter(is_open) {
        Some(opening) => Ok(mounts::at(&opening.mountpoint)?),
        None => Ok(None),
    }
}
