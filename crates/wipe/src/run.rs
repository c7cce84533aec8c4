//! The end of the day: the work volume, then the leftovers that a policy names, under one receipt.
//!
//! The key goes first, whatever else waits: before a tree is looked at, the volume has ended ([`crate::volume::end_by`]). From
//! then on the wipe is handed from record to record (the opening, the pending marker, the receipt), each durable before the one
//! before it is forgotten and all under one id, so that whoever finishes it after a crash comes to one receipt.

use std::path::Path;

use hanare_host::mounts;
use hanare_model::{SigningKey, Timestamp};

use crate::demand;
use crate::outcome::{SkipKind, Tally};
use crate::pending::{Ordered, Pending};
use crate::policy::{Policy, PolicyError, overlap};
use crate::receipt::{Cause, Receipts};
use crate::root::{Refusal, Refused, Root, lies_at};
use crate::tree::{self, TreeError};
use crate::volume::{self, VolumeError};

/// Why a wipe by policy was not begun, or not finished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The policy does not fit this machine.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The trees.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The volume's records.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// Finishes what a volume's end has begun: erases the leftovers that its policy names, if it was ended by one, and writes the
/// receipt. What cannot be erased does not keep the rest from it.
///
/// # Errors
/// See [`RunError`]. The wipe counts as interrupted then.
pub fn finish(
    state: &Path,
    key: SigningKey,
    ended: volume::Ended,
    now: &dyn Fn() -> Timestamp,
) -> Result<tree::Ended, RunError> {
    let receipts = Receipts::open(state, key.clone()).map_err(TreeError::from)?;
    let Some(policy) = &ended.order else {
        let receipt = receipts.write(&ended.ending).map_err(TreeError::from)?;
        let outcome = ended.ending.outcome.clone();
        ended.recorded()?;
        return Ok(tree::Ended { outcome, verifying: std::time::Duration::ZERO, receipt });
    };
    // One that was interrupted earlier comes first, and has a receipt of its own.
    tree::resume(state, key, now)?;
    let mut skipped = Tally::default();
    let (mut roots, mut absent) = (Vec::new(), 0);
    for tree in &policy.work.trees {
        match leftover(&tree.path, policy, state) {
            Ok(Some(root)) => roots.push(root),
            Ok(None) => absent += 1,
            Err(kind) => skipped.add(kind, "tree-refused", 1),
        }
    }
    let ordered = Ordered { policy, volume: Some(&ended.ending), skipped, absent };
    let pending =
        Pending::begin(state, &roots, ended.ending.cause, Some(ordered), now()).map_err(TreeError::from)?;
    let pending = pending.ok_or(TreeError::Unfinished)?;
    ended.recorded()?;
    Ok(tree::run(pending, &receipts, &roots, &[], Tally::default(), now)?)
}

/// Erases the leftovers where no volume is open, or none that the policy names; `None` if there is nothing. All trees are
/// judged before anything is touched.
///
/// # Errors
/// See [`RunError`]; nothing is touched by a refusal.
pub fn leftovers(
    places: volume::Places<'_>,
    key: SigningKey,
    policy: &Policy,
    cause: Cause,
    now: &dyn Fn() -> Timestamp,
) -> Result<Option<tree::Ended>, RunError> {
    let state = places.state;
    let roots = judge(policy, state)?;
    if roots.is_empty() {
        return Ok(None);
    }
    for root in &roots {
        root.hold(state).map_err(TreeError::from)?;
    }
    let mut skipped = Tally::default();
    demand::of_machine(policy, &mut skipped);
    if policy.volume.is_some() {
        skipped.add(SkipKind::NotEvaluated, "volume-not-open", 1);
    } else if volume::status(places)?.state == volume::State::Open {
        skipped.add(SkipKind::NotEvaluated, "volume-not-named", 1);
    }
    let receipts = Receipts::open(state, key).map_err(TreeError::from)?;
    let absent = policy.work.trees.len().saturating_sub(roots.len()) as u64;
    let ordered = Ordered { policy, volume: None, skipped, absent };
    let pending = Pending::begin(state, &roots, cause, Some(ordered), now()).map_err(TreeError::from)?;
    let pending = pending.ok_or(TreeError::Unfinished)?;
    Ok(Some(tree::run(pending, &receipts, &roots, &[], Tally::default(), now)?))
}

/// All trees of a policy that are there.
///
/// # Errors
/// The first that may not be erased: with its place in the policy if something is mounted there.
pub fn judge(policy: &Policy, state: &Path) -> Result<Vec<Root>, RunError> {
    let mut roots = Vec::new();
    for tree in &policy.work.trees {
        match one(&tree.path, policy, state) {
            Ok(root) => roots.extend(root),
            Err(Refused { refusal: Refusal::MountPoint, .. }) => {
                policy.against_mounts(std::slice::from_ref(&tree.path))?;
            }
            Err(refused) => return Err(TreeError::from(refused).into()),
        }
    }
    Ok(roots)
}

/// A tree that is there and may be erased, and is held; or as what it is left out.
fn leftover(path: &Path, policy: &Policy, state: &Path) -> Result<Option<Root>, SkipKind> {
    let judged = one(path, policy, state)
        .and_then(|root| root.map(|root| root.hold(state).map(|()| root)).transpose());
    match judged {
        Ok(root) => Ok(root),
        Err(Refused { refusal: Refusal::MountPoint, .. }) => Err(SkipKind::Mount),
        Err(refused) => {
            tracing::warn!(
                error = &refused.refusal as &dyn std::error::Error,
                "a tree of the policy is not erased"
            );
            Err(SkipKind::NotEvaluated)
        }
    }
}

/// `None` if there is no such directory.
pub(crate) fn one(path: &Path, policy: &Policy, state: &Path) -> Result<Option<Root>, Refused> {
    match Root::judge(&[path.as_os_str().to_owned()], state) {
        Ok(mut roots) => {
            // The policy's author wrote names; what is kept can be called by another one, through a link or a mount.
            let mounts = mounts::list().unwrap_or_default();
            let own = lies_at(path, &mounts);
            let kept = policy.work.keep.iter().filter_map(|keep| keep.path.canonicalize().ok());
            for keep in kept {
                let theirs = lies_at(&keep, &mounts);
                let is_same = own
                    .as_ref()
                    .zip(theirs.as_ref())
                    .is_some_and(|(own, theirs)| own.0 == theirs.0 && overlap(&own.1, &theirs.1));
                if is_same || overlap(&keep, path) {
                    return Err(Refused { path: path.to_owned(), refusal: Refusal::Kept });
                }
            }
            Ok(roots.pop())
        }
        Err(Refused { refusal: Refusal::Absent, .. }) => Ok(None),
        Err(refused) => Err(refused),
    }
}
