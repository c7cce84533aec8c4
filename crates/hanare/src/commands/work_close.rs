//! `hanare work close`: the end of a person's work on this machine.

use hanare_tunnel::control::{Client, WorkState};
use serde_json::json;

use super::work::forbidden;
use super::work_agent::heard_soon;
use crate::agent::{self, Answer, Asked, Standing, words};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct CloseArgs {
    #[arg(long)]
    abandon: bool,
}

impl CloseArgs {
    pub(super) fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { abandon } = self;
        let standing = heard_soon(context);
        if standing.as_ref().is_some_and(|standing| standing.keeps_volume && standing.active) {
            return end(context, abandon);
        }
        let is_asked = standing.is_some() && !abandon;
        let standing = if is_asked { agent::ask(&context.runtime, &Asked::Finish) } else { None };
        if standing.is_none() && !abandon && is_open(client) {
            return Err(Failure::new(Exit::Incomplete, "work-close-unseen"));
        }
        let sealed = standing.as_ref().map_or(0, |standing| standing.sealed);
        if let Some(standing) = standing {
            if standing.answer == Some(Answer::Forbidden) {
                return Err(forbidden());
            }
            if standing.active && standing.waiting > 0 {
                return Err(left(&standing));
            }
        }
        let told = client.work_close().map_err(foreign::control_error)?;
        context
            .out
            .result("work.close", &json!({"headquarters_told": told, "sealed": sealed}), |_| String::new())?;
        let said = match told {
            Some(true) => "work-closed",
            Some(false) => "work-closed-untold",
            None => "work-closed-before",
        };
        context.out.talk(said, &[]);
        if sealed > 0 {
            context.out.talk("work-sealed", &[("items", &sealed)]);
            return Ok(Exit::Incomplete);
        }
        Ok(Exit::Good)
    }
}

fn is_open(client: &Client) -> bool {
    client.work_status().is_ok_and(|work| work.state == WorkState::Open)
}

/// The agent keeps the volume: closing work is the end of the day.
fn end(context: &Context, abandon: bool) -> Outcome {
    let standing = agent::ask(&context.runtime, &Asked::Close { abandon })
        .ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    let Some(Answer::Ended { verdict }) = standing.answer else {
        let is_forbidden = standing.answer == Some(Answer::Forbidden);
        return Err(if is_forbidden { forbidden() } else { left(&standing) });
    };
    context.out.result("work.close", &json!({"verdict": verdict}), |_| String::new())?;
    context.out.talk("work-closed", &[]);
    say(context, agent::ask(&context.runtime, &Asked::Status).as_ref());
    Ok(verdict.map_or(Exit::Incomplete, crate::commands::wipe::status))
}

fn left(standing: &Standing) -> Failure {
    let left = Failure::new(Exit::Incomplete, "work-left").with("files", standing.waiting + standing.full);
    match &standing.trouble {
        Some(trouble) => left.reported("cause-agent", trouble),
        None => left.with_phrase("cause", Phrase::new("work-left-waiting")),
    }
}

/// One sentence of what is safe, what waits and what was lost.
fn say(context: &Context, standing: Option<&Standing>) {
    if let Some(phrase) = standing.and_then(words::now) {
        context.out.talk_text(&phrase.say(context.out.voice()));
    }
}
