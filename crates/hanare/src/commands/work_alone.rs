//! `hanare work open --alone`: work that begins while headquarters is away.

use hanare_model::PersonId;
use hanare_tunnel::control::ControlError;
use serde_json::json;

use super::work_agent::{Agent, welcome};
use crate::agent::{self, Answer, Asked, Standing};
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
    let asked = Asked::Alone { person: person.clone(), hash: None };
    let standing =
        agent::ask(&context.runtime, &asked).ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    opened(&standing)?;
    context.out.result("work.open", &json!({"person": person, "alone": true}), |_| String::new())?;
    context.out.talk("work-opened-alone", &[("person", &person)]);
    welcome(context, person, Agent::IfInstalled, true)?;
    Ok(Exit::Good)
}

/// Whether it was opened, or why not.
pub(super) fn opened(standing: &Standing) -> Result<(), Failure> {
    let is = |answer| standing.answer == Some(answer);
    let refused = |code| Failure::new(Exit::Refused, code);
    Err(if is(Answer::Opened) {
        return Ok(());
    } else if is(Answer::Reachable) {
        refused("work-alone-reachable")
    } else if is(Answer::Taken) {
        refused("work-alone-taken")
    } else if is(Answer::Forbidden) {
        refused("work-alone-revoked")
    } else if is(Answer::Repeat) {
        Failure::new(Exit::Unreachable, "work-alone-repeat")
    } else if is(Answer::Failed) {
        let cause = standing.trouble.clone().unwrap_or_default();
        Failure::new(Exit::Impossible, "work-no-volume").reported("cause-agent", cause)
    } else {
        Failure::new(Exit::Impossible, "work-alone-unfit")
    })
}
