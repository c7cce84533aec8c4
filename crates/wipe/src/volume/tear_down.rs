//! The end of an opening, in the order that was measured: freeze whoever uses it, the key, then the processes, the mounts and
//! the devices. Nothing that fails keeps the rest from being tried.

use std::path::Path;
use std::time::Instant;

use hanare_host::mounts::{self, Unmounted};

use super::canary::Canaries;
use super::confine;
use super::error::VolumeError;
use super::holders::{self, Holders};
use super::medium::{self, KeyState, Medium};
use super::opening::Opening;
use crate::outcome::{Outcome, SkipKind, Tally, Verified, VolumeEnd, judge};

/// Ends what is left of an opening in this boot.
pub(super) fn tear_down(opening: &Opening, runtime: &Path) -> Outcome {
    let begun = Instant::now();
    let medium = medium::of(&opening.definition, runtime);
    let mut tally = Tally::default();
    leave();
    let canaries = Canaries::read(&opening.mountpoint);
    let (files, bytes) = used(opening);
    let frozen = opening.device.map(Holders::freeze).unwrap_or_default();
    let verified = destroy(medium.as_ref(), opening, &frozen, &mut tally);
    let mut gone = (state(medium.as_ref(), opening) == KeyState::Gone).then(|| begun.elapsed());
    note("letting waiting processes go", medium.release(opening), &mut tally);
    if let Some(device) = opening.device {
        let stubborn = frozen.end(device);
        tally.add(SkipKind::Busy, "process-stays", stubborn as u64);
    }
    // With nobody left that has a file open, what was busy can go.
    if gone.is_none() {
        note("destroying again", medium.destroy(opening, &Holders::default()).map(drop), &mut tally);
        gone = (state(medium.as_ref(), opening) == KeyState::Gone).then(|| begun.elapsed());
    }
    note("undoing the confinement", confine::undo(opening), &mut tally);
    unmount(opening, &mut tally);
    match medium.dismantle(opening) {
        Ok(true) => {}
        Ok(false) => tally.add(SkipKind::Busy, "device-stays", 1),
        Err(error) => note("taking the device apart", Err(error), &mut tally),
    }
    // A mount in somebody's own namespace can still show what is in memory.
    let elsewhere = opening.device.map_or(0, holders::mounts_left);
    tally.add(SkipKind::Busy, "mounted-elsewhere", elsewhere as u64);
    if gone.is_none() && state(medium.as_ref(), opening) == KeyState::Gone {
        gone = Some(begun.elapsed());
    }
    tally.add(SkipKind::Busy, "still-readable", u64::from(gone.is_none()));
    let volume = VolumeEnd {
        key_destroyed: gone.is_some(),
        seconds: gone.unwrap_or_else(|| begun.elapsed()).as_secs_f64(),
    };
    let verified = verify(medium.as_ref(), &canaries, verified, &mut tally);
    Outcome {
        verdict: judge(verified, Some(volume), &tally),
        files,
        bytes,
        seconds: begun.elapsed().as_secs_f64(),
        skipped: tally.into_skipped(),
        method: medium.method(),
        lost: 0,
        volume: Some(volume),
        verified,
        sealed: 0,
    }
}

/// This process must not be what keeps the volume busy.
fn leave() {
    // `/` is always there.
    let _ = std::env::set_current_dir("/");
}

fn destroy(medium: &dyn Medium, opening: &Opening, holders: &Holders, tally: &mut Tally) -> Verified {
    match medium.destroy(opening, holders) {
        Ok(verified) => verified,
        Err(error) => {
            note("destroying", Err(error), tally);
            Verified::default()
        }
    }
}

/// A kernel that does not answer has said nothing.
fn state(medium: &dyn Medium, opening: &Opening) -> KeyState {
    medium.key(opening).unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the key's state");
        KeyState::Present
    })
}

fn unmount(opening: &Opening, tally: &mut Tally) {
    // A few may lie on one another; somebody who goes on mounting is not waited for.
    for _ in 0..8 {
        match mounts::at(&opening.mountpoint) {
            Ok(Some(mount)) if Some(mount.device) == opening.device => {}
            Ok(Some(mount)) if opening.device.is_none() && mount.source == opening.name() => {}
            Ok(_) => return,
            Err(error) => return note("looking at mounts", Err(error.into()), tally),
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
        Ok(found) => Verified {
            reread_bytes: seen.reread_bytes + found.reread_bytes,
            remnants: seen.remnants + found.remnants,
            sampled: seen.sampled || found.sampled,
        },
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
