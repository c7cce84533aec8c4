//! What headquarters and its admin socket answer, as failures.

use std::path::Path;

use hanare_hq::admin::{BadText, ClientError, Field, Problem, WaitingNode, WaitsFor};
use hanare_model::policy::PolicyError;

use super::reasons::{bad_text, field_phrase, owner_phrase, policy_fault, unfit, word};
use crate::durations;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::times;

/// No answer from the running headquarters, or a no.
pub(crate) fn client_error(error: ClientError) -> Failure {
    let exit = Exit::from_code(error.exit_status());
    match error {
        ClientError::NotRunning { path, source } => {
            Failure::new(exit, "hq-not-running").with("path", path.display()).because(&source)
        }
        ClientError::Permission { path, source } => {
            Failure::new(exit, "hq-permission").with("path", path.display()).because(&source)
        }
        ClientError::Broken { path, source } => {
            Failure::new(exit, "hq-broken").with("path", path.display()).because(&source)
        }
        ClientError::Timeout { path, seconds } => {
            Failure::new(exit, "hq-timeout").with("path", path.display()).with("seconds", seconds)
        }
        ClientError::Protocol { path, source } => {
            Failure::new(exit, "hq-protocol").with("path", path.display()).because(&source)
        }
        ClientError::Refused(problem) => refused(problem),
    }
}

/// A text that other people could not read.
pub(crate) fn text_failure(exit: Exit, field: Field, reason: BadText) -> Failure {
    Failure::new(exit, "text")
        .with_phrase("field", field_phrase(field))
        .with_phrase("cause", bad_text(reason))
}

fn refused(problem: Problem) -> Failure {
    let exit = Exit::from_code(problem.exit_status());
    match problem {
        Problem::Exists { noun, id } => {
            Failure::new(exit, "exists").with_phrase("noun", word(noun)).with("id", id)
        }
        Problem::Missing { noun, id } => {
            Failure::new(exit, "missing").with_phrase("noun", word(noun)).with("id", id)
        }
        Problem::InUse { noun, id, by } => Failure::new(exit, "in-use")
            .with_phrase("noun", word(noun))
            .with("id", id)
            .with_phrase("by", owner_phrase(by)),
        Problem::Overlap { prefix, with, owner } => Failure::new(exit, "overlap")
            .with("prefix", prefix)
            .with("other", with)
            .with_phrase("owner", owner_phrase(owner)),
        Problem::Prefix { prefix, reason } => {
            Failure::new(exit, "prefix").with("prefix", prefix).with_phrase("cause", unfit(reason))
        }
        Problem::Full { place } => Failure::new(exit, "full").with("place", place),
        Problem::GatewayTaken { room, node } => {
            Failure::new(exit, "gateway-taken").with("room", room).with("node", node)
        }
        Problem::InviteKind => Failure::new(exit, "invite-kind"),
        Problem::InviteDuration { asked, least, most } => Failure::new(exit, "invite-duration")
            .with("asked", durations::short(asked))
            .with("least", durations::short(least))
            .with("most", durations::short(most)),
        Problem::Text { field, reason } => text_failure(exit, field, reason),
        Problem::Policy { line, column, fault } => Failure::new(exit, "policy")
            .with("place", format!("{line}:{column}"))
            .with_phrase("cause", policy_fault(&fault)),
        Problem::CompanyWanted => Failure::new(exit, "company-wanted"),
        Problem::PersonDisabled { id } => Failure::new(exit, "person-disabled").with("id", id),
        Problem::Successor { id, successor } => {
            Failure::new(exit, "successor").with("id", id).with("successor", successor)
        }
        Problem::SealedWait { room, nodes } => {
            let cause = nodes.iter().map(waiting_node).reduce(|first, next| {
                Phrase::new("sealed-wait-and").with_phrase("first", first).with_phrase("next", next)
            });
            let failure = Failure::new(exit, "sealed-wait").with("room", room);
            failure.with_phrase("cause", cause.unwrap_or_else(|| Phrase::new("not-known")))
        }
        Problem::SealedUnknown { node, since } => {
            Failure::new(exit, "node-silent").with("node", node).with("at", times::tell(since))
        }
        Problem::NothingHeld => Failure::new(exit, "nothing-held"),
        Problem::GrantOver => Failure::new(exit, "grant-over"),
        Problem::Sealed { node, items } => {
            Failure::new(exit, "node-sealed").with("node", node).with("items", items)
        }
        Problem::Overloaded => Failure::new(exit, "overloaded"),
        Problem::Forbidden { uid, group } => {
            Failure::new(exit, "forbidden").with("uid", uid).with("group", group)
        }
        Problem::Malformed { text } => Failure::new(exit, "malformed").reported("cause-malformed", text),
        Problem::DiskFull => Failure::new(exit, "disk-full"),
        Problem::Locked => Failure::new(exit, "database-locked"),
        Problem::Damaged { text } => Failure::new(exit, "database-damaged").reported("cause-database", text),
        Problem::Bucket { bucket, refused, text } => super::objects::bucket_failure(bucket, refused, text),
        Problem::Stopping => Failure::new(exit, "stopping"),
        Problem::Bug { text } => Failure::new(exit, "bug").reported("cause-other", text),
    }
}

/// Why a node keeps its room from being closed.
fn waiting_node(waiting: &WaitingNode) -> Phrase {
    let about = |id| Phrase::new(id).with("node", &waiting.node);
    match waiting.why {
        WaitsFor::Open => about("sealed-wait-open"),
        WaitsFor::Items { items } if waiting.is_connected => about("sealed-wait-coming").with("items", items),
        WaitsFor::Items { items } => about("sealed-wait-items").with("items", items),
        WaitsFor::Silent { since } => about("sealed-wait-silent").with("at", times::tell(since)),
        WaitsFor::Unheard => about("sealed-wait-unheard"),
    }
}

/// A policy file that cannot be used, with its place as editors understand it.
pub(crate) fn policy_error(error: &PolicyError, path: &Path) -> Failure {
    let place = format!("{}:{}:{}", path.display(), error.position.line, error.position.column);
    Failure::new(Exit::Input, "policy").with("place", place).with_phrase("cause", policy_fault(&error.fault))
}
