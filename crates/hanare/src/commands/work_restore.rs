//! `hanare work restore` and `hanare work deletions`: what a person asks back, and whether many deletions at once are meant.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use hanare_handover::WorkPath;
use hanare_model::Timestamp;
use serde_json::json;

use super::work::forbidden;
use crate::agent::{self, Answer, Asked, Standing};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::show;

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    #[arg(value_name = "PATH")]
    path: Option<OsString>,
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

impl RestoreArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let Self { path, at } = self;
        let path = path.map(|path| WorkPath::new(path.into_vec())).transpose();
        let path = path.map_err(|error| Failure::new(Exit::Input, "handover-path").because(&error))?;
        let standing = asked(context, &Asked::Restore { path, at })?;
        let Some(Answer::Restored { files, beside, same, failed, bytes }) = standing.answer else {
            return Err(unheard(&standing));
        };
        let document = json!({
            "files": files, "beside": beside, "same": same, "failed": failed, "bytes": bytes,
        });
        context.out.result("work.restore", &document, |_| String::new())?;
        if files + beside + same + failed == 0 {
            context.out.warn("work-restored-nothing", &[]);
            return Ok(Exit::No);
        }
        let size = show::size(bytes);
        context.out.talk(
            "work-restored",
            &[("files", &files), ("beside", &beside), ("same", &same), ("size", &size)],
        );
        if failed > 0 {
            context.out.warn("work-restored-part", &[("files", &failed)]);
            return Ok(Exit::Incomplete);
        }
        Ok(Exit::Good)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeletionsArgs {
    #[arg(long, conflicts_with = "put_back")]
    confirm: bool,
    #[arg(long)]
    put_back: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl DeletionsArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let Self { confirm, put_back, confirmation } = self;
        let held = asked(context, &Asked::Status)?.deletions_held;
        let tell = |confirmed: u64, put_back: u64, held: u64| {
            let document = json!({"held": held, "confirmed": confirmed, "put_back": put_back});
            context.out.result("work.deletions", &document, |_| String::new())
        };
        if held == 0 || !(confirm || put_back) {
            tell(0, 0, held)?;
            context.out.talk("deletions-held", &[("files", &held)]);
            return Ok(Exit::Good);
        }
        let what = context.out.voice().say_with("what-deletions", &[("files", &held)]);
        if confirm && !confirmation.go_on(context, &what)? {
            tell(0, 0, held)?;
            return Ok(Exit::Good);
        }
        let standing = asked(context, &Asked::Deletions { confirm })?;
        let Some(Answer::Deletions { files }) = standing.answer else { return Err(unheard(&standing)) };
        let left = held.saturating_sub(files);
        if confirm {
            tell(files, 0, left)?;
            context.out.talk("deletions-confirmed", &[("files", &files)]);
        } else {
            tell(0, files, left)?;
            context.out.talk("deletions-put-back", &[("files", &files)]);
        }
        Ok(Exit::Good)
    }
}

/// Asks the agent while somebody's work is open.
fn asked(context: &Context, asked: &Asked) -> Result<Standing, Failure> {
    let standing =
        agent::ask(&context.runtime, asked).ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    if !standing.active {
        return Err(Failure::new(Exit::No, "work-not-open"));
    }
    Ok(standing)
}

fn unheard(standing: &Standing) -> Failure {
    if standing.answer == Some(Answer::Forbidden) {
        return forbidden();
    }
    let away = Failure::new(Exit::Unreachable, "work-away");
    match &standing.trouble {
        Some(trouble) => away.reported("cause-agent", trouble),
        None => away.with_phrase("cause", Phrase::new("cause-not-asked")),
    }
}
