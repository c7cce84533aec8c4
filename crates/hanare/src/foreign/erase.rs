//! What keeps a wipe from being done, as failures.

use std::path::Path;

use hanare_wipe::pending::PendingError;
use hanare_wipe::root::{Refusal, Refused};
use hanare_wipe::run::RunError;
use hanare_wipe::tree::TreeError;

use super::library::reason;
use super::volume::volume_error;
use super::wipe::receipt_error;
use super::wipe_policy::wipe_policy_error;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A path that is not erased.
pub(crate) fn refused(error: Refused) -> Failure {
    let Refused { path, refusal } = error;
    let (exit, id) = match &refusal {
        Refusal::Empty => (Exit::Input, "refusal-empty"),
        Refusal::Relative => (Exit::Input, "refusal-relative"),
        Refusal::Dots => (Exit::Input, "refusal-dots"),
        Refusal::Absent => (Exit::Input, "refusal-absent"),
        Refusal::Link => (Exit::Input, "refusal-link"),
        Refusal::NotADirectory => (Exit::Input, "refusal-no-directory"),
        Refusal::Overlap => (Exit::Input, "refusal-overlap"),
        Refusal::MountPoint => (Exit::Refused, "refusal-mount-point"),
        Refusal::System => (Exit::Refused, "refusal-system"),
        Refusal::Kept => (Exit::Refused, "refusal-kept"),
        Refusal::HoldsState => (Exit::Refused, "refusal-holds-state"),
        Refusal::InsideState => (Exit::Refused, "refusal-inside-state"),
        Refusal::BeingErased => (Exit::Refused, "refusal-being-erased"),
        Refusal::Changed => (Exit::Refused, "refusal-changed"),
        Refusal::ReadOnly => (Exit::Impossible, "refusal-read-only"),
        Refusal::Unreadable(_) => (Exit::Impossible, "refusal-unreadable"),
    };
    let mut phrase = Phrase::new(id);
    if let Refusal::Unreadable(error) = &refusal {
        phrase = phrase.with_phrase("cause", reason(error));
    }
    Failure::new(exit, "tree-refused").with("path", path.display()).with_phrase("cause", phrase)
}

/// A wipe by the policy of `file` that was not begun or not finished.
pub(crate) fn run_error(error: RunError, file: Option<&Path>) -> Failure {
    match error {
        RunError::Policy(error) => wipe_policy_error(&error, file.unwrap_or(Path::new(""))),
        RunError::Tree(error) => tree_error(error),
        RunError::Volume(error) => volume_error(error),
    }
}

/// A marker of an interrupted wipe that nobody can use now.
pub(crate) fn pending_error(error: PendingError) -> Failure {
    match error {
        PendingError::Held { path } => {
            Failure::new(Exit::Refused, "wipe-running").with("path", path.display())
        }
        PendingError::Io { .. } | PendingError::Damaged { .. } => {
            Failure::new(Exit::Impossible, "wipe-marker").because(&error)
        }
    }
}

/// Trees that were not erased, or have no receipt.
pub(crate) fn tree_error(error: TreeError) -> Failure {
    match error {
        TreeError::Refused(error) => refused(error),
        TreeError::Unfinished => Failure::new(Exit::Refused, "wipe-unfinished"),
        TreeError::Pending(error) => pending_error(error),
        TreeError::Diary(error) => Failure::new(Exit::Impossible, "wipe-marker").because(&error),
        TreeError::Receipt(error) => receipt_error(error),
    }
}
