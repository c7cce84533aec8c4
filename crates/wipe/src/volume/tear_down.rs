//! The end of an opening, in the order that was measured: freeze whoever uses it, the key, then the processes, the mounts and
//! the devices. Nothing that fails keeps the rest from being tried.

use std::path::Path;
use std::time::{Duration, Instant};

use hanare_host::mounts::{self, Mount, Unmounted};

use super::canary::Canaries;
use super::confine;
use super::error::VolumeError;
use super::holders::{self, Freezing, Holders};
use super::medium::{self, KeyState, Medium};
use super::opening::Opening;
use crate::outcome::{Outcome, SkipKind, Tally, Verified, VolumeEnd, judge};

/// The processes that use a volume are looked for this long before its key goes, where it can go without their standing still.
/// Hundreds of processes take a tenth of it; one that hangs on the disk could keep whoever looks at it for ever.
const HEAD_START: Duration = Duration::from_millis(300);
/// And this long afterwards, when nothing hangs on the disk any more.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Ends what is left of an opening in this boot. `begun` is when that was ordered; `keep` writes down that it goes on.
///
/// Until the key is gone nothing here asks the volume, its disk or any other disk: whichever stalls, the key goes.
pub(super) fn tear_down(
    opening: &Opening,
    runtime: &Path,
    begun: Instant,
    keep: impl FnOnce() -> Result<(), VolumeError>,
) -> Outcome {
    let medium = medium::of(&opening.definition, runtime);
    let mut tally = Tally::default();
    leave();
    // One whose end was begun before may have lost its number to somebody else's file system.
    let device = opening.device.filter(|_| medium.is_ours(opening).unwrap_or(true));
    let is_on_disk = medium.raw().is_some();
    uncover(opening, &mut tally);
    // What lies in memory has no disk that could stall, and is empty once it is destroyed.
    let mut counted = if is_on_disk { (0, 0) } else { used(opening) };
    let mut freezing = Freezing::start(device);
    let mut frozen = freezing.wait(if is_on_disk { HEAD_START } else { AFTERWARDS });
    let mut end = Destruction { begun, gone: None, is_known: true };
    let verified = end.destroy(medium.as_ref(), opening, &frozen, &mut tally);
    note("letting waiting processes go", medium.release(opening), &mut tally);
    note("writing down that it ends", keep(), &mut tally);
    if is_on_disk {
        counted = used(opening);
    }
    frozen.merge(freezing.wait(AFTERWARDS));
    if let Some(device) = device {
        let stubborn = frozen.end(device);
        tally.add(SkipKind::Busy, "process-stays", stubborn as u64);
    }
    // With nobody left that has a file open, what was busy can go.
    let mut seen = verified;
    if end.gone.is_none() {
        seen = seen.and(end.destroy(medium.as_ref(), opening, &Holders::default(), &mut tally));
    }
    note("undoing the confinement", confine::undo(opening, runtime), &mut tally);
    unmount(opening, &mut tally);
    if let Some(device) = device {
        holders::unmount_elsewhere(device);
    }
    match medium.dismantle(opening) {
        Ok(true) => {}
        Ok(false) => tally.add(SkipKind::Busy, "device-stays", 1),
        Err(error) => note("taking the device apart", Err(error), &mut tally),
    }
    tally.merge(medium.limits());
    // A mount in somebody's own namespace can still show what is in memory.
    let elsewhere = device.map_or(0, holders::mounts_left);
    tally.add(SkipKind::Busy, "mounted-elsewhere", elsewhere as u64);
    end.look(medium.as_ref(), opening);
    tally.add(SkipKind::NotEvaluated, "mapping-replaced", u64::from(!end.is_known));
    tally.add(SkipKind::Busy, "still-readable", u64::from(end.is_known && end.gone.is_none()));
    let volume = VolumeEnd {
        key_destroyed: end.gone.is_some(),
        seconds: end.gone.unwrap_or_else(|| begun.elapsed()).as_secs_f64(),
    };
    let canaries = Canaries::recall(&opening.canaries(runtime));
    let verified = verify(medium.as_ref(), &canaries, seen, &mut tally);
    Outcome {
        verdict: judge(verified, Some(volume), &tally),
        files: counted.0,
        bytes: counted.1,
        seconds: begun.elapsed().as_secs_f64(),
        skipped: tally.into_skipped(),
        method: medium.method(),
        lost: 0,
        volume: Some(volume),
        verified,
        sealed: 0,
        absent: 0,
    }
}

/// What is known of the key.
struct Destruction {
    begun: Instant,
    /// How long it took until the kernel said that it is gone.
    gone: Option<Duration>,
    /// Whether what the kernel says is about our key.
    is_known: bool,
}

impl Destruction {
    fn destroy(
        &mut self,
        medium: &dyn Medium,
        opening: &Opening,
        holders: &Holders,
        tally: &mut Tally,
    ) -> Verified {
        let mut left = Tally::default();
        let destroyed = medium.destroy(opening, holders, &mut left);
        // The second time it is the same that is left.
        tally.merge_most(&left);
        let verified = match destroyed {
            Ok(verified) => verified,
            Err(VolumeError::Replaced) => {
                self.is_known = false;
                Verified::default()
            }
            Err(error) => {
                note("destroying", Err(error), tally);
                Verified::default()
            }
        };
        self.look(medium, opening);
        verified
    }

    /// A kernel that does not answer has said nothing.
    fn look(&mut self, medium: &dyn Medium, opening: &Opening) {
        if self.gone.is_some() || !self.is_known {
            return;
        }
        match medium.key(opening) {
            Ok(KeyState::Gone) => self.gone = Some(self.begun.elapsed()),
            Ok(KeyState::Busy | KeyState::Present) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the key's state"),
        }
    }
}

/// This process must not be what keeps the volume busy.
fn leave() {
    // `/` is always there.
    let _ = std::env::set_current_dir("/");
}

/// Mounts on one another that are taken away; somebody who goes on mounting is not waited for.
const LAYERS: u32 = 1024;

/// Whether a mount is the volume.
fn is_volume(mount: &Mount, opening: &Opening) -> bool {
    opening.device.map_or_else(|| mount.source == opening.name(), |device| mount.device == device)
}

/// What is mounted at the volume's place, the uppermost last.
fn layers(opening: &Opening) -> Result<Vec<Mount>, VolumeError> {
    Ok(mounts::list()?.into_iter().filter(|mount| mount.point == opening.mountpoint).collect())
}

/// Takes away what whoever owns the volume has mounted over it: what they wrote since then is not on it.
fn uncover(opening: &Opening, tally: &mut Tally) {
    for _ in 0..LAYERS {
        let layers = match layers(opening) {
            Ok(layers) => layers,
            Err(error) => return note("looking at mounts", Err(error), tally),
        };
        let is_covered = layers.last().is_some_and(|top| !is_volume(top, opening));
        if !is_covered || !layers.iter().any(|mount| is_volume(mount, opening)) {
            return;
        }
        tally.add(SkipKind::NotEvaluated, "mounted-over", 1);
        if let Err(error) = mounts::unmount_lazily(&opening.mountpoint) {
            return note("unmounting", Err(error.into()), tally);
        }
    }
}

fn unmount(opening: &Opening, tally: &mut Tally) {
    uncover(opening, tally);
    for _ in 0..LAYERS {
        match layers(opening) {
            Ok(layers) if layers.last().is_some_and(|top| is_volume(top, opening)) => {}
            Ok(_) => return,
            Err(error) => return note("looking at mounts", Err(error), tally),
        }
        match mounts::unmount(&opening.mountpoint) {
            Ok(Unmounted::Lazily) => tally.add(SkipKind::Busy, "unmounted-lazily", 1),
            Ok(Unmounted::Clean | Unmounted::Absent) => {}
            Err(error) => return note("unmounting", Err(error.into()), tally),
        }
    }
}

/// Looks for the canaries where they lay; a volume in memory was read again while it was overwritten.
fn verify(medium: &dyn Medium, canaries: &Canaries, seen: Verified, tally: &mut Tally) -> Verified {
    let Some(raw) = medium.raw() else {
        if seen.reread_bytes == 0 {
            tally.add(SkipKind::NotEvaluated, "nothing-reread", 1);
        }
        return seen;
    };
    if !canaries.is_complete() {
        tally.add(SkipKind::NotEvaluated, "canaries-missing", 1);
        return seen;
    }
    match canaries.look_for(raw) {
        Ok(found) => seen.and(found),
        Err(error) => {
            tracing::warn!(%error, "reading raw blocks");
            tally.add(SkipKind::NotEvaluated, "raw-unreadable", 1);
            seen
        }
    }
}

/// Objects and bytes in the volume, by the file system's own count.
fn used(opening: &Opening) -> (u64, u64) {
    let mounted = mounts::at(&opening.mountpoint).ok().flatten();
    if mounted.is_none_or(|mount| Some(mount.device) != opening.device) {
        return (0, 0);
    }
    let Ok(counts) = rustix::fs::statvfs(&opening.mountpoint) else { return (0, 0) };
    let blocks = counts.f_blocks.saturating_sub(counts.f_bfree);
    (counts.f_files.saturating_sub(counts.f_ffree), blocks.saturating_mul(counts.f_frsize))
}

fn note(what: &'static str, outcome: Result<(), VolumeError>, tally: &mut Tally) {
    if let Err(error) = outcome {
        tracing::warn!(error = &error as &dyn std::error::Error, what, "tear-down");
        tally.add(SkipKind::IoError, "tear-down", 1);
    }
}
