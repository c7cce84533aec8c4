//! What keeps a node from joining, and what its daemon says no to, as failures.

use hanare_model::Tombstone;
use hanare_model::api::Refusal;
use hanare_model::invite::InviteError;
use hanare_tunnel::ApiError;
use hanare_tunnel::control::{ANYTHING, ControlError, Problem};
use hanare_tunnel::join::JoinError;
use hanare_tunnel::node::{LeaveError, UpError, WorkerError};
use hanare_tunnel::state::{Damage, StateError};

use super::host::{attempt, host_error};
use super::library::json;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::times;

/// A text that is no invite.
pub(crate) fn invite_error(error: InviteError) -> Failure {
    let input = |code| Failure::new(Exit::Input, code);
    match error {
        InviteError::Empty => input("invite-empty"),
        InviteError::Damaged => input("invite-damaged"),
        InviteError::Newer(version) => input("invite-newer").with("version", version),
        InviteError::Content(what) => input("invite-content").reported("cause-invite", what),
    }
}

/// A node that did not join.
pub(crate) fn join_error(error: JoinError) -> Failure {
    let refused = |code| Failure::new(Exit::Refused, code);
    match error {
        JoinError::AlreadyEnrolled { node } => {
            Failure::new(Exit::Impossible, "already-enrolled").with("node", node)
        }
        JoinError::Revoked { at, reason } => {
            refused("revoked").with("at", times::tell(at)).with_phrase("cause", end_reason(reason))
        }
        JoinError::CodeWanted => Failure::new(Exit::Input, "code-wanted"),
        JoinError::NotHeadquarters { endpoints } => refused("not-headquarters").with("endpoints", endpoints),
        JoinError::Refused(refusal) => join_refused(&refusal),
        JoinError::Unreachable { endpoints, last } => {
            let unreachable = Failure::new(Exit::Unreachable, "unreachable").with("endpoints", endpoints);
            if let ApiError::Timeout { .. } = last {
                unreachable.with_phrase("cause", Phrase::new("cause-timeout"))
            } else if let ApiError::Unavailable { status } = last {
                unreachable.with_phrase("cause", Phrase::new("cause-unavailable").with("status", status))
            } else {
                unreachable.because(&last)
            }
        }
        JoinError::Lease(text) => refused("lease").reported("cause-lease", text),
        JoinError::Setup(error) => Failure::new(Exit::Impossible, "runtime").because(&error),
        JoinError::State(error) => state_error(error),
        JoinError::Runtime(error) => Failure::new(Exit::Impossible, "runtime").because(&error),
    }
}

fn join_refused(refusal: &Refusal) -> Failure {
    let refused = |code| Failure::new(Exit::Refused, code);
    match refusal {
        Refusal::UnknownInvite => refused("invite-unknown"),
        Refusal::Expired { at } => refused("invite-expired").with("at", times::tell(*at)),
        Refusal::Used => refused("invite-used"),
        Refusal::Proof => refused("invite-proof"),
        Refusal::Code => refused("invite-code"),
        Refusal::Blocked => refused("invite-blocked"),
        Refusal::Name => refused("name-taken"),
        Refusal::Malformed | Refusal::Work { .. } => refused("hq-other-version"),
        Refusal::NotEnrolled => refused("not-enrolled"),
        Refusal::Revoked { tombstone: _ } => refused("revoked-by-hq"),
        Refusal::TooMany { retry_after_seconds } => refused("too-many").with("seconds", retry_after_seconds),
    }
}

/// The node's files.
pub(crate) fn state_error(error: StateError) -> Failure {
    let impossible = |code| Failure::new(Exit::Impossible, code);
    match error {
        StateError::Io { action, path, source } => {
            impossible("state-io").with_phrase("what", attempt(&action.of(path.display()))).because(&source)
        }
        StateError::Damaged { path, why } => {
            impossible("state-damaged").with("path", path.display()).with_phrase("cause", damage(&why))
        }
        StateError::Newer { path, format } => {
            impossible("state-newer").with("path", path.display()).with("format", format)
        }
    }
}

/// The daemon that runs the tunnel.
pub(crate) fn control_error(error: ControlError) -> Failure {
    match error {
        ControlError::NotRunning { path } => {
            Failure::new(Exit::Impossible, "node-not-running").with("path", path.display())
        }
        ControlError::Io { path, source } => {
            Failure::new(Exit::Unreachable, "node-io").with("path", path.display()).because(&source)
        }
        ControlError::StillEnding { pid, seconds } => {
            Failure::new(Exit::Unreachable, "still-ending").with("pid", pid).with("seconds", seconds)
        }
        ControlError::Held { state, seconds } => Failure::new(Exit::Unreachable, "still-held")
            .with("state", state.display())
            .with("seconds", seconds),
        ControlError::Answer => Failure::new(Exit::Bug, "node-answer"),
        ControlError::Refused(problem) => {
            match problem {
                Problem::Forbidden { verb } => {
                    Failure::new(Exit::Impossible, "node-forbidden").with_phrase("verb", asked_phrase(verb))
                }
                Problem::Wrong { why } => {
                    Failure::new(Exit::Input, "node-wrong").reported("cause-malformed", why)
                }
                Problem::Program => Failure::new(Exit::Input, "node-wrong")
                    .with_phrase("cause", Phrase::new("refused-program")),
                Problem::Reason => Failure::new(Exit::Input, "node-wrong")
                    .with_phrase("cause", Phrase::new("refused-reason")),
                Problem::Time => {
                    Failure::new(Exit::Input, "node-wrong").with_phrase("cause", Phrase::new("refused-time"))
                }
                Problem::UnlockTooSoon { seconds } => {
                    Failure::new(Exit::Refused, "unlock-too-soon").with("seconds", seconds)
                }
                Problem::Busy => Failure::new(Exit::Impossible, "node-busy"),
                Problem::Work { refusal } => super::work::refused(refusal),
                Problem::TooSoon { seconds } => Failure::new(Exit::Refused, "work-too-soon")
                    .with_phrase("span", super::work::span(seconds)),
                Problem::HqSilent => Failure::new(Exit::Unreachable, "work-hq-silent"),
                Problem::NotEnrolled => Failure::new(Exit::Refused, "not-enrolled"),
                Problem::OtherVersion => Failure::new(Exit::Refused, "hq-other-version"),
                Problem::WorkBusy => Failure::new(Exit::Impossible, "work-busy"),
                Problem::WorkNotOpen => Failure::new(Exit::No, "work-not-open"),
                Problem::Host { failure } => host_error(failure),
                Problem::State { text } => {
                    Failure::new(Exit::Impossible, "node-state").reported("cause-other", text)
                }
            }
        }
    }
}

/// What was asked of the daemon: a command's name, or any at all where the socket itself is closed to a person.
fn asked_phrase(verb: String) -> Phrase {
    if verb == ANYTHING {
        Phrase::new("asked-anything")
    } else {
        Phrase::new("asked-command").with("verb", verb)
    }
}

/// Words for a node's end where its reason is a code and not an admin's own words.
fn end_reason(reason: String) -> Phrase {
    match reason.as_str() {
        Tombstone::LEFT => Phrase::new("reason-left"),
        "" => Phrase::new("reason-none"),
        _ => Phrase::new("reason-given").with("words", reason),
    }
}

/// What is wrong with a file of the node.
fn damage(damage: &Damage) -> Phrase {
    match damage {
        Damage::Json { line, column, text } => json(*line, *column, text),
        Damage::Key => Phrase::new("damage-key"),
        Damage::Vanished => Phrase::new("damage-vanished"),
        Damage::NoHeadquarters => Phrase::new("damage-no-hq"),
        Damage::NoKeys => Phrase::new("damage-no-keys"),
        Damage::OtherKey => Phrase::new("damage-other-key"),
        Damage::Signature => Phrase::new("damage-signature"),
        Damage::LastRecord => Phrase::new("damage-last-record"),
        Damage::Ledger(text) => Phrase::new("damage-ledger").detail(text),
    }
}

/// A node that could not leave.
pub(crate) fn leave_error(error: LeaveError) -> Failure {
    match error {
        LeaveError::Host(error) => host_error(error),
        LeaveError::State(error) => state_error(error),
    }
}

/// A tunnel that did not start.
pub(crate) fn up_error(error: UpError) -> Failure {
    match error {
        UpError::NotJoined => Failure::new(Exit::Impossible, "not-joined"),
        UpError::Revoked { at, reason } => Failure::new(Exit::Refused, "revoked")
            .with("at", times::tell(at))
            .with_phrase("cause", end_reason(reason)),
        UpError::NotGateway => Failure::new(Exit::Input, "not-gateway"),
        UpError::State(error) => state_error(error),
        UpError::Host(error) => host_error(error),
    }
}

/// A daemon that ended by itself.
pub(crate) fn worker_error(error: WorkerError) -> Failure {
    match error {
        WorkerError::Host(error) => host_error(error),
        WorkerError::State(error) => state_error(error),
        WorkerError::Api(error) => Failure::new(Exit::Impossible, "runtime").because(&error),
        WorkerError::NotJoined => Failure::new(Exit::Impossible, "not-joined"),
        WorkerError::Control { path, source } => {
            Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(&source)
        }
        WorkerError::System { what, source } => Failure::new(Exit::Impossible, "host-io")
            .with_phrase("what", attempt(&what.into()))
            .because(&source),
        WorkerError::InterfaceLost(name) => {
            Failure::new(Exit::Impossible, "interface-lost").with("name", name)
        }
        WorkerError::Plane(text) => Failure::new(Exit::Bug, "bug").reported("cause-other", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::{Language, Voice};

    #[test]
    fn a_machine_that_left_by_itself_is_told_so_in_its_language() {
        let cause = |reason: &str, language| {
            let at = hanare_model::Timestamp::from_seconds(0);
            up_error(UpError::Revoked { at, reason: reason.to_owned() }).tell(&Voice::new(language)).cause
        };
        for code in [Tombstone::LEFT, ""] {
            let (ja, en) = (cause(code, Language::Japanese), cause(code, Language::English));
            assert!(!ja.is_ascii() && !ja.contains("code:"), "{ja}");
            assert!(en.is_ascii() && en.len() > 10 && !en.contains("code:"), "{en}");
        }
        assert_eq!(cause("盗難", Language::English), "盗難", "an admin's words are the admin's");
    }
}
