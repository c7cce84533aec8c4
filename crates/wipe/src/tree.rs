//! Erasing trees from the first note to the receipt, and finishing what was interrupted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_model::{SigningKey, Timestamp};

use crate::demand;
use crate::erase::{Erased, erase};
use crate::outcome::{Method, Outcome, SkipKind, Tally, judge};
use crate::pending::{Pending, PendingError};
use crate::policy::Policy;
use crate::receipt::{Cause, Ending, ReceiptError, Receipts};
use crate::root::{Again, Place, Refused, Root};

pub use crate::erase::Survey;

/// Why trees were not erased, or have no receipt.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path may not be erased.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another wipe was interrupted and comes first.
    #[error("another wipe was interrupted and is not finished")]
    Unfinished,
    /// The marker.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// The marker could not be kept up to date: contents may be overwritten, no name was removed.
    #[error("the progress of the wipe cannot be noted")]
    Diary(#[source] io::Error),
    /// The receipt. The wipe counts as unfinished until it is written.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// A wipe of trees that has come to its end.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub outcome: Outcome,
    /// How much of its time the verification took.
    pub verifying: Duration,
    /// The receipt's file.
    pub receipt: PathBuf,
}

/// Erases trees and writes the receipt. `now` is the clock.
///
/// # Errors
/// See [`TreeError`]. After [`TreeError::Diary`] and [`TreeError::Receipt`] the wipe counts as interrupted.
pub fn wipe(
    state: &Path,
    key: SigningKey,
    roots: &[Root],
    cause: Cause,
    now: &dyn Fn() -> Timestamp,
) -> Result<Ended, TreeError> {
    for root in roots {
        root.hold(state)?;
    }
    let receipts = Receipts::open(state, key)?;
    let pending = Pending::begin(state, roots, cause, None, now())?.ok_or(TreeError::Unfinished)?;
    run(pending, &receipts, roots, &[], Tally::default(), now)
}

/// Finishes the interrupted wipe; `None` if there is none.
///
/// # Errors
/// See [`TreeError`].
pub fn resume(
    state: &Path,
    key: SigningKey,
    now: &dyn Fn() -> Timestamp,
) -> Result<Option<Ended>, TreeError> {
    let Some(pending) = Pending::take_up(state)? else { return Ok(None) };
    let receipts = Receipts::open(state, key)?;
    if let Some((receipt, outcome)) = receipts.written(pending.id())? {
        // It had come to its end, and died before it could forget the marker.
        pending.finish()?;
        return Ok(Some(Ended { outcome, verifying: Duration::ZERO, receipt }));
    }
    let (mut roots, mut gone, mut skipped): (Vec<Root>, Vec<Place>, Tally) = Default::default();
    for tree in pending.trees() {
        let (reason, place) = match tree.again() {
            Again::Same(root) => {
                root.hold(state)?;
                roots.push(*root);
                // What had been recorded died with the interrupted run: of names that are gone, and of contents that were
                // overwritten, which look like nothing now. What this run sees is not all that there was.
                ("interrupted", None)
            }
            Again::Gone(place) if pending.was_removing() => ("interrupted", Some(place)),
            Again::Gone(_) => ("tree-gone", None),
            // The names that were removed before it was replaced are still in free blocks.
            Again::Other(place) => ("tree-replaced", place.filter(|_| pending.was_removing())),
        };
        skipped.add(SkipKind::NotEvaluated, reason, 1);
        gone.extend(place.map(|place| *place));
    }
    run(pending, &receipts, &roots, &gone, skipped, now).map(Some)
}

pub(crate) fn run(
    mut pending: Pending,
    receipts: &Receipts,
    roots: &[Root],
    gone: &[Place],
    before: Tally,
    now: &dyn Fn() -> Timestamp,
) -> Result<Ended, TreeError> {
    let started = Instant::now();
    // The marker stays after a failure: contents may be overwritten by then, and a resume goes on.
    let erased = erase(roots, gone, &mut pending).map_err(TreeError::Diary)?;
    let Erased { files, bytes, mut skipped, verified, verifying, mut media } = erased;
    skipped.merge(before);
    let (seen, seen_bytes) = pending.seen();
    skipped.merge_most(&Tally::from_skipped(seen));
    let mut outcome = Outcome {
        verdict: judge(verified, None, &skipped),
        files,
        bytes: bytes.max(seen_bytes),
        seconds: started.elapsed().as_secs_f64(),
        skipped: skipped.into_skipped(),
        method: Method::Clear,
        lost: 0,
        volume: None,
        verified,
        sealed: 0,
        absent: pending.absent(),
    };
    let volume = pending.volume();
    if let Some(volume) = volume {
        let trees = !pending.trees().is_empty();
        outcome = demand::together(&volume.outcome, outcome, trees);
        media.extend(volume.media.iter().cloned());
    }
    let policy = pending.policy();
    if let Some(policy) = &policy {
        demand::measure(policy, volume.map(|volume| &volume.outcome), &mut outcome);
    }
    let ending = Ending {
        id: pending.id(),
        started: pending.started(),
        at: now(),
        boot_id: pending.boot_id(),
        cause: pending.cause(),
        interruptions: pending.interruptions(),
        outcome: outcome.clone(),
        volume: volume.and_then(|volume| volume.volume),
        policy: policy.as_ref().map(Policy::reference),
        media: media.into_iter().collect(),
    };
    let receipt = receipts.write(&ending)?;
    pending.finish()?;
    Ok(Ended { outcome, verifying, receipt })
}
