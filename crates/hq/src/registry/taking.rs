//! An admin takes copies of work, or passes it on: on the ledger, without a file's name, and told to whose work it is.

use hanare_model::work::Noticed;
use hanare_model::{NodeName, PersonId, Timestamp};
use serde_json::json;

use super::tenants::text;
use super::{Context, Decision, Outcome, Registry, notice};
use crate::admin::{Field, Passed, Problem};

/// What is to be taken: it is there, and was counted.
#[derive(Debug)]
pub(crate) struct Taking {
    /// Why, in the admin's words.
    pub reason: String,
    /// By node, if not by person.
    pub nodes: Option<Vec<NodeName>>,
    /// As it was at this time.
    pub at: Option<Timestamp>,
    /// Whether a path was named. Which one is nobody's business later.
    pub is_part: bool,
    /// Whose.
    pub persons: Vec<Taken>,
}

/// How much of one person's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub person: PersonId,
    pub files: u64,
    pub bytes: u64,
}

pub(super) fn take(registry: &Registry, context: &Context, taking: Taking) -> Result<Decision, Problem> {
    let Taking { reason, nodes, at, is_part, persons } = taking;
    text(Field::Reason, &reason)?;
    let mut decision = Decision::nothing(Outcome::Done);
    for (before, Taken { person, files, bytes }) in persons.into_iter().enumerate() {
        let data = json!({
            "reason": reason, "files": files, "bytes": bytes, "nodes": nodes, "as_of": at, "part": is_part,
        });
        let what = Noticed::Taken { reason: reason.clone(), files, bytes };
        decision = decision.recorded(context, "handover.taken", person.as_str(), data).with(notice::put(
            registry,
            before,
            &person,
            context.now,
            what,
        ));
    }
    Ok(decision)
}

/// A person's work has become another one's.
#[derive(Debug)]
pub(crate) struct Passing {
    pub from: PersonId,
    pub heir: PersonId,
    pub passed: Passed,
}

pub(super) fn pass(registry: &Registry, context: &Context, passing: Passing) -> Decision {
    let Passing { from, heir, passed } = passing;
    let data = json!({ "to": heir, "files": passed.files, "bytes": passed.bytes, "left": passed.left });
    let Passed { folder, files, bytes, .. } = passed;
    let what = Noticed::Inherited { from: from.clone(), folder, files, bytes };
    Decision::nothing(Outcome::Done)
        .recorded(context, "person.work-passed", from.as_str(), data)
        .with(notice::put(registry, 0, &heir, context.now, what))
}
