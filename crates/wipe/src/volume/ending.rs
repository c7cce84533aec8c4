//! The end of an opening: by order, or because an earlier boot or a process that died has left it; either way it has one receipt.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hanare_host::Deed;
use hanare_model::Timestamp;

use super::backing;
use super::error::VolumeError;
use super::medium;
use super::opening::{End, Opening, Order};
use super::{Places, hold, is_open, place, tear_down, twin};
use crate::boot::BootId;
use crate::demand;
use crate::outcome::{Method, Outcome, SkipKind, Tally, Verified, VolumeEnd, judge};
use crate::pending::Pending;
use crate::policy::Policy;
use crate::receipt::{Cause, Ending};

/// An opening that has ended and has no receipt yet. Whoever has written it calls [`Ended::recorded`].
#[derive(Debug)]
pub struct Ended {
    /// What the receipt says, if nothing else ends under it.
    pub ending: Ending,
    /// The policy whose leftovers end under the same receipt: see [`crate::run::finish`].
    pub(crate) order: Option<Policy>,
    opening: Opening,
    state: PathBuf,
    runtime: PathBuf,
    _held: File,
}

impl Ended {
    /// The receipt is written: the opening is forgotten, unless it can still be read. Then every later end tries again, and
    /// [`can_still_be_read`] says so, until it cannot.
    ///
    /// # Errors
    /// [`VolumeError::Io`]; the next end of it finds the same receipt.
    pub fn recorded(mut self) -> Result<(), VolumeError> {
        let places = Places { state: &self.state, runtime: &self.runtime };
        if is_gone(self.opening.ended.as_ref()) {
            return self.opening.forget(places);
        }
        self.opening.receipted = true;
        self.opening.save(places)
    }
}

/// Ends the opening that has not ended, whatever is left of it; `None` if there is none. Until it is recorded, a second call
/// finds what the first one found, unless the key lives.
///
/// # Errors
/// Only if records cannot be read or written. What the tear-down meets is in the outcome.
pub fn end(places: Places<'_>, cause: Cause, now: Timestamp) -> Result<Option<Ended>, VolumeError> {
    end_if(places, |_| true, None, cause, now)
}

/// The same by a policy, which is written down with the order, so that whoever finishes it follows the policy too.
///
/// # Errors
/// As [`end`].
pub fn end_by(
    places: Places<'_>,
    policy: Option<&Policy>,
    cause: Cause,
    now: Timestamp,
) -> Result<Option<Ended>, VolumeError> {
    end_if(places, |_| true, policy, cause, now)
}

/// The same if what is found under the lock is `wanted`.
fn end_if(
    places: Places<'_>,
    wanted: impl FnOnce(&Opening) -> bool,
    policy: Option<&Policy>,
    cause: Cause,
    now: Timestamp,
) -> Result<Option<Ended>, VolumeError> {
    let folder = place(places.state);
    // Who may not look is not told that nothing is open.
    if !twin::is_there(places) && !folder.try_exists().map_err(VolumeError::io(Deed::Read, &folder))? {
        return Ok(None);
    }
    let held = hold_to_end(places)?;
    let begun = Instant::now();
    let Some(mut opening) = Opening::load(places)?.filter(wanted) else { return Ok(None) };
    let boot = BootId::current().map_err(VolumeError::io(Deed::Read, Path::new("/proc")))?;
    let is_here = opening.boot_id == boot;
    if opening.receipted || Pending::id_of(places.state) == Some(opening.id) {
        // It has ended; what is left of its wipe, and its receipt, is noted there.
        again(opening, places, is_here, now)?;
        return Ok(None);
    }
    let known = opening.ended.take().filter(|end| is_gone(Some(end)));
    // A policy that an interrupted order came with stands: its trees are owed.
    let Order { policy: order, is_new, is_unreadable } = opening.order_by(policy, places.runtime, is_here);
    let noted = opening.short.as_deref().map(Tally::from_skipped);
    // Of this boot only, and before anything is put back.
    let mut short = noted.unwrap_or_else(|| demand::of_opening(&opening, is_here && known.is_none()));
    let mut more = Tally::default();
    if let Some(order) = order.as_ref().filter(|_| known.is_none() || is_new) {
        more = demand::of_volume(order, &opening, is_here);
    }
    more.add(SkipKind::NotEvaluated, "policy-unreadable", u64::from(is_unreadable));
    if order.as_ref().zip(policy).is_some_and(|(noted, given)| noted.hash != given.hash) {
        more.add(SkipKind::NotEvaluated, "another-policy", 1);
    }
    short.merge_most(&more);
    opening.short = Some(short.clone().into_skipped());
    let announced = opening.announcement(places.runtime).filter(|_| is_here);
    let mut end = known.unwrap_or_else(|| {
        let (cause, mut outcome) = if is_here {
            let cause = announced.map_or(cause, |announced| announced.cause);
            (cause, tear_down_here(&mut opening, places, begun, now))
        } else {
            (Cause::PowerLost, lost(&opening, places.runtime))
        };
        if let Some(announced) = announced {
            (outcome.lost, outcome.sealed) = (announced.lost, announced.sealed);
        }
        End { at: now.after(begun.elapsed()), cause, outcome }
    });
    end.outcome.leave_out_at_most(&short);
    opening.ended = Some(end.clone());
    opening.save(places)?;
    let ending = Ending {
        id: opening.id,
        started: opening.ending.unwrap_or(end.at),
        at: end.at,
        boot_id: opening.boot_id,
        cause: end.cause,
        interruptions: opening.interruptions,
        outcome: end.outcome,
        volume: Some(opening.definition.kind),
        policy: None,
        media: backing::media(&opening.definition),
    };
    let (state, runtime) = (places.state.to_owned(), places.runtime.to_owned());
    Ok(Some(Ended { ending, order, opening, state, runtime, _held: held }))
}

/// Whether nothing of it can be read any more.
fn is_gone(ended: Option<&End>) -> bool {
    ended.is_some_and(|end| end.outcome.volume.is_some_and(|volume| volume.key_destroyed))
}

/// Whether it has ended in this boot, and has its receipt, and can be read all the same.
pub(super) fn is_readable(opening: &Opening) -> bool {
    opening.receipted && BootId::current().is_ok_and(|boot| boot == opening.boot_id)
}

/// The place of a volume that has ended, and can be read all the same: as the last end of it found.
///
/// # Errors
/// If records cannot be read.
pub fn can_still_be_read(places: Places<'_>) -> Result<Option<PathBuf>, VolumeError> {
    Ok(Opening::load(places)?.filter(is_readable).map(|opening| opening.mountpoint))
}

/// Tries once more to end what can still be read though its receipt is written. That stays as it is.
fn again(mut opening: Opening, places: Places<'_>, is_here: bool, now: Timestamp) -> Result<(), VolumeError> {
    // What another boot had in memory is gone.
    if !is_here || is_gone(opening.ended.as_ref()) {
        return opening.forget(places);
    }
    opening.receipted = true;
    let outcome = tear_down_here(&mut opening, places, Instant::now(), now);
    if outcome.volume.is_some_and(|volume| volume.key_destroyed) {
        return opening.forget(places);
    }
    tracing::warn!("what was on the last volume can still be read");
    opening.save(places)
}

/// Holds the records to end a volume: a disk that takes no lock must not keep a key alive.
fn hold_to_end(places: Places<'_>) -> Result<File, VolumeError> {
    match hold(places.state) {
        Err(VolumeError::Io { source, .. }) if twin::is_there(places) => {
            tracing::warn!(error = %source, "the state directory cannot be held");
            twin::lock(places).map_err(VolumeError::io(Deed::Lock, places.runtime))
        }
        held => held,
    }
}

/// What came of ending an opening when the machine was about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// Whether the kernel has no key any more.
    pub key_destroyed: bool,
    /// Whether the records say so: the next boot writes the receipt by them. Otherwise it says that the power was lost.
    pub recorded: bool,
}

/// Ends what is open in this boot in its very last moment: nothing else runs any more, and the records may lie on a disk that is
/// not to be written to. `None` if nothing is open.
///
/// # Errors
/// Only if records cannot be read.
pub fn end_last(places: Places<'_>, now: Timestamp) -> Result<Option<Last>, VolumeError> {
    let begun = Instant::now();
    let boot = BootId::current().map_err(VolumeError::io(Deed::Read, Path::new("/proc")))?;
    let opening = Opening::load(places)?.filter(|opening| opening.boot_id == boot);
    let Some(mut opening) = opening.filter(|opening| !is_gone(opening.ended.as_ref())) else {
        return Ok(None);
    };
    let announced = opening.announcement(places.runtime);
    let mut outcome = tear_down_here(&mut opening, places, begun, now);
    let mut late = Tally::default();
    // Nobody has handed over or sealed what was left, nor counted it.
    late.add(SkipKind::NotEvaluated, "late-shutdown", u64::from(announced.is_none()));
    outcome.leave_out_at_most(&late);
    if let Some(announced) = announced {
        (outcome.lost, outcome.sealed) = (announced.lost, announced.sealed);
    }
    let key_destroyed = outcome.volume.is_some_and(|volume| volume.key_destroyed);
    let cause = announced.map_or(Cause::Shutdown, |announced| announced.cause);
    opening.ended = Some(End { at: now.after(begun.elapsed()), cause, outcome });
    let recorded = opening.save(places).is_ok();
    Ok(Some(Last { key_destroyed, recorded }))
}

/// In the boot that it was opened in.
fn tear_down_here(opening: &mut Opening, places: Places<'_>, begun: Instant, now: Timestamp) -> Outcome {
    opening.interruptions += u32::from(opening.is_ending(places.runtime));
    opening.ending.get_or_insert(now);
    if let Err(error) = opening.begin_ending(places.runtime) {
        tracing::warn!(%error, "marking the opening as being ended");
    }
    tear_down::tear_down(opening, places.runtime, begun, || opening.save(places))
}

/// Ends what an earlier boot or a process that died left open; one that is open and well is left alone.
///
/// # Errors
/// As [`end`].
pub fn settle(places: Places<'_>, now: Timestamp) -> Result<Option<Ended>, VolumeError> {
    if !is_unsettled(places)? {
        return Ok(None);
    }
    // Looked at again under the lock: meanwhile whoever was opening it may have come to a good end.
    end_if(places, |opening| is_left(opening, places), None, Cause::Command, now)
}

/// Whether [`settle`] would end something.
///
/// # Errors
/// If records cannot be read.
pub fn is_unsettled(places: Places<'_>) -> Result<bool, VolumeError> {
    Ok(Opening::load(places)?.is_some_and(|opening| is_left(&opening, places)))
}

fn is_left(opening: &Opening, places: Places<'_>) -> bool {
    !is_open(opening) || !opening.ready || opening.is_ending(places.runtime)
}

/// An opening of another boot: its key went with that boot's memory. What lies on a disk in the clear is overwritten now.
fn lost(opening: &Opening, runtime: &Path) -> Outcome {
    let begun = Instant::now();
    let medium = medium::of(&opening.definition, runtime);
    let mut tally = Tally::default();
    // Nobody was there to read the canaries, count, or look.
    tally.add(SkipKind::NotEvaluated, "power-lost", 1);
    let stays = |tally: &mut Tally| tally.add(SkipKind::IoError, "tear-down", 1);
    match medium.dismantle(opening) {
        Ok(true) => {}
        Ok(false) => stays(&mut tally),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "after a power cut");
            stays(&mut tally);
        }
    }
    tally.merge(medium.limits());
    // It was in that boot's memory, and nowhere else.
    let volume = Some(VolumeEnd { key_destroyed: true, seconds: 0.0 });
    let method = if medium.raw().is_some() { Method::CryptographicErase } else { medium.method() };
    Outcome {
        verdict: judge(Verified::default(), volume, &tally),
        files: 0,
        bytes: 0,
        seconds: begun.elapsed().as_secs_f64(),
        skipped: tally.into_skipped(),
        method,
        lost: 0,
        volume,
        verified: Verified::default(),
        sealed: 0,
        absent: 0,
    }
}
