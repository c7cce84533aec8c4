//! `hanare work open --alone`: work that begins while headquarters is away.

use hanare_model::PersonId;
use hanare_tunnel::control::ControlError;
use serde_json::json;

use super::work::welcome;
use crate::agent::{self, Answer, Asked};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

/// Headquarters is away: there is another way to begin.
pub(super) fn unopened(context: &Context, error: ControlError) -> Failure {
    let failure = foreign::control_error(error);
    let keeps = || agent::ask(&context.runtime, &Asked::Status).is_some_and(|standing| standing.keeps_volume);
    if failure.exit == Exit::Unreachable && keeps() {
        context.out.talk("work-alone-hint", &[]);
    }
    failure
}

/// An empty volume for whoever says who they are, while nobody can check it.
pub(super) fn open_alone(context: &Context, person: &PersonId) -> Outcome {
    let standing = agent::ask(&context.runtime, &Asked::Alone { person: person.clone() })
        .ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    let refused = |code| Err(Failure::new(Exit::Refused, code));
    match standing.answer {
        Some(Answer::Opened) => {}
        Some(Answer::Reachable) => return refused("work-alone-reachable"),
        Some(Answer::Taken) => return refused("work-alone-taken"),
        Some(Answer::Forbidden) => return refused("work-alone-revoked"),
        Some(Answer::Failed) => {
            let cause = standing.trouble.unwrap_or_default();
            return Err(Failure::new(Exit::Impossible, "work-no-volume").reported("cause-agent", cause));
        }
        Some(
            Answer::Unfit
            | Answer::Ended { .. }
            | Answer::Left
            | Answer::Overtime { .. }
            | Answer::Enough
            | Answer::Again
            | Answer::Endless
            | Answer::Restored { .. }
            | Answer::Deletions { .. }
            | Answer::Away,
        )
        | None => return Err(Failure::new(Exit::Impossible, "work-alone-unfit")),
    }
    context.out.result("work.open", &json!({"person": person, "alone": true}), |_| String::new())?;
    context.out.talk("work-opened-alone", &[("person", &person)]);
    welcome(context)?;
    Ok(Exit::Good)
}
